"""Rooms through `chalice local`: real sockets, real reloads, nothing replaced."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bench.load.reconnects import storm
from fanfare_client.client import Client
from tests.support.application import Fanfare
from tests.support.project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def reloading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fanfare]:
    """An application of this test's own, which it may make reload, and whose clients may hurry."""
    folder = tmp_path_factory.mktemp("reloading")
    app = Fanfare(
        PROJECT, folder, FANFARE_FRAMES_PER_SECOND="1000", FANFARE_JOINS_PER_SECOND="1000"
    )
    app.start()
    yield app
    app.stop()


@pytest.mark.timeout(330)
def test_nothing_is_lost_while_connections_are_cut_and_the_server_reloads(
    reloading: Fanfare,
) -> None:
    """20 clients, 3 rooms, 2,000 messages, 40 cuts and a reload: all the same everywhere."""
    outcome = asyncio.run(
        storm(
            reloading.websocket_url,
            clients=20,
            rooms=3,
            messages=2000,
            seed=1,
            touch=reloading.project / "chalicelib/core/numbering.py",
        )
    )
    assert outcome.deliveries == 20 * 2000
    assert outcome.sound, str(outcome)
    assert "Restarting local dev server" in reloading.log.read_text()


def test_a_client_finds_its_rooms_and_its_history_after_a_restart_of_its_own(
    fanfare: Fanfare,
) -> None:
    """A new client of the same session is the same user, and reads what was said before."""

    async def talk() -> None:
        session = "a-session-of-this-test"
        async with Client(fanfare.websocket_url, "Ada", session=session) as ada:
            await ada.join("diary")
            first = await ada.send("diary", "dear diary")
        async with Client(fanfare.websocket_url, "Ada", session=session) as again:
            await again.join("diary")
            page = await again.history("diary")
            [entry] = [one for one in page["messages"] if one["seq"] == first]
            assert entry["data"]["message"] == "dear diary"
            assert await again.send("diary", "more") == first + 1

    asyncio.run(talk())
