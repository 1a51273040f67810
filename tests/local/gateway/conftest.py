"""Gateways for the tests, stopped when a test ends."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.local.gateway.serving import Served


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Start gateways, with the arguments of `Served`."""
    started: list[Served] = []

    def start(**options: Any) -> Served:
        served = Served(**options)
        started.append(served)
        return served

    yield start
    for served in started:
        served.stop()
