"""The mapping from the queue is changed only when Lambda takes the change."""

from __future__ import annotations

import pytest

from infra import mapping
from tests.support.strict_lambda import Lambda

FUNCTION = "arn:aws:lambda:r:1:function:f"


@pytest.mark.parametrize("state", ["Creating", "Enabling", "Enabled", "Updating"])
def test_failures_are_reported_once_the_mapping_takes_a_change(state: str) -> None:
    """And the change has ended when the function is told; a second time there is none."""
    aws = Lambda(a=state)
    assert mapping.report_failures(aws, "a", aws.sleep) is True
    assert aws.mappings["a"]["State"] == "Enabled"
    assert mapping.reports_failures(aws, "a") is True
    assert mapping.report_failures(aws, "a", aws.sleep) is False
    assert mapping.reports_failures(aws, "b") is False


def test_a_mapping_that_goes_is_waited_for() -> None:
    """Lambda takes no second one beside it; one that stays is taken over at once."""
    aws = Lambda(a="Deleting")
    assert mapping.find(aws, FUNCTION, "q.fifo", aws.sleep) is None
    assert aws.mappings == {}
    assert mapping.find(Lambda(a="Deleting", b="Creating"), FUNCTION, "q.fifo") == "b"
    assert mapping.find(Lambda(a="Enabled"), FUNCTION, "other.fifo") is None
