"""Accepted messages go out to the members of their rooms."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chalicelib import outbox, rooms
from chalicelib.posting import Report

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.events import QueueEvent
    from chalicelib.posting import Poster
    from chalicelib.store import Store

POSTING_SHARE: Final = 0.8
"""How much of an invocation's time goes to posting; the rest is for forgetting who is gone."""


@dataclass(frozen=True)
class Broadcast:
    """Posts a batch of queued messages, and forgets the connections that are gone."""

    store: Store
    poster: Callable[[str, str], Poster]

    def __call__(self, event: QueueEvent, remaining: float) -> Report:
        """Run the use case for a batch, within the invocation's `remaining` seconds.

        Raises:
            UnavailableError: the table can't be read; the queue delivers the batch again.
            msgspec.DecodeError: a record is no job; the queue's redrive policy buries it.
        """
        deadline = time.monotonic() + remaining * POSTING_SHARE
        jobs = [outbox.decode(record.body) for record in event.records]
        total = Report()
        origin = {job.message.room: (job.api_id, job.stage) for job in jobs}
        for room, messages in rooms.by_room(job.message for job in jobs).items():
            posts = rooms.posts(messages, self.store.members(room))
            report = self.poster(*origin[room]).post(posts, deadline)
            for connection_id in report.gone:
                self.store.forget(connection_id, room)
            total.merge(report)
        return total
