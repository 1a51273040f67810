"""Code that blocks, in simulated time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import greenlet

if TYPE_CHECKING:
    from collections.abc import Callable

    from simpy import Environment

    from planning.simulation.lambdas import Process


def wait(seconds: float) -> None:
    """Let simulated time pass for the function that calls this, which `blocking` runs."""
    simulation: Any = greenlet.getcurrent().parent
    simulation.switch(seconds)


def blocking(env: Environment, function: Callable[[], None]) -> Process:
    """Run a function that waits by `wait`."""
    running = greenlet.greenlet(function)
    seconds = running.switch()
    while not running.dead:
        yield env.timeout(seconds)
        seconds = running.switch()
