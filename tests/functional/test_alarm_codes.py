"""Refusals for failures of AWS, counted under the codes that the alarms watch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chalicelib.core.protocol import SUBPROTOCOL
from tests.support import resources
from tests.support.project import PROJECT

if TYPE_CHECKING:
    import pytest

    from tests.functional.conftest import Lambdas

ADA = "PJqB0fHsqRcCHlw="


def watched() -> set[tuple[str, str]]:
    """The metrics of the alarms that look at one code alone, with the code."""
    template = json.loads((PROJECT / "infra/resources.json").read_text())
    alarms: list[dict[str, Any]] = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    ]
    return {
        (alarm["MetricName"], dimension["Value"])
        for alarm in alarms
        for dimension in alarm.get("Dimensions", [])
        if dimension["Name"] == "code"
    }


def test_a_table_that_is_away_sets_off_both_alarms(
    lambdas: Lambdas, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the connect nor the message function fails then, so no alarm of Lambda's would."""
    lambdas.connect(ADA, None, SUBPROTOCOL)
    resources.client("dynamodb").delete_table(TableName=resources.TABLE)
    capsys.readouterr()
    lambdas.connect(ADA, None, SUBPROTOCOL)
    lambdas.message(ADA, {"action": "join", "room": "tea"})
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    counted = {
        (metric["Name"], line["code"])
        for line in lines
        if "code" in line
        for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }
    assert watched() <= counted
    assert len(watched()) == 2
