"""Erasure: deletes a user's data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from chalicelib.core import protocol
from chalicelib.core.jobs import QueueDepth
from chalicelib.core.model import Connection, SequencedMessage
from chalicelib.core.ports.traces import MembershipTrace
from chalicelib.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.core.model import ApiStage, ConnectionId, UserId
    from chalicelib.core.ports.store import Store
    from chalicelib.core.ports.traces import Trace, TraceStore
    from chalicelib.service.connections import ConnectionCloser
    from chalicelib.service.presence import PresenceNotifier
    from chalicelib.service.runtime import Runtime

FUNCTION_SECONDS: Final = 30
"""Longest run of a function for a client's frame, in seconds: the gateway waits for 29.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
"""


@dataclass
class Erased:
    """Outcome of an erasure.

    Attributes:
        messages: messages that have lost their text and their author's name.
        connections: connections that were closed and forgotten, with their memberships.
        items: other items of the user that were deleted.
        before: every message that was accepted before that moment, in seconds since 1970, is
            erased, if it did not wait.
        waiting: what waited at that moment. A message of the user among it comes into history when
            it is carried out.
        absent: whether the user was not there after that moment, as far as can be told. Else there
            may be newer messages.
    """

    messages: int = 0
    connections: set[ConnectionId] = field(default_factory=set)
    items: int = 0
    before: float = 0.0
    waiting: QueueDepth = field(default_factory=QueueDepth)
    absent: bool = True


class Erasure(Record, frozen=True):
    """Deletes the texts, names, connections and memberships of a user from the table.

    The user id stays with the messages that are empty now, and in sanctions, which would else be
    lifted. Numbers and keys stay, so that no room has a hole and what is sent again gets the same
    ack. Interrupted anywhere, it may be called again; once all is erased, that changes nothing.

    Args:
        store: the table.
        traces: finds what the table holds of the user.
        closer: closes connections.
        notifier: tells rooms who has left.
        waiting: counts the jobs in the queue.
        runtime: clock and sleep.
    """

    store: Store
    traces: TraceStore
    closer: ConnectionCloser
    notifier: PresenceNotifier
    waiting: Callable[[], QueueDepth]
    runtime: Runtime

    def erase(self, user_id: UserId) -> Erased:
        """Erase a user's data, reading the whole table once.

        The user's connections end first, and what their functions have begun is waited for. So
        what was accepted is numbered or waits when the reading begins.

        Raises:
            FrameError: `bad_frame`; that can be no user's id.
            UnavailableError: the table or the queue failed; part of it may be done.
        """
        protocol.check_user_id(user_id)
        erased = Erased()
        if self._end_listed(user_id, erased):
            self.runtime.sleep(FUNCTION_SECONDS)
            self._end_listed(user_id, erased)
        erased.before, erased.waiting = self.runtime.clock(), self.waiting()
        for trace in self.traces.find(user_id):
            self._erase_trace(trace, erased)
        if self._end_listed(user_id, erased):
            erased.absent = False
        return erased

    def _end_listed(self, user_id: UserId, erased: Erased) -> bool:
        """End the connections that are listed with a user; return whether anything was there."""
        entries = self.traces.entries(user_id)
        for entry in entries:
            self._end(entry.id, entry.api_stage, erased)
        items = self.traces.drop(user_id, entries)
        erased.items += items
        return bool(entries or items)

    def _erase_trace(self, trace: Trace, erased: Erased) -> None:
        match trace:
            case SequencedMessage():
                erased.messages += self.traces.erase(trace)
            case Connection():
                self._end(trace.id, trace.api_stage, erased)
                erased.absent = False
            case MembershipTrace(member, room, level):
                self._close(member.id, member.api_stage, erased)
                self.notifier.left(self.store.forget_all([member], room, level))

    def _end(self, connection_id: ConnectionId, api_stage: ApiStage, erased: Erased) -> None:
        self._close(connection_id, api_stage, erased)
        self.notifier.left(self.store.forget(connection_id))

    def _close(self, connection_id: ConnectionId, api_stage: ApiStage, erased: Erased) -> None:
        self.closer.close(connection_id, api_stage)
        erased.connections.add(connection_id)
