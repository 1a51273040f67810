"""All that an emulated account holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.deployed.deployment import Deployment

HELD: Final = (
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
    """Return what there is, by service and kind, such as `lambda Functions`."""
    found: dict[str, list[Any]] = {}
    for service, operation, key in HELD:
        options = {"Scope": "Local"} if operation == "list_policies" else {}
        answer = getattr(deployment.client(service), operation)(**options)
        found[f"{service} {key}"] = answer.get(key, [])
    return found
