"""Job queue port: between accepting a message and its broadcast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.core.events import QueueRecord
    from chalicelib.core.jobs import Job, QueueDepth


class JobQueue(Protocol):
    """Queue of jobs for the broadcast, in order within each group.

    Every method raises `UnavailableError` when the queue does not answer, or refuses any part of
    what was asked; the rest may have been done nevertheless. All of it may be asked again.
    """

    def publish(self, job: Job) -> None:
        """Queue a job, unless one with its id was queued for the room within the last 5 minutes."""

    def publish_all(self, jobs: Sequence[Job]) -> None:
        """Queue jobs like `publish`, in order; each has to fit (`jobs.cut`)."""

    def dead_letter(self, record: QueueRecord, reason: str) -> None:
        """Put what can't be carried out where people look at it, with the reason."""

    def delete(self, records: Sequence[QueueRecord]) -> None:
        """Take records that are done off the queue, whatever becomes of the rest of their batch.

        One that the queue does not delete comes again after the visibility timeout.
        """

    def delay(self, records: Sequence[QueueRecord], seconds: int) -> None:
        """Let records come again after some time.

        One that the queue does not delay comes again after the visibility timeout.
        """

    def waiting(self) -> QueueDepth:
        """Count what waits, about."""
