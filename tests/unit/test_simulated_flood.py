"""Floods within all limits, by the real use cases on AWS as it is simulated."""

from __future__ import annotations

import pytest

from bench.load.flood_scenes import SCENES
from planning.simulation.flood import SIMULATED, simulate
from planning.simulation.path import World


@pytest.mark.parametrize("scene", SIMULATED)
def test_a_flood_within_the_limits_is_bounded_and_other_rooms_do_not_notice(scene: str) -> None:
    """500 frames a second to one room: it is less than 5 s late, and another as fast as ever."""
    row = simulate(SCENES[scene], scene, 15, World())
    assert row.sent == 500 * 15
    assert row.p99_ms <= 1.5 * row.quiet_p99_ms
    assert 0 < row.room_wait_ms < 5_000
