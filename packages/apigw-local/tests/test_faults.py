"""Decisions of the fault injector: shares, seeds and counts."""

from __future__ import annotations

from collections import Counter

import pytest

from apigw_local.faults import FaultInjector, FaultSettings, PostFault

ALL = FaultSettings(
    seed=3,
    throttled_post_rate=0.2,
    failed_post_rate=0.2,
    reset_post_rate=0.2,
    lost_disconnect_rate=0.3,
    late_disconnect_rate=0.3,
    late_disconnect_seconds=2,
    duplicate_delivery_rate=0.3,
    delayed_delivery_rate=0.3,
    delayed_delivery_seconds=4,
    reorder_seconds=0.5,
)


def test_nothing_goes_wrong_by_default() -> None:
    """Without faults no decision is for one, and nothing is counted."""
    faults = FaultInjector()
    for number in range(100):
        assert faults.post() is None
        assert not faults.loses_disconnect(f"{number}")
        assert faults.disconnect_delay() == 0
        assert not faults.repeats_delivery()
        assert faults.delivery_delay() == 0
        assert faults.start_delay() == 0
    assert not faults.counts
    assert not faults.lost_disconnects


def test_same_seed_same_decisions_whatever_else_is_asked() -> None:
    """The decisions of a kind depend on the seed alone, not on how the kinds interleave."""
    alone, mixed = FaultInjector(ALL), FaultInjector(ALL)
    posts = [alone.post() for _ in range(200)]
    repeats = [alone.repeats_delivery() for _ in range(200)]
    lost = [alone.loses_disconnect(f"{number}") for number in range(200)]
    delays = [alone.start_delay() for _ in range(200)]

    for number in range(200):
        assert mixed.start_delay() == delays[number]
        assert mixed.loses_disconnect(f"{number}") == lost[number]
        assert mixed.repeats_delivery() == repeats[number]
        assert mixed.post() == posts[number]
    assert mixed.counts == alone.counts
    assert mixed.lost_disconnects == alone.lost_disconnects


def test_another_seed_decides_otherwise() -> None:
    """Seeds differ in what they decide, and so do the kinds of one seed."""
    one, other = FaultInjector(ALL), FaultInjector(FaultSettings(seed=4, lost_disconnect_rate=0.3))
    lost = [one.loses_disconnect("") for _ in range(200)]
    assert lost != [other.loses_disconnect("") for _ in range(200)]
    assert lost != [one.repeats_delivery() for _ in range(200)]


def test_counts_are_what_was_decided() -> None:
    """Every fault is counted under its kind, and lost disconnects are known by their ids."""
    faults = FaultInjector(ALL)
    posts = Counter(faults.post() for _ in range(1000))
    lost = {f"{number}" for number in range(1000) if faults.loses_disconnect(f"{number}")}
    late = [faults.delivery_delay() for _ in range(1000)]
    assert {fault: faults.counts[fault.value] for fault in PostFault} == {
        fault: posts[fault] for fault in PostFault
    }
    assert faults.lost_disconnects == lost
    assert faults.counts["lost_disconnect"] == len(lost)
    assert faults.counts["delayed_delivery"] == late.count(4)
    assert set(late) == {0, 4}


@pytest.mark.parametrize(
    ("rate", "least", "most"), [(0.1, 70, 130), (0.5, 440, 560), (1, 1000, 1000)]
)
def test_a_rate_is_a_share(rate: float, least: int, most: int) -> None:
    """About as many occasions go wrong as the rate says; all do at 1."""
    faults = FaultInjector(FaultSettings(duplicate_delivery_rate=rate))
    assert least <= sum(faults.repeats_delivery() for _ in range(1000)) <= most


def test_start_delays_are_spread_up_to_the_limit() -> None:
    """Invocations start at any time up to the limit, so later ones can overtake."""
    faults = FaultInjector(FaultSettings(reorder_seconds=0.5))
    delays = [faults.start_delay() for _ in range(100)]
    assert all(0 <= delay < 0.5 for delay in delays)
    assert delays != sorted(delays)
