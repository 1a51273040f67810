"""A server tells a user something, on all of the user's connections."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from chalicelib.core import protocol
from chalicelib.core.errors import forbidden
from chalicelib.core.identity import is_over
from chalicelib.core.model import Protocol, UserId
from chalicelib.core.protocol import NoticeFrame
from chalicelib.core.record import Record
from chalicelib.service.addresses import connections_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.core.model import ApiStage, ConnectionId
    from chalicelib.core.ports.poster import Poster
    from chalicelib.core.ports.store import Store
    from chalicelib.core.protocol import Bounds
    from chalicelib.service.publishers import PublisherCheck

POST_SECONDS: Final = 10.0
"""How long the posts to a user's connections may take together."""


class UserNotifier(Record, frozen=True):
    """Posts notices, which belong to no room, have no number, and are not kept."""

    publishers: PublisherCheck
    store: Store
    poster: Callable[[ApiStage], Poster]
    bounds: Bounds
    clock: Callable[[], float]
    new_id: Callable[[], str]

    def __call__(self, token: str | None, name: str, body: str) -> tuple[str, int]:
        """Tell a user something; return the notice's id, and how many connections have taken it.

        Raises:
            HandshakeError: the token proves nothing.
            FrameError: `slow_down`, `bad_json`, `bad_frame`, `too_large`, or `forbidden`.
            UnavailableError: the user's connections can't be looked up.
        """
        identity = self.publishers(token)
        publication = protocol.decode_publication(body, self.bounds)
        if not identity.rights.may_notify():
            raise forbidden()
        protocol.check_user_id(name)
        notice = NoticeFrame(
            id=publication.id or self.new_id(),
            message=publication.message,
            timestamp=protocol.timestamp(int(self.clock() * 1000)),
            sender=protocol.user_frame(identity.user),
        )
        return notice.id, self._post(UserId(name), protocol.encode(notice))

    def _post(self, user_id: UserId, frame: bytes) -> int:
        by_origin: defaultdict[ApiStage, list[tuple[ConnectionId, bytes]]] = defaultdict(list)
        now = self.clock()
        for connection in connections_of(self.store, user_id):
            over = is_over(connection.until, now)
            if connection.protocol is not Protocol.PLAIN and not over:
                by_origin[connection.origin].append((connection.id, frame))
        deadline = time.monotonic() + POST_SECONDS
        reports = [self.poster(origin).post(posts, deadline) for origin, posts in by_origin.items()]
        return sum(len(report.delivered) for report in reports)
