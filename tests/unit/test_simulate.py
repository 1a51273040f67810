"""The simulation agrees with arithmetic that can be done by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simpy import Environment

from planning import quotas
from planning.simulation import __main__ as simulate
from planning.simulation import plots, scenarios
from planning.simulation.arithmetic import linger, percentile, queue_latency, split
from planning.simulation.buckets import Bucket, Gateway
from planning.simulation.churn import Peaks, Storm
from planning.simulation.path import HARSH, KIND, World
from planning.simulation.queue import Job, Queue
from planning.simulation.run import Load, run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from planning.simulation.lambdas import Process

STILL = replace(KIND, queue_seconds=0.03)
"""A world without chance."""

TO_WORKER = 1 / quotas.ENGINE_RATE + quotas.INVOKE + 2 * quotas.TABLE_CALL + 0.03
"""From a client's sending, over the gateway, the message function and the queue, to a worker."""

NUMBERING = 3 * quotas.TABLE_CALL


def levels(members: int) -> list[int]:
    """Number of jobs on each level of the tree."""
    counts, sizes = [], [members]
    while sizes:
        counts.append(len(sizes))
        sizes = [part for size in sizes for part in split(size)]
    return counts


def drain(posts: float, pace: float, quota: float, burst: float) -> float:
    """Seconds that posts offered at a pace take to pass a full token bucket."""
    at_once = math.inf if pace <= quota else burst / (pace - quota) * pace
    if posts <= at_once:
        return posts / pace
    return at_once / pace + (posts - at_once) / quota


@pytest.mark.parametrize(
    ("members", "seconds"), [(1, 0.0005), (10, 0.005), (100, 0.05), (1_000, 0.5), (5_000, 0.5)]
)
def test_a_room_is_held_half_a_millisecond_for_each_member(members: int, seconds: float) -> None:
    """The linger grows with the room, up to half a second."""
    assert linger(members, groups=1, jobs=9) == pytest.approx(seconds)


@pytest.mark.parametrize(("groups", "jobs"), [(2, 2), (1, 10)])
def test_nothing_lingers_where_others_wait(groups: int, jobs: int) -> None:
    """A batch for several groups, or a full one, is not held."""
    assert linger(1_000, groups, jobs) == 0


@pytest.mark.parametrize(
    ("members", "jobs"),
    [
        (1_000, [1]),
        (1_001, [1, 2]),
        (10_000, [1, 10]),
        (25_000, [1, 10, 30]),
        (100_000, [1, 10, 100]),
        (1_000_000, [1, 10, 100, 1_000]),
    ],
)
def test_the_tree_has_a_level_for_each_power_of_ten(members: int, jobs: list[int]) -> None:
    """Ten jobs of ten jobs of ten leaves of a thousand make a million."""
    assert levels(members) == jobs


@given(st.integers(1_001, 10_000_000))
def test_splitting_loses_nobody(members: int) -> None:
    """The parts of a range are even, at most ten, and hold all of its members."""
    parts = split(members)
    assert sum(parts) == members
    assert 2 <= len(parts) <= 10
    assert max(parts) - min(parts) <= 1


@pytest.mark.parametrize(
    ("posts", "pace", "seconds"),
    [
        (10_000, 1e12, 0.5),  # 5,000 at once, and 5,000 at 10,000 a second
        (10_000, 15_000, 10_000 / 15_000),  # the bucket lasts a second
        (30_000, 15_000, 2.5),  # a second at 15,000, and 15,000 at 10,000 a second
        (30_000, 8_000, 3.75),  # the poster is slower than the quota
    ],
)
def test_posts_pass_a_full_bucket(posts: float, pace: float, seconds: float) -> None:
    """The burst goes at the poster's pace, and the rest at the quota's."""
    assert drain(posts, pace, 10_000, 5_000) == pytest.approx(seconds)
    assert gateway_times([(0, posts)], pace=pace) == pytest.approx([seconds])


def gateway_times(
    flows: Sequence[tuple[float, float]],
    *,
    rate: float = 10_000,
    burst: float = 5_000,
    pace: float = 15_000,
    share: float = 1.0,
) -> list[float]:
    """Moments at which flows, given by their starts and posts, have passed a gateway."""
    env = Environment()
    gateway = Gateway(env, rate, burst, pace, share)
    ends = [math.nan] * len(flows)

    def flow(number: int, start: float, posts: float) -> Process:
        yield env.timeout(start)
        yield gateway.take(posts)
        ends[number] = env.now

    for number, (start, posts) in enumerate(flows):
        env.process(flow(number, start, posts))
    env.run()
    return ends


def test_ten_workers_pass_ten_thousand_posts_in_half_a_second() -> None:
    """10,000 recipients at 10,000 a second, with a burst of 5,000 that is soon gone."""
    ends = gateway_times([(0, 1_000)] * 10)
    assert ends == pytest.approx([drain(10_000, 150_000, 10_000, 5_000)] * 10)
    assert ends[0] == pytest.approx(0.5, abs=1e-9)


def test_what_passes_is_shared_evenly() -> None:
    """50 and 100 posts at 100 a second: 50 a second each until one is through, then all of it."""
    assert gateway_times([(0, 50), (0, 100)], rate=100, burst=0) == pytest.approx([1.0, 1.5])


def test_who_is_throttled_uses_less_than_the_quota() -> None:
    """At 80 % of 100 a second, 80 posts take a second."""
    assert gateway_times([(0, 80)], rate=100, burst=0, share=0.8) == pytest.approx([1.0])


def test_the_bucket_fills_again() -> None:
    """200 tokens gone at once; a second later there are 100, and 150 posts wait half a second."""
    ends = gateway_times([(0, 200), (1, 150)], rate=100, burst=200, pace=1e9)
    assert ends == pytest.approx([0, 1.5], abs=1e-6)


def test_a_bucket_in_turn_passes_as_much() -> None:
    """The first 10,000 of a full bucket wait half a second, the next 1,000 a tenth longer."""
    bucket = Bucket(10_000, 5_000)
    assert [bucket.wait(n, now=0) for n in (5_000, 5_000, 1_000)] == pytest.approx([0, 0.5, 0.6])
    assert bucket.wait(5_000, now=2) == 0


def test_the_queue_is_as_slow_as_published() -> None:
    """The published percentiles come out, values between lie between, and none lies outside."""
    for share, seconds in quotas.QUEUE_LATENCY:
        assert queue_latency(share) == pytest.approx(seconds)
    assert queue_latency(0) == 0.0219
    assert queue_latency(0.3) == pytest.approx(math.sqrt(0.0219 * 0.0281))
    assert queue_latency(0.999) == 0.645


def test_percentiles_weigh_their_samples() -> None:
    """One slow receiver in a hundred is beyond the 99th percentile, and two are not."""
    assert percentile([(5.0, 1), (1.0, 99)], 0.99) == 1.0
    assert percentile([(5.0, 2), (1.0, 98)], 0.99) == 5.0


def served(jobs: Sequence[str], together: int, pollers: int) -> list[tuple[float, str]]:
    """When which groups' jobs are served, each batch in a second, by a queue without latency."""
    env = Environment()
    batches: list[tuple[float, str]] = []

    def consume(batch: Sequence[Job]) -> Process:
        batches.append((env.now, "".join(job.group for job in batch)))
        yield env.timeout(1)

    queue = Queue(env, consume, lambda: 0.0, together, pollers)
    queue.send([Job(0, group, 1, (0,), fresh=True) for group in jobs])
    env.run()
    return batches


def test_a_group_has_one_batch_under_way() -> None:
    """Twelve jobs of one group are ten and then two, however many pollers there are."""
    assert served(["a"] * 12, together=10, pollers=5) == [(0, "a" * 10), (1, "aa")]


@pytest.mark.parametrize(
    ("together", "batches"), [(1, [(0, "aa"), (0, "b"), (0, "c")]), (2, [(0, "aab"), (0, "c")])]
)
def test_a_batch_holds_so_many_groups(together: int, batches: list[tuple[float, str]]) -> None:
    """Groups go on side by side, or several in one batch."""
    assert served(["a", "b", "a", "c"], together, pollers=5) == batches


def test_pollers_are_added_while_jobs_wait() -> None:
    """The second group gets a poller of its own after a fifth of a second."""
    assert served(["a", "b"], together=1, pollers=1) == [(0, "a"), (0.2, "b")]


def test_one_message_takes_the_sum_of_its_steps() -> None:
    """To 1,000 members: to a worker, numbers, shards' states, 1,000 posts, the last answer."""
    outcome = run(Load(1_000), STILL)
    first = TO_WORKER + NUMBERING + quotas.TABLE_CALL + quotas.POST_SECONDS
    assert outcome.first == pytest.approx(first)
    assert outcome.last == pytest.approx(first + 1_000 / quotas.ENGINE_RATE)
    assert outcome.posts == 1_000


def test_a_cold_start_is_paid_by_both_functions() -> None:
    """Both start and import; the worker reads the members too, and opens its sockets."""
    start = quotas.PLATFORM_START + quotas.IMPORTS
    reading = quotas.TABLE_CALL + 1_000 * quotas.MEMBER_READ
    cold = run(Load(1_000), replace(STILL, warm=False)).last - run(Load(1_000), STILL).last
    assert cold == pytest.approx(2 * start + reading + 256 * quotas.HANDSHAKE)


def test_ten_thousand_members_wait_for_the_quota() -> None:
    """Half a second at least, a bit more since throttled posters hold back, and the way there."""
    outcome = run(Load(10_000), STILL)
    way = TO_WORKER + NUMBERING + quotas.QUEUE_CALL + 0.03 + quotas.POST_SECONDS
    assert 0.5 + way < outcome.last < 0.5 / quotas.THROTTLED_SHARE + way + 0.02
    assert outcome.binds == "gateway quota"
    assert outcome.peak == 1 + 10


def test_a_quiet_room_costs_one_post_per_delivered_message() -> None:
    """100 members, a message a second: every message is a frame of its own."""
    assert run(Load(100, rate=1), World()).posts_per_delivered == 1


def test_a_busy_room_costs_a_fifth_of_a_post_at_most() -> None:
    """1,000 members, 20 messages a second: the linger gathers more than the posting time does."""
    load = Load(1_000, rate=20)
    lingering, hasty = run(load, World()), run(load, World(linger=False))
    assert lingering.posts_per_delivered <= 0.2 < hasty.posts_per_delivered
    assert lingering.dollars < 0.5 * hasty.dollars


def test_a_batch_of_a_busy_room_is_ten_messages_at_most() -> None:
    """So 0.1 posts per delivered message is the least."""
    assert 0.1 <= run(Load(1_000, rate=50), World()).posts_per_delivered < 0.11


def test_many_rooms_saturate_the_quota_and_share_frames_then() -> None:
    """2,000 rooms of ten ask for 22,000 requests a second of 10,000: the backlog is coalesced."""
    world = World(pollers=200)
    below, above = (run(Load(10, rooms, rate=1, seconds=6), world) for rooms in (300, 2_000))
    assert (below.binds, above.binds) == ("", "gateway quota")
    assert above.posts_per_delivered < below.posts_per_delivered == 1


def test_only_the_first_worker_of_a_large_room_lingers() -> None:
    """One of 2,000 members keeps its worker for half a second, and its two leaves keep none."""
    lingering, hasty = (run(Load(2_000), replace(STILL, linger=linger)) for linger in (True, False))
    assert lingering.last == hasty.last
    extra = lingering.usage.broadcast_seconds - hasty.usage.broadcast_seconds
    assert extra * hasty.last == pytest.approx(0.5)


def test_a_million_members_do_not_fit_into_the_default_quota() -> None:
    """Their pings alone take 8,333 requests a second, and workers would run out of time."""
    outcome = run(Load(1_000_000), KIND)
    assert outcome.posts == 1_000_000
    assert outcome.late
    assert outcome.throttled > 1_000_000 / (10_000 - 8_333)


def test_the_quota_asked_for_is_the_least_that_holds() -> None:
    """With it the last of 100,000 has the message in time, and with a thousand less not."""

    def holds(quota: int) -> bool:
        return run(Load(100_000), replace(KIND, quota=quota)).last <= scenarios.SOON

    wanted = scenarios.ask(Load(100_000), KIND, lambda outcome: outcome.last <= scenarios.SOON)
    assert holds(wanted)
    assert not holds(wanted - 1_000)


def test_nothing_holds_what_no_quota_can_help() -> None:
    """A worker's own pace is no matter of quotas."""
    with pytest.raises(ValueError, match="No quota is enough"):
        scenarios.ask(Load(10), KIND, lambda _: False)


def test_the_room_in_hand_is_a_fifth() -> None:
    """100 rooms of 119 with a message a second: 12,000 requests, 99 of pings, so 16,000 to ask."""
    assert scenarios.headroom(Load(119, 100, rate=1)) == 16_000


def test_a_month_of_a_simulated_room_costs_what_it_posts() -> None:
    """A room of 100 at one message a second: 101 in and out, and as much as 10 around them."""
    assert 101 * 2.628 < run(Load(100, rate=1), World()).dollars < 112 * 2.628


def test_the_command_line_prints_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON for programs, and as a table for people."""
    simulate.main(["--members", "100", "--json"])
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["members"], row["posts"], row["binds"]) == (100, 100, "")
    simulate.main(["--members", "100", "--rate", "2", "--seconds", "2", "--no-linger"])
    assert "posts/delivered" in capsys.readouterr().out


def test_each_part_is_a_table_of_its_own_columns() -> None:
    """A storm has no posts, and a room that talks no containers."""
    load = Load(10, rate=1, seconds=2)
    talk = scenarios.row("many", load, World(), run(load, World()))
    peaks = Peaks(1_991, writes=(611.0, "R#a"), reads=(2_000.0, "R#b"), writes_per_client=7.0007)
    rows = [talk, talk, scenarios.storm_row(Storm(2_000, seconds=5, containers=100), peaks)]
    many, storms = simulate.tables(rows).split("\n\n")
    assert len(many.splitlines()) == 3
    assert "posts/delivered" in many
    assert "containers" not in many
    assert [" ".join(line.split()) for line in storms.splitlines()] == [
        "part members joins/s containers writes/s of key reads/s of key writes/client",
        "storm 0 2,000 100 611 R#a 2,000 R#b 7.0",
    ]


def test_plots_are_of_the_standard_loads_only(capsys: pytest.CaptureFixture[str]) -> None:
    """A load of one's own has no picture."""
    with pytest.raises(SystemExit):
        simulate.main(["--members", "100", "--plots", "nowhere"])
    assert "--plots draws the standard loads" in capsys.readouterr().err


def test_every_part_has_its_picture(tmp_path: Path) -> None:
    """Three small files are drawn from rows."""
    rows = [
        scenarios.row(part, load, world, run(load, world), name)
        for part, load in (
            ("publish", Load(10)),
            ("busy", Load(10, rate=1, seconds=2)),
            ("many", Load(10, 2, rate=1, seconds=2)),
        )
        for name, world in (("kind", KIND), ("harsh", replace(HARSH, quota=20_000)))
    ]
    files = plots.draw(rows, tmp_path)
    assert [file.name for file in files] == ["publish.png", "busy.png", "many.png"]
    assert all(0 < file.stat().st_size < 100_000 for file in files)
