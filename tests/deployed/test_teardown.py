"""The end of a stage. The file's name puts it behind the others, which need the stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.deployed.deployment import Deployment

HELD = (
    ("dynamodb", "list_tables", "TableNames"),
    ("sqs", "list_queues", "QueueUrls"),
    ("lambda", "list_functions", "Functions"),
    ("lambda", "list_event_source_mappings", "EventSourceMappings"),
    ("apigateway", "get_rest_apis", "items"),
    ("apigatewayv2", "get_apis", "Items"),
    ("iam", "list_roles", "Roles"),
    ("iam", "list_policies", "Policies"),
    ("logs", "describe_log_groups", "logGroups"),
    ("cloudwatch", "describe_alarms", "MetricAlarms"),
    ("cloudwatch", "list_dashboards", "DashboardEntries"),
    ("sns", "list_topics", "Topics"),
    ("s3", "list_buckets", "Buckets"),
    ("cloudformation", "describe_stacks", "Stacks"),
)


def held(deployment: Deployment) -> dict[str, list[Any]]:
    """All that the account holds."""
    found: dict[str, list[Any]] = {}
    for service, operation, key in HELD:
        options = {"Scope": "Local"} if operation == "list_policies" else {}
        answer = getattr(deployment.client(service), operation)(**options)
        found[f"{service} {key}"] = answer.get(key, [])
    return found


def test_destroying_a_stage_leaves_nothing(deployment: Deployment) -> None:
    """Of all that was there, nothing is, also if it was interrupted; nor is nothing an error."""
    assert sum(map(len, held(deployment).values())) > 30
    deployment.interrupted("destroy", after=7)
    deployment.run("destroy")
    assert {key: values for key, values in held(deployment).items() if values} == {}
    deployment.run("destroy")
