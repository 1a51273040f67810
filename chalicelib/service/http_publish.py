"""A server says something in a room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.core import protocol
from chalicelib.core.errors import forbidden
from chalicelib.core.jobs import MessageJob
from chalicelib.core.model import Message, RoomId
from chalicelib.core.ports.meter import Metric
from chalicelib.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.core.identity import Patterns
    from chalicelib.core.ports.job_queue import JobQueue
    from chalicelib.core.ports.meter import Meter
    from chalicelib.core.protocol import Bounds
    from chalicelib.service.backlog import Backlog
    from chalicelib.service.publishers import PublisherCheck
    from chalicelib.service.sanction_check import SanctionCheck


class HttpPublisher(Record, frozen=True):
    """Queues messages that come over no connection, under the rules for those that do."""

    publishers: PublisherCheck
    job_queue: JobQueue
    backlog: Backlog
    guard: SanctionCheck
    private: Patterns
    bounds: Bounds
    clock: Callable[[], float]
    new_id: Callable[[], str]
    meter: Meter

    def __call__(self, token: str | None, name: str, body: str) -> str:
        """Queue a message for a room, which its publisher need not be in; return the message's id.

        Raises:
            HandshakeError: the token proves nothing.
            FrameError: `slow_down`, `bad_room`, `bad_json`, `bad_frame`, `too_large`, `forbidden`,
                `banned`, or `muted`.
            UnavailableError: the message is not known to be queued.
        """
        identity = self.publishers(token)
        protocol.check_room(name, self.bounds)
        publication = protocol.decode_publication(body, self.bounds)
        room, rights = RoomId(name), identity.rights
        if not (rights.may_join(room, self.private) and rights.may_publish(room)):
            raise forbidden()
        self.guard.require_unsanctioned(room, identity.user.user_id)
        self.backlog.take_message(room)
        message = Message(
            id=publication.id or self.new_id(),
            room=room,
            type="chat",
            text=publication.message,
            user=identity.user,
            sender=None,
            sent_at=int(self.clock() * 1000),
        )
        self.job_queue.publish(MessageJob(room, message.key, message))
        self.meter.count(Metric.MESSAGES_ACCEPTED)
        return message.id
