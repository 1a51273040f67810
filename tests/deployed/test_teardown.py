"""The end of a stage. The file's name puts it behind the others, which need the stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.deployed.holdings import held

if TYPE_CHECKING:
    from tests.deployed.deployment import Deployment


def test_destroying_a_stage_leaves_nothing(deployment: Deployment) -> None:
    """Of all that was there, nothing is, also if it was interrupted; nor is nothing an error."""
    assert sum(map(len, held(deployment).values())) > 30
    deployment.interrupted("destroy", after=7)
    deployment.run("destroy")
    assert {key: values for key, values in held(deployment).items() if values} == {}
    deployment.run("destroy")
