"""Sending: queues a client's messages and signals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.core import protocol
from chalicelib.core.jobs import MessageJob, SignalJob
from chalicelib.core.model import Message, RoomId, SequencedMessage
from chalicelib.core.ports.meter import Metric
from chalicelib.core.record import Record
from chalicelib.core.room_update import SignalSent
from chalicelib.service.membership import require_speaker

if TYPE_CHECKING:
    from chalicelib.core.model import Connection
    from chalicelib.core.ports.job_queue import JobQueue
    from chalicelib.core.ports.store import Store
    from chalicelib.core.protocol import AckFrame, Say, Signal
    from chalicelib.service.backlog import Backlog
    from chalicelib.service.runtime import Runtime


class MessageSender(Record, frozen=True):
    """Queues messages and signals for the members of a room."""

    store: Store
    job_queue: JobQueue
    backlog: Backlog
    runtime: Runtime

    def say(self, connection: Connection, request: Say) -> AckFrame | None:
        """Queue a message; the broadcast numbers it, and acknowledges it then.

        A message that is sent again and has its number already is acknowledged at once: the queue
        would drop it without a word. One that is still queued gets its ack, or is delivered to
        this connection, when it is numbered.

        Raises:
            FrameError: `not_joined`, `forbidden`, `muted`, or `slow_down`.
        """
        room = RoomId(request.room)
        require_speaker(connection, room, self.runtime.clock())
        message = Message(
            id=request.id or self.runtime.new_id(),
            room=room,
            type=request.type,
            text=request.message,
            user=connection.user,
            sender=connection.id,
            sent_at=int(self.runtime.clock() * 1000),
            api_stage=connection.api_stage,
        )
        if request.resend:
            head, known = self.store.numbers(room, [message.key])
            if message.key in known:
                return protocol.ack_frame(SequencedMessage(known[message.key], head.epoch, message))
        self.backlog.take_message(room)
        self.job_queue.publish(MessageJob(room=room, id=message.key, message=message))
        self.runtime.meter.count(Metric.MESSAGES_ACCEPTED)
        return None

    def signal(self, connection: Connection, request: Signal) -> None:
        """Queue a signal.

        Raises:
            FrameError: `not_joined`, `forbidden`, `muted`, or `slow_down`.
        """
        room = RoomId(request.room)
        require_speaker(connection, room, self.runtime.clock())
        self.backlog.take_signal(room)
        signal = SignalSent(
            data=bytes(request.data).decode(),
            user=connection.user,
            sender=connection.id,
            sent_at=int(self.runtime.clock() * 1000),
        )
        self.job_queue.publish(SignalJob(room, self.runtime.new_id(), signal))
