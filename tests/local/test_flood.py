"""A flood through `chalice local`, with real sockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bench.load.flood import talk
from bench.load.flooder import flooding
from chalicelib.core.limits import LIMITS

if TYPE_CHECKING:
    from tests.support.application import Fanfare


def test_a_flood_is_closed_and_shut_out_and_the_others_go_on(fanfare: Fanfare) -> None:
    """The room hears no more of it than one burst, and every message of the others."""

    async def run() -> None:
        async with flooding(fanfare.websocket_url, "flood", rate=500) as flood:
            heard = await talk(fanfare.websocket_url, "flood", seconds=2)
            async with asyncio.timeout(10):
                while not flood.shut_out:
                    await asyncio.sleep(0.05)
        assert flood.closed == 1
        assert set(flood.answers) == {"slow_down"}
        assert 1 <= flood.answers["slow_down"] <= 3
        assert len(heard.delays) == 10
        assert heard.others <= LIMITS.frames * LIMITS.burst + LIMITS.frames * 2

    asyncio.run(run())
