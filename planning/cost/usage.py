"""Usage of AWS by the deployed application, as its bill counts it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.core.limits import LIMITS
from planning import quotas
from planning.cost.prices import Use

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True)
class Usage:
    """Usage in a second, on average.

    Attributes:
        messages: from clients, each below the size at which it counts as two.
        posts: frames to clients, likewise.
        message_seconds: that the message function runs, and likewise `broadcast_seconds`.
        broadcasts: invocations of the broadcast function.
    """

    messages: float = 0.0
    posts: float = 0.0
    message_seconds: float = 0.0
    broadcasts: float = 0.0
    broadcast_seconds: float = 0.0
    queue_requests: float = 0.0
    read_units: float = 0.0
    write_units: float = 0.0


def talk(usage: Usage, seconds: float, *, queue: str = "sqs.fifo") -> Iterator[Use]:
    """Yield what messages use in so many seconds of a month."""
    yield Use("gateway.messages", "messages in", usage.messages * seconds)
    yield Use("gateway.messages", "posts of messages", usage.posts * seconds)
    yield from functions(
        requests=(usage.messages + usage.broadcasts) * seconds,
        gb_seconds=seconds
        * (
            usage.message_seconds * quotas.MESSAGE_GB
            + usage.broadcast_seconds * quotas.BROADCAST_GB
        ),
    )
    yield Use(queue, "queue", usage.queue_requests * seconds)
    yield from table(reads=usage.read_units * seconds, writes=usage.write_units * seconds)


def keep_alive(connections: float, seconds: float) -> Iterator[Use]:
    """Yield what open connections use in so many seconds of a month, if nobody says anything.

    Each pings, and is answered, every four minutes. A ping takes the message function two writes
    of the connection, a read of the head of one room, and a post.
    """
    pings = connections * seconds / quotas.PING_SECONDS
    yield Use("gateway.minutes", "connections", connections * seconds / 60)
    yield Use("gateway.messages", "pings and pongs", 2 * pings)
    yield from functions(
        requests=pings,
        gb_seconds=pings * (3 * quotas.TABLE_CALL + quotas.POST_SECONDS) * quotas.MESSAGE_GB,
    )
    yield from table(reads=pings, writes=charge_units(1 / quotas.PING_SECONDS) * pings)


def charge_units(rate: float) -> float:
    """Return the write units that charge a connection for a frame, at so many frames a second.

    One adds the price; another cuts the balance of one that was silent, once in as long as a burst
    lasts.
    """
    return 1.0 + min(1.0, 1 / (LIMITS.burst * rate)) if rate else 2.0


def functions(*, requests: float, gb_seconds: float) -> Iterator[Use]:
    """Yield what invocations count as."""
    yield Use("lambda.requests", "invocations", requests)
    yield Use("lambda.gb_seconds", "running", gb_seconds)


def table(*, reads: float, writes: float) -> Iterator[Use]:
    """Yield what calls to the table count as."""
    yield Use("dynamodb.reads", "table", reads)
    yield Use("dynamodb.writes", "table", writes)


def transfer(size: float) -> Use:
    """Return what so many bytes to clients count as."""
    return Use("transfer.out", "frames to clients", size / 2**30)


def logs(uses: Iterable[Use], *, pings: float, broadcasts: float) -> Use:
    """Return what the logs of all invocations among uses count as.

    Args:
        uses: what is used, invocations among it.
        pings: how many of these are for a ping.
        broadcasts: how many of these are broadcasts.
    """
    invocations = sum(use.amount for use in uses if use.price == "lambda.requests")
    size = (
        pings * quotas.PING_LOG_BYTES
        + broadcasts * quotas.BROADCAST_LOG_BYTES
        + (invocations - pings - broadcasts) * quotas.CALL_LOG_BYTES
    )
    return Use("logs.ingested", "logs", size / 2**30)
