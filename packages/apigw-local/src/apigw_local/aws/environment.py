"""The AWS that the app's clients talk to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from apigw_local.aws import app_environment
from apigw_local.aws.emulator import Emulator

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Aws:
    """An emulated AWS.

    Attributes:
        region: the one that clients use.
        endpoint: its URL.
        embedded: whether it was started here, and not given as AWS_ENDPOINT_URL.
    """

    region: str
    endpoint: str
    embedded: bool


def enter(project: Path, owner: int) -> Aws:
    """Lead every AWS client made from now on to a local AWS, started if none is given.

    Args:
        project: the app's folder.
        owner: the process that the embedded AWS must not outlive.

    Raises:
        LocalError: it can't be started.
    """
    region = app_environment.set_region(os.environ)
    given = os.environ.get("AWS_ENDPOINT_URL")
    if given:
        return Aws(region, given, embedded=False)
    endpoint = Emulator(project, owner).endpoint()
    app_environment.confine(os.environ, endpoint)
    return Aws(region, endpoint, embedded=True)
