"""Metrics: their catalogue, and the port through which use cases count."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Protocol


class Unit(StrEnum):
    """The units of CloudWatch that are used here."""

    COUNT = "Count"
    MILLISECONDS = "Milliseconds"
    NONE = "None"


class Metric(Enum):
    """Every metric: its name in CloudWatch, its unit, and what one value of it says.

    On a canonical log line the same figure stands under the member's name in lower case, summed.
    """

    COLD_STARTS = "ColdStarts", Unit.COUNT, "A container served its first invocation."

    CONNECTIONS_OPENED = "ConnectionsOpened", Unit.COUNT, "A client was let in."
    CONNECTIONS_CLOSED = "ConnectionsClosed", Unit.COUNT, "A `$disconnect` came."
    CONNECTIONS_CUT = "ConnectionsCut", Unit.COUNT, "The server has ended a connection."
    HANDSHAKES_REFUSED = "HandshakesRefused", Unit.COUNT, "A client was not let in; by code."

    MESSAGES_ACCEPTED = "MessagesAccepted", Unit.COUNT, "A message was queued for its room."
    FRAMES_REFUSED = "FramesRefused", Unit.COUNT, "A frame was refused; by code."

    QUEUE_WAIT = "QueueWait", Unit.MILLISECONDS, "How long a record lay in the queue."
    MESSAGES_NUMBERED = "MessagesNumbered", Unit.COUNT, "A message got its number."
    RECORDS_DELAYED = "RecordsDelayed", Unit.COUNT, "A record could not be served, and comes again."
    RECORDS_BURIED = "RecordsBuried", Unit.COUNT, "A record was no job: see the dead letters."

    POSTS = "Posts", Unit.COUNT, "A post was sent, each try counted."
    DELIVERED = "Delivered", Unit.COUNT, "A connection took every post of a batch."
    GONE = "Gone", Unit.COUNT, "A connection was gone (410), and is forgotten."
    FAILED = "Failed", Unit.COUNT, "A connection missed a post, for whatever reason."
    THROTTLED = "Throttled", Unit.COUNT, "It missed it since the gateway is asked too much (429)."
    SLOW_CONSUMERS = "SlowConsumers", Unit.COUNT, "It missed it since it does not read (429)."
    POST_RETRIES = "PostRetries", Unit.COUNT, "A post was sent again at once."
    POSSIBLE_DUPLICATES = (
        "PossibleDuplicates",
        Unit.COUNT,
        "A post was sent again that may have been delivered; the client drops what it has.",
    )
    RETRIES_QUEUED = "RetriesQueued", Unit.COUNT, "A connection's missed posts were queued again."
    GIVEN_UP = "GivenUp", Unit.COUNT, "A connection's retries are used up; it finds the gap itself."
    POSTS_PER_MESSAGE = (
        "PostsPerMessage",
        Unit.NONE,
        "Posts for each message and member of a batch: 1 alone, less where messages share frames.",
    )
    FANOUT_TIME = "FanoutTime", Unit.MILLISECONDS, "How long the posts of a batch took."
    DELAY = "Delay", Unit.MILLISECONDS, "From a message's acceptance until its posts were answered."

    ERRORS_SWALLOWED = (
        "ErrorsSwallowed",
        Unit.COUNT,
        "Something was left undone that heals by itself; the log line `swallowed` names it.",
    )

    def __init__(self, title: str, unit: Unit, meaning: str) -> None:
        self.title = title
        self.unit = unit
        self.meaning = meaning


class Meter(Protocol):
    """Counts for the invocation at hand, and notes what its canonical log line shall tell."""

    def count(self, metric: Metric, value: float = 1, *, code: str | None = None) -> None:
        """Add to a metric; `code` tells apart what is refused."""

    def note(self, **fields: str | int | float | None) -> None:
        """Put fields on the line: never a token, never a message's text."""

    def swallow(self, task: str, error: Exception) -> None:
        """Report what was left undone because of an error that is not raised."""
