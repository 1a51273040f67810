"""One client's messages of one room: the rules of docs/protocol.md, without a socket or clock.

Server objects and timeouts go in, effects for the caller to perform come out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from fanfare_client.effects import AskHistory, Deliver, Gap, Join, Rejected, Send, Settle

if TYPE_CHECKING:
    from fanfare_client.effects import Effect, Frame

OUTBOX_LIMIT: Final = 100
"""Own messages of a room that may wait to be settled."""


class OutboxFullError(Exception):
    """Too many of one's own messages wait to be settled."""


class State(Enum):
    """Progress of a timeline with its room."""

    AWAY = auto()
    JOINING = auto()
    CATCHING_UP = auto()
    LIVE = auto()


@dataclass(slots=True)
class _Unsettled:
    text: str
    sent: bool = False
    in_flight: bool = False


class Timeline:
    """One room as one client has it, over all of the client's connections.

    Attributes:
        epoch: the one that the numbers are of; None before the first `joined`.
        frontier: the highest seq up to which everything is there, or is reported as a gap.
        delivered: the messages so far, in order. An own one that was acked has no `timestamp`.
        gaps: the reasons of the gaps so far.
    """

    def __init__(self, room: str) -> None:
        self.room = room
        self.state = State.AWAY
        self.epoch: str | None = None
        self.frontier = 0
        self.delivered: list[Frame] = []
        self.gaps: list[str] = []
        self._you: Frame = {}
        # Keyed by epoch too: the first messages of a new epoch come before the `joined` that
        # tells of it, and an own one among them won't come again, since it is settled.
        self._held: dict[tuple[str, int], Frame] = {}
        self._reached = 0  # the room itself has come that far, as a `joined`, `ack` or `pong` told
        self._asked_after: int | None = None
        self._job_queue: dict[str, _Unsettled] = {}
        self._effects: list[Effect] = []

    @property
    def hole(self) -> int | None:
        """The frontier, if something above it is missing and history is not asked for it yet."""
        return self.frontier if self._behind and self._asked_after != self.frontier else None

    @property
    def asked(self) -> State | int | None:
        """The open question to the server: a `joined`, the history after a seq, or nothing."""
        if self.state is State.JOINING:
            return self.state
        return self._asked_after if self._behind and self.hole is None else None

    @property
    def unsettled(self) -> str | None:
        """The id of the oldest own message that was sent and is not settled."""
        return next((key for key, own in self._job_queue.items() if own.in_flight), None)

    def join(self) -> list[Effect]:
        """Join, or join again to catch up: on a new connection, or when an answer is overdue."""
        self._join()
        return self._drain()

    def lose(self) -> None:
        """Note that the connection is gone."""
        self.state = State.AWAY

    def say(self, id: str, text: str) -> list[Effect]:  # noqa: A002  (the field's name)
        """Put an own message into the job queue, and send it if the room is caught up.

        Raises:
            OutboxFullError: `OUTBOX_LIMIT` messages wait already.
        """
        if len(self._job_queue) >= OUTBOX_LIMIT:
            raise OutboxFullError(
                f"{OUTBOX_LIMIT} messages wait to be settled in {self.room!r}: "
                "wait for some of them before sending more."
            )
        self._job_queue[id] = _Unsettled(text)
        self._advance()
        return self._drain()

    def on_reorder_timeout(self) -> list[Effect]:
        """Ask for what is missing; call when a `hole` has stayed the same for 500 ms."""
        if self.hole is not None:
            self._ask_history()
        return self._drain()

    def learn(self, epoch: str, seq: int) -> list[Effect]:
        """Take from a `pong` how far the room has come, so what is missing becomes a `hole`."""
        self._learn(epoch, seq)
        return self._drain()

    def receive(self, frame: Frame) -> list[Effect]:
        """Take one object from the server; those that are not about messages have no effect."""
        match frame:
            case {"type": "message"}:
                self._take(frame)
                self._advance()
            case {"type": "ack"}:
                self._on_ack(frame)
            case {"type": "joined"}:
                self._on_joined(frame)
            case {"type": "history"}:
                self._on_history(frame)
            case {"type": "error", "retry": "never"}:
                self._on_refusal(frame)
        return self._drain()

    @property
    def _joined(self) -> bool:
        return self.state in (State.CATCHING_UP, State.LIVE)

    @property
    def _behind(self) -> bool:
        if not self._joined:
            return False
        return self.frontier < self._reached or any(epoch == self.epoch for epoch, _ in self._held)

    def _take(self, message: Frame) -> None:
        # Settling comes first: also a duplicate may be the first word about an own message, which
        # was numbered just before a connection was lost, and its ack lost with that.
        if message["data"]["userId"] == self._you.get("userId"):
            self._settle(message["id"], message["seq"])
        self._hold(message)

    def _on_ack(self, ack: Frame) -> None:
        own = self._settle(ack["id"], ack["seq"])
        if own is not None:
            data = {"type": "chat", "message": own.text, **self._you}
            self._hold({**ack, "type": "message", "data": data})
        else:
            # A copy; or it was sent before a leave and a join again, and that seq comes as this
            # ack only, whose text is forgotten here, so it is a hole.
            self._learn(ack["epoch"], ack["seq"])
        self._advance()

    def _on_joined(self, joined: Frame) -> None:
        # A merge, not a reset: an answer may come twice, or late, or over a second connection
        # while the first goes on delivering. So the frontier never jumps because of one, except
        # in a first join, a new epoch, and over what is gone.
        if self.epoch not in (None, joined["epoch"]) and joined.get("reason") != "epoch":
            self._join()  # an old answer, to what was asked before the room was started anew
            return
        self._you = joined["you"]
        if self.epoch != joined["epoch"]:
            if self.epoch is not None:
                self._report_gap("epoch")
            self._start(joined["epoch"], joined["seq"])
        for message in joined["messages"]:
            self._take(message)
        if joined.get("reason") == "expired":
            kept = [message["seq"] for message in joined["messages"]]
            self._pass_over(min(kept, default=joined["seq"] + 1))
        self._reached = max(self._reached, joined["seq"])
        self.state = State.CATCHING_UP
        self._advance()
        if self.state is State.CATCHING_UP:
            self._ask_history()

    def _on_history(self, page: Frame) -> None:
        before = self.frontier
        for message in page["messages"]:
            self._take(message)
        if self._joined and page["epoch"] != self.epoch:
            self._join()
        self._advance()
        if not self._behind or self._asked_after != before:
            return
        if self.frontier > before:
            # Without more, the hole above is younger than this page: the reorder wait is its turn.
            if page["more"]:
                self._ask_history()
        elif page["messages"] and page["messages"][0]["seq"] > before + 1:
            # What comes next is no longer kept, or this page answers another question (it does
            # not say which). Only `joined` tells for sure that something has expired.
            self._join()

    def _on_refusal(self, error: Frame) -> None:
        if self._job_queue.pop(error.get("id", ""), None) is not None:
            self._effects.append(Rejected(error["id"], error["code"], error["message"]))
        elif error.get("action") == "join":
            self._effects.append(Rejected(None, error["code"], error["message"]))
        # The server has lost this member, and with it everything since would be lost in silence.
        if error["code"] == "not_joined" and self._joined:
            self._join()

    def _settle(self, id_: str, seq: int) -> _Unsettled | None:
        own = self._job_queue.pop(id_, None)
        if own is not None:
            self._effects.append(Settle(id_, seq))
        return own

    def _hold(self, message: Frame) -> None:
        epoch, seq = message["epoch"], message["seq"]
        if epoch == self.epoch and seq <= self.frontier:
            return
        self._held.setdefault((epoch, seq), message)
        if epoch != self.epoch:
            self._meet_other_epoch()

    def _learn(self, epoch: str, seq: int) -> None:
        if epoch == self.epoch:
            self._reached = max(self._reached, seq)
        else:
            self._meet_other_epoch()

    def _meet_other_epoch(self) -> None:
        # While a join is under way its answer may be about that epoch already.
        if self._joined:
            self._join()

    def _join(self) -> None:
        self.state = State.JOINING
        self._asked_after = None
        for own in self._job_queue.values():
            own.in_flight = False
        since = None if self.epoch is None else self.frontier
        self._effects.append(Join(since, self.epoch))

    def _ask_history(self) -> None:
        self._asked_after = self.frontier
        self._effects.append(AskHistory(self.frontier))

    def _start(self, epoch: str, seq: int) -> None:
        self.epoch, self.frontier, self._reached = epoch, seq, seq
        self._held = {key: m for key, m in self._held.items() if key[0] == epoch and key[1] > seq}

    def _pass_over(self, first: int) -> None:
        """Go on at `first`, since what is missing below it will not come any more."""
        if first <= self.frontier + 1:
            return
        self._report_gap("expired")
        for key in sorted(key for key in self._held if key[0] == self.epoch and key[1] < first):
            self._deliver(self._held.pop(key))
        self.frontier = first - 1

    def _report_gap(self, reason: str) -> None:
        self.gaps.append(reason)
        self._effects.append(Gap(reason))

    def _advance(self) -> None:
        """Deliver what is next; once the room is caught up, send what waits."""
        # Not before `joined`: the numbers may be of another epoch, or come before its replay.
        if not self._joined or self.epoch is None:
            return
        while (next_ := self._held.pop((self.epoch, self.frontier + 1), None)) is not None:
            self._deliver(next_)
        if self.state is State.CATCHING_UP and self.frontier >= self._reached:
            self.state = State.LIVE
        # Not while catching up: the replay may show that a message has its number, and a server
        # that has forgotten its id by now would number it again. And one at a time: the server
        # handles frames side by side, so two on the way may get their numbers the other way round.
        if self.state is State.LIVE and self._job_queue:
            id_, own = next(iter(self._job_queue.items()))
            if not own.in_flight:
                self._effects.append(Send(id_, own.text, resend=own.sent))
                own.sent = own.in_flight = True

    def _deliver(self, message: Frame) -> None:
        self.frontier = message["seq"]
        self.delivered.append(message)
        self._effects.append(Deliver(message))

    def _drain(self) -> list[Effect]:
        effects, self._effects = self._effects, []
        return effects
