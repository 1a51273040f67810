"""The alarms and the dashboard look at metrics that there are."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.adapters.telemetry import NAMESPACE
from chalicelib.core.ports.meter import Metric, Unit
from tests.support.project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTION = frozenset({"FunctionName"})
QUEUE = frozenset({"QueueName"})
TABLE = frozenset({"TableName"})
OF_AWS = {
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    ("AWS/Lambda", "Invocations"): FUNCTION,
    ("AWS/Lambda", "Duration"): FUNCTION,
    ("AWS/Lambda", "Errors"): FUNCTION,
    ("AWS/Lambda", "Throttles"): FUNCTION,
    ("AWS/Lambda", "ConcurrentExecutions"): FUNCTION,
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): QUEUE,
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): QUEUE,
    ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible"): QUEUE,
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
    ("AWS/DynamoDB", "ConsumedReadCapacityUnits"): TABLE,
    ("AWS/DynamoDB", "ConsumedWriteCapacityUnits"): TABLE,
    ("AWS/DynamoDB", "ReadThrottleEvents"): TABLE,
    ("AWS/DynamoDB", "WriteThrottleEvents"): TABLE,
}
"""Metrics that AWS's services send, and what tells theirs apart."""

TITLES = {metric.title: metric for metric in Metric}
TEMPLATE = (PROJECT / "infra/resources.json").read_text()
RESOURCES = json.loads(TEMPLATE)["Resources"]
ALARMS = {
    logical_id: resource["Properties"]
    for logical_id, resource in RESOURCES.items()
    if resource["Type"] == "AWS::CloudWatch::Alarm"
}


def prod(value: Any) -> Any:
    """A value as CloudFormation makes it for stage prod."""
    match value:
        case {"Fn::Sub": str(text)}:
            return text.replace("${Stage}", "prod").replace("${AWS::Region}", "us-east-1")
        case {"Fn::Join": [separator, parts]}:
            return separator.join(prod(part) for part in prod(parts))
        case {"Fn::GetAtt": ["Queue" | "DeadLetterQueue" as queue, "QueueName"]}:
            return prod(RESOURCES[queue]["Properties"]["QueueName"])
        case dict():
            return {key: prod(each) for key, each in value.items()}
        case list():
            return [prod(each) for each in value]
    return value


Seen = tuple[str, str, dict[str, str]]
"""A namespace, a name and dimensions."""

WIDGETS = json.loads(prod(RESOURCES["Dashboard"]["Properties"]["DashboardBody"]))["widgets"]
FROM_ACCESS_LOG = {
    (transformation["MetricNamespace"], transformation["MetricName"])
    for resource in RESOURCES.values()
    if resource["Type"] == "AWS::Logs::MetricFilter"
    for transformation in prod(resource["Properties"]["MetricTransformations"])
}


def looked_at(alarm: dict[str, Any]) -> Seen:
    """The metric of an alarm."""
    one = prod(alarm)
    dimensions = {each["Name"]: each["Value"] for each in one.get("Dimensions", [])}
    return one["Namespace"], one["MetricName"], dimensions


def rows_of(widget: dict[str, Any]) -> list[list[Any]]:
    """Metrics that a widget draws, as CloudWatch writes them."""
    rows: list[list[Any]] = widget["properties"]["metrics"]
    return rows


def drawn(widget: dict[str, Any]) -> Iterator[Seen]:
    """The metrics of a widget, in which a dot repeats what stands above it.

    Rows without a name reckon with others, or look for whatever there is.
    """
    above: list[str] = []
    rows = ([cell for cell in row if isinstance(cell, str)] for row in rows_of(widget))
    for named in filter(None, rows):
        above = [above[place] if cell == "." else cell for place, cell in enumerate(named)]
        namespace, name, *dimensions = above
        yield namespace, name, dict(zip(dimensions[::2], dimensions[1::2], strict=True))


def assert_there_is(seen: Seen) -> None:
    """Let a metric be one of ours, of AWS's, or made from the access log."""
    namespace, name, dimensions = seen
    if namespace == NAMESPACE:
        assert name in TITLES
        assert dimensions.pop("service") == "fanfare-prod"
        assert dimensions.keys() <= {"code"}  # tests/functional/test_alarm_codes.py says which
    elif (namespace, name) in FROM_ACCESS_LOG:
        assert dimensions == {}
    else:
        assert OF_AWS[namespace, name] == dimensions.keys()
        assert all(value.startswith("fanfare-prod") for value in dimensions.values())


@pytest.mark.parametrize("logical_id", ALARMS)
def test_an_alarm_looks_at_a_metric_that_there_is(logical_id: str) -> None:
    """An alarm on a metric that nobody sends would stay silent for ever."""
    assert_there_is(looked_at(ALARMS[logical_id]))


@pytest.mark.parametrize("widget", WIDGETS, ids=lambda widget: widget["properties"]["title"])
def test_a_widget_draws_metrics_that_there_are(widget: dict[str, Any]) -> None:
    """And an average or a percentile of times and shares, but of counts the sum."""
    for seen in drawn(widget):
        assert_there_is(seen)
        if seen[0] == NAMESPACE:
            assert (widget["properties"]["stat"] == "Sum") is (TITLES[seen[1]].unit is Unit.COUNT)


def test_the_whole_catalogue_is_on_the_dashboard() -> None:
    """Every metric can be seen."""
    seen = {name for widget in WIDGETS for space, name, _ in drawn(widget) if space == NAMESPACE}
    assert seen == set(TITLES)


def test_no_widget_covers_another() -> None:
    """Each has a place of its own, three in a row of 24 columns."""
    places = [(widget["x"], widget["y"]) for widget in WIDGETS]
    rows = range(0, len(WIDGETS) * 2, 6)
    assert places == [(x, y) for y in rows for x in (0, 8, 16)]
    assert {(widget["width"], widget["height"]) for widget in WIDGETS} == {(8, 6)}


def test_stages_send_their_metrics_where_the_alarms_look() -> None:
    """The service's name is the stage's, in every stage."""
    stages = json.loads((PROJECT / ".chalice/config.json").read_text())["stages"]
    for name, stage in stages.items():
        assert stage["environment_variables"]["POWERTOOLS_SERVICE_NAME"] == f"fanfare-{name}"


def test_jobs_that_wait_raise_an_alarm_well_before_rooms_wait_for_each_other() -> None:
    """A FIFO queue looks among its first 120,000 messages only, and its jobs may fill 1 MiB each.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/best-practices-message-groups.html
    """
    alarm = ALARMS["QueueLengthAlarm"]
    queue = {"QueueName": "fanfare-prod.fifo"}
    assert looked_at(alarm) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible", queue)
    assert 5_000 <= alarm["Threshold"] <= 120_000 / 4
    for name in ("Queue", "DeadLetterQueue"):
        assert RESOURCES[name]["Properties"]["MaximumMessageSize"] == 1024 * 1024


def test_every_alarm_tells_somebody_and_what_it_means() -> None:
    """Alarms go to the topic, when they go off and when all is well again; silence is no news."""
    for alarm in ALARMS.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]
        assert alarm["AlarmDescription"].endswith(".")
        assert alarm["TreatMissingData"] == "notBreaching"


def test_what_is_reckoned_is_reckoned_from_what_is_there() -> None:
    """Shares are drawn of metrics that the same widget names, and codes are looked for in ours."""
    for widget in WIDGETS:
        options = [row[-1] for row in rows_of(widget) if isinstance(row[-1], dict)]
        known = {option["id"] for option in options if "id" in option}
        for expression in (option["expression"] for option in options if "expression" in option):
            if expression.startswith("SEARCH"):
                assert f'{{{NAMESPACE},code,service}} service="fanfare-prod"' in expression
            else:
                assert set(re.findall(r"\b[a-z]+\b", expression)) == known


def test_the_document_says_what_watching_costs() -> None:
    """docs/cost.md counts the alarms, and the metrics that we pay for sending."""
    cost = (PROJECT / "docs/cost.md").read_text()
    sent = len(Metric) + len(FROM_ACCESS_LOG)
    assert f"{len(ALARMS)} alarms ($0.10 each), {sent} metrics of our own ($0.30 each" in cost
    assert f"about ${len(ALARMS) * 0.1 + sent * 0.3 + 3:.0f} a month whatever the load" in cost


def test_the_template_can_be_sent_as_it_is() -> None:
    """CloudFormation takes 51,200 bytes without a bucket.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    """
    assert len(TEMPLATE.encode()) <= 51_200
