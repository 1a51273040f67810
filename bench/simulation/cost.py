"""What a load costs in a month, in US dollars."""

from __future__ import annotations

from dataclasses import dataclass

from bench import quotas


@dataclass(frozen=True)
class Usage:
    """What is used in a second, on average.

    Attributes:
        connections: how many are open; each pings, and is answered, every four minutes.
        messages: accepted from clients.
        posts: frames to clients, each below 32 KB.
        message_seconds: that the message function runs, and likewise `broadcast_seconds`.
        broadcasts: invocations of the broadcast function.
    """

    connections: float
    messages: float = 0.0
    posts: float = 0.0
    message_seconds: float = 0.0
    broadcasts: float = 0.0
    broadcast_seconds: float = 0.0
    queue_requests: float = 0.0
    read_units: float = 0.0
    write_units: float = 0.0


def metered(count: float) -> float:
    """Return the price of so many gateway messages in one month."""
    below = min(count, quotas.PRICE_TIER)
    return below * quotas.PRICE_MESSAGE + (count - below) * quotas.PRICE_MESSAGE_ABOVE


def monthly(usage: Usage) -> dict[str, float]:
    """Return the bill's lines; free tiers, egress, logs and the queue's empty polls are left out.

    A ping takes the message function as long as a message does without the queue, reads the
    connection and the head of one room, and is answered by a post.
    """
    pings = usage.connections / quotas.PING_SECONDS
    ping_seconds = pings * (2 * quotas.TABLE_CALL + quotas.POST_SECONDS)
    gb_seconds = (usage.message_seconds + ping_seconds) * quotas.MESSAGE_GB + (
        usage.broadcast_seconds * quotas.BROADCAST_GB
    )
    invocations = usage.messages + pings + usage.broadcasts
    month = quotas.MONTH
    return {
        "connection minutes": usage.connections * month / 60 * quotas.PRICE_CONNECTION_MINUTE,
        "pings and pongs": metered(2 * pings * month),
        "messages and posts": metered((usage.messages + usage.posts + 2 * pings) * month)
        - metered(2 * pings * month),
        "lambda": month
        * (invocations * quotas.PRICE_INVOCATION + gb_seconds * quotas.PRICE_GB_SECOND),
        "queue": usage.queue_requests * month * quotas.PRICE_QUEUE_REQUEST,
        "table": month
        * (
            (usage.read_units + 2 * pings) * quotas.PRICE_READ_UNIT
            + usage.write_units * quotas.PRICE_WRITE_UNIT
        ),
    }
