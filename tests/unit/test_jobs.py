"""Jobs in the queue: their fields keep their names, for jobs that a deployment finds queued."""

from __future__ import annotations

import json

from chalicelib.core.jobs import FanoutJob, MessageJob, RetryJob, decode, encode
from chalicelib.core.model import ApiStage, SlotRange

ORIGIN = {"api_id": "a1b2c3d4e5", "stage": "api"}
USER = {"user_id": "9f", "username": "Ada"}
MESSAGE = {
    "id": "1",
    "room": "tea",
    "type": "chat",
    "text": "hi",
    "user": USER,
    "sender": "A=",
    "sent_at": 1,
    "deletes": None,
    "origin": ORIGIN,
}
MEMBER = {"id": "A=", "user": USER, "protocol": "v1", "origin": ORIGIN, "connected_at": 1}
SEQUENCED = {"seq": 1, "epoch": "e", "message": MESSAGE}
CENSUS = {"epoch": "e", "version": 1, "members": 2, "lowest": 2, "level": 0}


def test_queued_jobs_of_an_earlier_version_are_read() -> None:
    """The bodies that version 0.1 queued are decoded, and encoded with the same fields."""
    said = {"type": "message", "room": "tea", "id": "k", "message": MESSAGE}
    retried = {"type": "retry", "room": "tea", "id": "r", "attempt": 1}
    retried |= {"messages": [SEQUENCED], "members": [MEMBER | {"until": None}]}
    shared = {"type": "fanout", "room": "tea", "id": "f", "census": CENSUS}
    shared |= {"span": {"first": 0, "last": 9}}
    shared |= {"bulletin": {"messages": [SEQUENCED], "signals": [], "presence": None}}
    message, retry, fanout = (decode(json.dumps(job)) for job in (said, retried, shared))
    assert isinstance(message, MessageJob)
    assert message.message.api_stage == ApiStage(**ORIGIN)
    assert isinstance(retry, RetryJob)
    assert retry.members[0].api_stage == ApiStage(**ORIGIN)
    assert isinstance(fanout, FanoutJob)
    assert fanout.slots == SlotRange(0, 9)
    assert [json.loads(encode(job)) for job in (message, retry, fanout)] == [said, retried, shared]
