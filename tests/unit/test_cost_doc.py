"""docs/cost.md says what the tool prints."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from planning.cost import __main__ as cost
from planning.cost import pricelist
from planning.cost.comparison import Tariff, busier, crossings
from planning.cost.presets import PRESETS
from tests.support.project import PROJECT

DOC = (PROJECT / "docs/cost.md").read_text()
SHOWN = re.findall(r"```\n\$ python -m planning.cost ([^\n]*)\n(.*?)\n```", DOC, re.DOTALL)
SUGGESTED = re.findall(r"^python -m planning.cost ([^#\n]*)", DOC, re.MULTILINE)
TARIFF = Tariff(pricelist.standard())


def dollars(preset: str, *purposes: str, way: str = "Fanfare", **change: Any) -> float:
    """Dollars of a preset in a month for some purposes; for all if none is named."""
    return sum(
        line.dollars
        for line in TARIFF.bill(way, replace(PRESETS[preset], **change))
        if not purposes or line.purpose in purposes
    )


@pytest.mark.parametrize(("arguments", "output"), SHOWN)
def test_what_the_page_shows_is_what_the_tool_prints(
    arguments: str, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each block is a part of what its command prints."""
    cost.main(arguments.split())
    assert output in capsys.readouterr().out


def test_the_page_shows_something() -> None:
    """The blocks are found, each preset is told of, and the suggested commands are understood."""
    assert len(SHOWN) == 5
    assert all(f"| `{preset}` |" in DOC for preset in PRESETS)
    assert len(SUGGESTED) == 4
    for arguments in SUGGESTED:
        cost.parser().parse_args(arguments.split())


@pytest.mark.parametrize(
    "said",
    [
        f"**${dollars('idle', 'connections'):.2f}**",
        f"**${dollars('room', 'messages in', 'posts of messages'):.2f}**",
        f"themselves cost ${dollars('room', 'connections') + 1e-9:.2f}",
        f"The pair costs about ${dollars('room', way='instances', hours=0) / 10:.0f}0 whether",
        f"cost ${dollars('idle', way='AppSync'):.0f} there and ${dollars('idle'):.0f} here",
        f"of which ${dollars('idle', 'pings and pongs'):.0f} are pings",
        f"and ${dollars('idle', 'logs'):.0f} the logs",
        f"presence cost ${dollars('room') - dollars('room', way='plain'):.0f} a month",
        f"costs {dollars('idle', 'connections') / 100:.1f} cents a month",
        f"its pings {dollars('idle', 'pings and pongs') / 100:.1f}",
        f"another {dollars('idle', 'invocations', 'running', 'table', 'logs') / 100:.1f}",
        f"makes ${dollars('room', 'posts of presence', rate=0):.2f} a month",
        f"and ${dollars('room', 'posts of presence', rate=0, members=200):.2f} in one of 200",
    ],
)
def test_what_the_page_says_is_what_the_tool_reckons(said: str) -> None:
    """Every sum in its sentences."""
    assert said in DOC


def test_the_page_says_where_instances_win() -> None:
    """In a room of 100, by the crossing of the two."""
    (crossing,) = crossings(TARIFF, "instances", busier(PRESETS["room"]))
    rate = crossing.load.rate
    said = f"at {100 * rate:.0f} deliveries a second, averaged over the month, one message every"
    assert f"{said} {1 / rate:.0f} seconds" in DOC


def test_the_page_gives_shares_of_the_bill_in_words() -> None:
    """More than a fifth and two fifths in small rooms for what the plain algorithm lacks."""
    for preset, share in (("office", 0.22), ("support", 0.4)):
        lacking = 1 - dollars(preset, way="plain") / dollars(preset)
        assert lacking == pytest.approx(share, abs=0.03)
    for way in ("plain", "AppSync", "IoT"):
        assert dollars("show") / dollars("show", way=way) == pytest.approx(1 / 5, abs=0.02)
