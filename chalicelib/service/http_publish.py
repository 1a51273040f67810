"""Publishing over HTTP: messages to rooms and notices to users, from servers with a token."""

from __future__ import annotations

import time
from collections import defaultdict
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from chalicelib.core import protocol
from chalicelib.core.errors import HandshakeError, forbidden
from chalicelib.core.identity import is_over
from chalicelib.core.jobs import MessageJob
from chalicelib.core.model import Message, Protocol, RoomId, UserId
from chalicelib.core.ports.authenticator import HandshakeCredentials
from chalicelib.core.ports.meter import Metric
from chalicelib.core.protocol import NoticeFrame
from chalicelib.core.record import Record
from chalicelib.service.connections import connections_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.core.identity import Identity, Patterns
    from chalicelib.core.model import ApiStage, ConnectionId
    from chalicelib.core.ports.authenticator import Authenticator
    from chalicelib.core.ports.job_queue import JobQueue
    from chalicelib.core.ports.poster import Poster
    from chalicelib.core.ports.store import Store
    from chalicelib.core.protocol import Bounds
    from chalicelib.service.backlog import Backlog
    from chalicelib.service.rate_limiter import RateLimiter
    from chalicelib.service.runtime import Runtime
    from chalicelib.service.sanction_check import SanctionCheck

POST_SECONDS: Final = 10.0
"""Timeout of the posts to all connections of a user."""


class PublisherCheck(Record, frozen=True):
    """Authenticates servers that publish, and limits their rate.

    Attributes:
        authenticator: checks tokens; None where clients need none, and could publish as anybody.
    """

    authenticator: Authenticator | None
    rate_limiter: RateLimiter

    def authenticate(self, token: str | None) -> Identity:
        """Return the identity of a publisher.

        Raises:
            HandshakeError: the token proves nothing.
            FrameError: `slow_down`.
            UnavailableError: the token can't be checked now, or the table does not answer.
        """
        if self.authenticator is None:
            raise HandshakeError(HTTPStatus.UNAUTHORIZED, "who publishes needs a token: set one up")
        identity = self.authenticator.authenticate(HandshakeCredentials(token=token))
        self.rate_limiter.charge_publisher(identity.user.user_id)
        return identity


class HttpPublisher(Record, frozen=True):
    """Queues messages that come over HTTP, under the rules for those over connections."""

    publisher_check: PublisherCheck
    job_queue: JobQueue
    backlog: Backlog
    sanction_check: SanctionCheck
    private: Patterns
    bounds: Bounds
    runtime: Runtime

    def publish(self, token: str | None, name: str, body: str) -> str:
        """Queue a message for a room, which its publisher need not be in; return the message's id.

        Raises:
            HandshakeError: the token proves nothing.
            FrameError: `slow_down`, `bad_room`, `bad_json`, `bad_frame`, `too_large`, `forbidden`,
                `banned`, or `muted`.
            UnavailableError: the message is not known to be queued.
        """
        identity = self.publisher_check.authenticate(token)
        protocol.check_room(name, self.bounds)
        publication = protocol.decode_publication(body, self.bounds)
        room, rights = RoomId(name), identity.rights
        if not (rights.may_join(room, self.private) and rights.may_publish(room)):
            raise forbidden()
        self.sanction_check.require_unsanctioned(room, identity.user.user_id)
        self.backlog.take_message(room)
        message = Message(
            id=publication.id or self.runtime.new_id(),
            room=room,
            type="chat",
            text=publication.message,
            user=identity.user,
            sender=None,
            sent_at=int(self.runtime.clock() * 1000),
        )
        self.job_queue.publish(MessageJob(room, message.key, message))
        self.runtime.meter.count(Metric.MESSAGES_ACCEPTED)
        return message.id


class UserNotifier(Record, frozen=True):
    """Posts notices to users; a notice belongs to no room, has no number, and is not kept."""

    publisher_check: PublisherCheck
    store: Store
    poster: Callable[[ApiStage], Poster]
    bounds: Bounds
    runtime: Runtime

    def notify(self, token: str | None, name: str, body: str) -> tuple[str, int]:
        """Post a notice to a user; return its id and the number of connections that took it.

        Raises:
            HandshakeError: the token proves nothing.
            FrameError: `slow_down`, `bad_json`, `bad_frame`, `too_large`, or `forbidden`.
            UnavailableError: the user's connections can't be looked up.
        """
        identity = self.publisher_check.authenticate(token)
        publication = protocol.decode_publication(body, self.bounds)
        if not identity.rights.may_notify():
            raise forbidden()
        protocol.check_user_id(name)
        notice = NoticeFrame(
            id=publication.id or self.runtime.new_id(),
            message=publication.message,
            timestamp=protocol.timestamp(int(self.runtime.clock() * 1000)),
            sender=protocol.user_frame(identity.user),
        )
        return notice.id, self._post(UserId(name), protocol.encode(notice))

    def _post(self, user_id: UserId, frame: bytes) -> int:
        by_api_stage: defaultdict[ApiStage, list[tuple[ConnectionId, bytes]]] = defaultdict(list)
        now = self.runtime.clock()
        for connection in connections_of(self.store, user_id):
            over = is_over(connection.until, now)
            if connection.protocol is not Protocol.PLAIN and not over:
                by_api_stage[connection.api_stage].append((connection.id, frame))
        deadline = time.monotonic() + POST_SECONDS
        reports = [
            self.poster(api_stage).post(posts, deadline)
            for api_stage, posts in by_api_stage.items()
        ]
        return sum(len(report.delivered) for report in reports)
