"""The bill agrees with arithmetic that can be done by hand."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from chalicelib.adapters.dynamodb.items import message_item
from chalicelib.core import protocol
from chalicelib.core.model import (
    ConnectionId,
    Epoch,
    Message,
    RoomId,
    SequencedMessage,
    User,
    UserId,
)
from planning.cost import __main__ as cost
from planning.cost import plots, pricelist
from planning.cost.alternatives import count
from planning.cost.comparison import WAYS, Tariff, busier, crossings, larger
from planning.cost.fanfare import ENVELOPE, ITEM, Room, fanfare, member_units
from planning.cost.presets import PRESETS
from planning.cost.prices import Price, PriceList, Tier, Use, bill, total
from planning.cost.sharing import MEASURED, posts_per_delivered
from planning.cost.workload import Workload
from planning.simulation.path import World
from planning.simulation.run import Load, run
from tests.support.project import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from planning.cost.prices import Line

PRICES = pricelist.standard()
TARIFF = Tariff(PRICES)
ROOM = PRESETS["room"]


def lines(way: str, load: Workload, *, free: bool = False) -> dict[tuple[str, str], Line]:
    """A bill's lines, by service and purpose; of the table, the last."""
    return {(line.service, line.purpose): line for line in Tariff(PRICES, free).bill(way, load)}


def test_a_room_of_100_at_one_message_a_second_costs_265_dollars_in_messages() -> None:
    """2.63 million in and 262.8 million out, a dollar for a million, by the plain algorithm."""
    room = lines("plain", ROOM)
    sent, posted = room["API Gateway", "messages in"], room["API Gateway", "posts of messages"]
    assert (sent.amount, posted.amount) == pytest.approx((2_628_000, 262_800_000))
    assert sent.dollars + posted.dollars == pytest.approx(265.428)


def test_10_000_idle_connections_cost_109_dollars_and_a_half_in_minutes() -> None:
    """43,800 minutes each, at a quarter of a dollar for a million; pings are twice as much."""
    idle = lines("Fanfare", PRESETS["idle"])
    assert idle["API Gateway", "connections"].amount == pytest.approx(438e6)
    assert idle["API Gateway", "connections"].dollars == pytest.approx(109.5)
    assert idle["API Gateway", "pings and pongs"].dollars == pytest.approx(219)


@pytest.mark.parametrize(("kilobytes", "messages"), [(0, 1), (1, 1), (32, 1), (33, 2), (128, 4)])
def test_messages_are_metered_by_32_kilobytes(kilobytes: int, messages: int) -> None:
    """One of 33 KB counts as two."""
    assert PRICES["gateway.messages"].units(kilobytes * 1_024) == messages


def test_what_has_no_step_counts_once() -> None:
    """A connection minute has no size."""
    assert PRICES["gateway.minutes"].units(1e9) == 1


@pytest.mark.parametrize(
    ("amount", "dollars"), [(0, 0), (1e6, 1), (1e9, 1_000), (2e9, 1_800), (3e9, 2_600)]
)
def test_messages_above_a_billion_cost_less(amount: float, dollars: float) -> None:
    """Only those above, at 80 cents for a million."""
    assert PRICES["gateway.messages"].dollars(amount) == pytest.approx(dollars)


def test_uses_of_one_price_share_its_tiers_and_its_free_tier() -> None:
    """900 million in and 300 million out: of the 200 above a billion each costs less."""
    uses = [Use("gateway.messages", "in", 9e8), Use("gateway.messages", "out", 3e8)]
    assert [line.dollars for line in bill(uses, PRICES)] == pytest.approx([900, 100 + 160])
    free = bill(uses, PRICES, free=True)
    assert [line.dollars for line in free] == pytest.approx([899, 101 + 159.2])


def test_free_tiers_are_taken_off_on_request() -> None:
    """A million messages are free for a new account; nothing is more than free."""
    small = Workload(members=2, rate=0.01)
    assert lines("Fanfare", small)["API Gateway", "messages in"].dollars > 0
    assert lines("Fanfare", small, free=True)["API Gateway", "messages in"].dollars == 0
    assert Tariff(PRICES, free=True).total("Fanfare", small) < TARIFF.total("Fanfare", small)


def test_lines_of_one_purpose_are_one() -> None:
    """Two uses for the same make one line."""
    (line,) = bill([Use("gateway.messages", "in", 1e6)] * 2, PRICES)
    assert (line.amount, line.dollars) == (2e6, 2)


@pytest.mark.parametrize("members", [10, 100, 1_000])
def test_the_bill_agrees_with_the_simulation(members: int) -> None:
    """The simulated month costs as much, within 2 %, with a frame for each message.

    Less what the simulation leaves out: people who come and go, logs, transfer and empty polls.
    """
    simulated = run(Load(members, rate=1), World())
    room = Room(Workload(members=members, rate=1), PRICES)
    reckoned = replace(simulated, usage=replace(room.usage, read_units=simulated.usage.read_units))
    assert room.share == simulated.posts_per_delivered == 1
    assert reckoned.dollars == pytest.approx(simulated.dollars, rel=0.02)


@pytest.mark.parametrize(
    ("members", "broadcasts", "requests"),
    [
        (1_000, 1, 1 + 2),
        (10_000, 1 + 10, 1 + 2 + 1 + 10 * 2),
        (100_000, 1 + 10 + 100, 1 + 2 + 11 + 110 * 2),
    ],
)
def test_a_large_room_is_paid_for_as_a_tree(members: int, broadcasts: int, requests: int) -> None:
    """Each worker is an invocation; each job is sent, ten in a call, received and deleted."""
    usage = Room(Workload(members=members, rate=1), PRICES).usage
    assert usage.broadcasts == pytest.approx(broadcasts)
    assert usage.queue_requests == pytest.approx(requests)


@pytest.mark.parametrize(("members", "reads", "parts"), [(100, 0, 1), (1_000, 10, 100)])
def test_a_message_pays_for_its_own_items(members: int, reads: int, parts: int) -> None:
    """It charges its sender twice, after a silence, is kept with its key, and moves the head.

    The head is read for the backlog and with the key; a large room's shards tell their states. A
    change has one part of a shard's members read again.
    """
    room = Room(Workload(members=members, rate=1), PRICES)
    assert room.usage.write_units == pytest.approx(2 + 2 + 1)
    changed = room.changes * member_units(members / parts)
    assert room.usage.read_units == pytest.approx(0.5 + 1 + room.batches + reads + changed)


def test_a_busy_room_posts_what_was_measured() -> None:
    """1,000 members at 20 messages a second: 0.16 posts for each message and member."""
    room = lines("Fanfare", PRESETS["crowd"])["API Gateway", "posts of messages"]
    assert room.amount == pytest.approx(0.16 * 20 * 1_000 * 2_628_000)


def test_long_messages_share_no_frame() -> None:
    """Two of 16,000 bytes fill the 32 KB of a frame, however many come at once."""
    room = lines("Fanfare", replace(PRESETS["crowd"], size=16_000))
    amount = room["API Gateway", "posts of messages"].amount
    assert amount == pytest.approx(0.5 * 20 * 1_000 * 2_628_000)


def test_the_measured_rooms_are_those_of_the_document() -> None:
    """docs/scale.md quotes each with the linger, and none that is not here."""
    row = re.compile(r"\| ([\d,]+) \| (\d+) \| yes \| [\d.]+ \| ([\d.]+) \| \d[^|]* / [\d,]+ \|")
    quoted = {
        (int(members.replace(",", "")), float(rate)): float(share)
        for members, rate, share in row.findall((PROJECT / "docs/scale.md").read_text())
    }
    here = {(members, rate): share for members, cells in MEASURED.items() for rate, share in cells}
    assert quoted == here


@pytest.mark.parametrize(
    ("members", "rate", "share"),
    [
        (1_000, 20, 0.16),
        (10, 1, 1.0),
        (3, 0.01, 1.0),  # like the smallest and quietest
        (100_000, 200, 0.11),  # like the largest and busiest
        (100, 10 * 2**0.5, 0.75),  # halfway between 10 and 20
    ],
)
def test_rooms_between_measured_ones_lie_between(members: int, rate: float, share: float) -> None:
    """Measured values come out as they are; others on a straight line, or as the nearest."""
    assert posts_per_delivered(members, rate) == pytest.approx(share)


@pytest.mark.parametrize("members", [10, 100, 1_000])
def test_more_messages_never_take_fewer_frames(members: int) -> None:
    """Sharing saves posts per message, and not posts; but for what the measurements scatter."""
    rates = [1.05**step for step in range(80)]
    frames = [rate * posts_per_delivered(members, rate) for rate in rates]
    most = itertools.accumulate(frames, max)
    assert all(now > 0.9 * before for now, before in zip(frames, most, strict=True))


def test_presence_grows_with_the_square_of_a_small_room() -> None:
    """Everyone is told twice of each connection's replacement; of large rooms nobody is."""

    def posts(members: int) -> float:
        line = lines("Fanfare", Workload(members=members, rate=0))
        return line["API Gateway", "posts of presence"].amount

    assert posts(100) == pytest.approx(100 * 2 * 100 / 6_600 * 2_628_000)
    assert posts(200) == pytest.approx(4 * posts(100))
    assert posts(201) == 0


def test_nobody_there_costs_empty_polls_alone() -> None:
    """Five pollers that ask every 20 seconds: a third of a dollar."""
    assert TARIFF.total("Fanfare", replace(ROOM, hours=0)) == pytest.approx(0.3285)
    assert sum(use.amount > 0 for use in fanfare(replace(ROOM, rooms=0), PRICES)) == 1


def test_the_envelopes_are_the_real_ones() -> None:
    """The bytes around a text, on the wire and in the table, within a few."""
    user = User(UserId("9f0c1f0a-7c1e-4a86-9d0b-9b6f6a5c3f10"), "Ada Lovelace")
    sender = ConnectionId("PJqB0fHsqRcCHlw=")
    message = Message("c7GQx2abcd", RoomId("general"), "chat", "", user, sender, 1_790_000_000_000)
    numbered = SequencedMessage(12_345, Epoch("kq3v9c1x"), message)
    item: dict[str, Any] = {**message_item(numbered), "expires_at": {"N": "1790000000"}}
    stored = sum(len(name) + len(*value.values()) for name, value in item.items())
    assert len(protocol.encode(protocol.message_frame(numbered))) == pytest.approx(ENVELOPE, abs=10)
    assert stored == pytest.approx(ITEM, abs=10)


@pytest.mark.parametrize(("way", "service"), [("AppSync", "AppSync Events"), ("IoT", "IoT Core")])
def test_managed_services_meter_each_delivery_by_5_kilobytes(way: str, service: str) -> None:
    """A text of 5,000 bytes and its envelope are two; a minute costs 8 cents for a million."""
    short, long = (lines(way, replace(ROOM, size=size)) for size in (100, 5_000))
    assert short[service, "deliveries"].dollars == pytest.approx(262.8)
    assert long[service, "deliveries"].amount == pytest.approx(2 * 262.8e6)
    assert short[service, "connections"].dollars == pytest.approx(4.38 * 0.08)


def test_a_pair_of_instances_costs_48_dollars_with_nobody_there() -> None:
    """730 hours of two instances, a load balancer and two addresses, and no capacity."""
    pair = TARIFF.total("instances", replace(ROOM, hours=0))
    assert pair == pytest.approx(730 * (2 * 0.0168 + 0.0225 + 2 * 0.005))


@pytest.mark.parametrize(("needed", "running"), [(0, 2), (0.5, 2), (1, 2), (1.01, 3), (4, 5)])
def test_one_instance_more_runs_than_is_needed(needed: float, running: int) -> None:
    """So that one may fail, and two at least."""
    assert count(needed) == running


@pytest.mark.parametrize(
    ("load", "units"),
    [
        (Workload(rooms=0, connections=6_000), 2),
        (Workload(rooms=0, connections=165_000, hours=1), 165_000 / 3_600 / 25),
        (Workload(members=10_000, rate=50, size=784), 50 * 10_001 * 1_024 * 3_600 / 2**30),
    ],
    ids=["connections", "connects", "bytes"],
)
def test_a_load_balancer_counts_what_is_used_most_of(load: Workload, units: float) -> None:
    """3,000 connections, 25 new ones a second or a gigabyte an hour are one unit."""
    wanted = max(units, load.open / 3_000)
    used = lines("instances", load)["Load balancer", "capacity"].amount
    assert used == pytest.approx(wanted * load.hours * load.days)


def test_people_connect_once_a_day_and_before_the_gateway_closes() -> None:
    """Nine hours are five connections of 110 minutes each, nearly; one hour is one."""
    office = PRESETS["office"]
    assert office.seconds == 9 * 22 * 3_600
    assert office.connects == pytest.approx(1_000 * 22 * 9 * 60 / 110)
    assert replace(office, hours=1).connects == 1_000 * 22


@pytest.mark.parametrize(
    ("rival", "load"), [("instances", "room"), ("AppSync", "room"), ("AppSync", "show")]
)
def test_both_cost_the_same_where_they_break_even(rival: str, load: str) -> None:
    """And on either side of it one or the other is cheaper, as the crossing says."""
    (crossing,) = crossings(TARIFF, rival, busier(PRESETS[load]))
    at = crossing.load
    assert TARIFF.total("Fanfare", at) == pytest.approx(TARIFF.total(rival, at))
    above = replace(at, rate=1.1 * at.rate)
    assert (TARIFF.total("Fanfare", above) < TARIFF.total(rival, above)) is crossing.fanfare_above


def test_idle_connections_break_even_with_a_pair_of_instances() -> None:
    """At about 840, each of which costs some six cents a month."""
    (crossing,) = crossings(TARIFF, "instances", larger(PRESETS["idle"]), 1, 1e6)
    assert 800 < crossing.load.connections < 900
    assert not crossing.fanfare_above


def test_what_is_always_cheaper_has_no_break_even() -> None:
    """Idle connections cost less with AppSync Events, however many they are."""
    assert not list(crossings(TARIFF, "AppSync", larger(PRESETS["idle"]), 1, 1e6))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"members": 0}, "members is 0: it takes 1 to 10,000,000."),
        ({"hours": 25}, "hours is 25: it takes 0 to 24."),
        ({"size": 20_000}, "size is 20000: it takes 0 to 16,384."),
    ],
)
def test_a_load_that_cannot_be_is_refused(change: dict[str, Any], problem: str) -> None:
    """The number and what is accepted are named."""
    with pytest.raises(ValueError, match=re.escape(problem)):
        replace(ROOM, **change)


def test_every_price_has_its_page_and_its_date() -> None:
    """Of AWS's own pages, with at least the month."""
    for price in PRICES.prices.values():
        assert price.source.startswith("https://aws.amazon.com/")
        assert re.fullmatch(r"20\d\d-\d\d(-\d\d)?", price.read)


def test_a_file_replaces_some_prices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Posts at twice the price cost twice as much, and the rest as before."""
    posts = msgspec.structs.replace(PRICES["gateway.messages"], tiers=(Tier(2),))
    file = tmp_path / "prices.json"
    file.write_bytes(msgspec.json.encode(PriceList("x", "USD", {"gateway.messages": posts})))
    cost.main(["--prices", str(file), "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert printed["region"] == "x"
    bought = {line["purpose"]: line for line in printed["bills"]["Fanfare"]["lines"]}
    assert bought["posts of messages"]["dollars"] == pytest.approx(2 * 262.8)
    assert bought["connections"]["dollars"] == pytest.approx(1.095)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "does not hold prices"),
        ('{"region": "x", "currency": "EUR", "prices": {}}', "can't be mixed with those in USD"),
        (
            '{"region": "x", "currency": "USD", "prices": {"beer": {"service": "bar", "unit":'
            ' "pint", "tiers": [], "source": "", "read": ""}}}',
            "There is no price named beer. There are alb.hours,",
        ),
    ],
)
def test_a_file_that_holds_no_prices_is_refused(
    text: str, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what is wrong about it."""
    file = tmp_path / "prices.json"
    file.write_text(text)
    with pytest.raises(SystemExit):
        cost.main(["--prices", str(file)])
    assert problem in " ".join(capsys.readouterr().err.split())


def test_rooms_that_were_not_measured_are_marked(capsys: pytest.CaptureFixture[str]) -> None:
    """Above 1,000 members the tool says that it guesses."""
    cost.main(["--members", "5000"])
    assert "taken to be like the nearest" in capsys.readouterr().out
    cost.main(["--members", "1000"])
    assert "taken to be like the nearest" not in capsys.readouterr().out


def test_every_way_has_its_bill(capsys: pytest.CaptureFixture[str]) -> None:
    """The lines that are printed make the sum that is compared."""
    for way in WAYS:
        cost.main(["--bill", way])
        printed = capsys.readouterr().out
        assert printed.count(f"{TARIFF.total(way, ROOM):,.2f}") >= 2
        assert total(TARIFF.bill(way, ROOM)) == TARIFF.total(way, ROOM)


def test_prices_may_have_any_number_of_tiers() -> None:
    """Units fill one after the other: 10 at 3, 10 at 2, and the rest at 1."""
    tiers = (Tier(3, 10), Tier(2, 20), Tier(1))
    price = Price("bar", "pint", tiers, "https://aws.amazon.com/", "2026-11")
    assert [price.dollars(amount) for amount in (5, 10, 15, 25)] == [15, 30, 40, 55]


def test_the_pictures_are_drawn(tmp_path: Path) -> None:
    """Two small files."""
    files = plots.draw(TARIFF, tmp_path)
    assert [file.name for file in files] == ["deliveries.png", "times.png"]
    assert all(0 < file.stat().st_size < 100_000 for file in files)
