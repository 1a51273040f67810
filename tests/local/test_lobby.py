"""`python -m bench.load.lobby` against `chalice local`, with real sockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bench.load.lobby import chat
from chalicelib.core.limits import LIMITS

if TYPE_CHECKING:
    from tests.support.application import Fanfare


def test_senders_keep_within_the_limits_and_nothing_is_refused(fanfare: Fanfare) -> None:
    """Each says more than a connection may say at once, and all of it arrives everywhere."""
    each = round(LIMITS.frames * LIMITS.burst) + 10
    outcome = asyncio.run(
        chat(
            fanfare.websocket_url,
            clients=6,
            senders=2,
            messages=2 * each,
            rate=2 * LIMITS.frames,
            timeout=60,
        )
    )
    assert outcome.complaint is None, str(outcome)
    assert len(outcome.delays) == 2 * each * 5
    assert outcome.refused == 0
