"""Concurrency of broadcasts, the same wherever it is set."""

from __future__ import annotations

import json
import re

from chalice.app import SQSEventConfig

from app import app
from chalicelib.core.jobs import MAXIMUM_CONCURRENCY
from tests.support.project import PROJECT


def test_the_mapping_asks_for_no_more_than_is_reserved() -> None:
    """More would be throttled, and be dead letters in the end; fewer would leave some unused."""
    stages = json.loads((PROJECT / ".chalice/config.json").read_text())["stages"]
    reserved = {
        stage: settings["lambda_functions"]["broadcast"].get("reserved_concurrency")
        for stage, settings in stages.items()
    }
    [mapping] = [each for each in app.event_sources if isinstance(each, SQSEventConfig)]
    assert reserved == {"dev": None, "prod": MAXIMUM_CONCURRENCY}
    assert mapping.maximum_concurrency == MAXIMUM_CONCURRENCY


def test_the_documents_say_how_many_and_where() -> None:
    """The figure and the module that has it are those of the code."""
    deploy, operations = (
        (PROJECT / f"docs/{name}.md").read_text() for name in ("deploy", "operations")
    )
    assert f"{MAXIMUM_CONCURRENCY} executions are reserved for its broadcast" in deploy
    assert f"At its maximum ({MAXIMUM_CONCURRENCY})" in operations
    assert f"{MAXIMUM_CONCURRENCY} of it are reserved for the broadcast of prod" in operations
    places = re.findall(r"`MAXIMUM_CONCURRENCY` in `([\w/.]+)`", deploy + operations)
    assert set(places) == {"chalicelib/core/jobs.py"}
