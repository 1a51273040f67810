"""Lambda as it documents itself: mappings that take time to change, and an account's limits."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Final

from botocore.exceptions import ClientError

UNRESERVED_LEAST: Final = 100
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html"""


class NotFoundError(ClientError):
    """There is no such thing."""

    def __init__(self, operation: str) -> None:
        super().__init__({"Error": {"Code": "ResourceNotFoundException"}}, operation)


class Lambda:
    """Mappings and reservations, with a clock of their own: the part that `infra` uses.

    A mapping takes no change, nor a second one beside it, until the last change has ended
    (https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html).

    Attributes:
        mappings: their states, settings and queues, by UUID.
        reserved: executions, by function.
    """

    exceptions: Final = SimpleNamespace(ResourceNotFoundException=NotFoundError)

    def __init__(self, executions: int = 1000, **mappings: str) -> None:
        self.mappings: dict[str, dict[str, Any]] = {
            uuid: {"UUID": uuid, "State": state, "EventSourceArn": "arn:aws:sqs:r:1:q.fifo"}
            for uuid, state in mappings.items()
        }
        self.reserved: dict[str, int] = {}
        self._executions = executions

    def sleep(self, _: float) -> None:
        """Let time pass, in which what is under way ends."""
        ends = {"Creating": "Enabled", "Enabling": "Enabled", "Updating": "Enabled"}
        for uuid, mapping in [*self.mappings.items()]:
            if mapping["State"] == "Deleting":
                del self.mappings[uuid]
            mapping["State"] = ends.get(mapping["State"], mapping["State"])

    def get_paginator(self, _: str) -> Any:
        """List mappings, all on one page."""
        page = {"EventSourceMappings": [*self.mappings.values()]}
        return SimpleNamespace(paginate=lambda **_: [page])

    def get_event_source_mapping(self, *, UUID: str) -> dict[str, Any]:  # noqa: N803
        """Describe a mapping."""
        if UUID not in self.mappings:
            raise NotFoundError("GetEventSourceMapping")
        return dict(self.mappings[UUID])

    def update_event_source_mapping(self, *, UUID: str, **settings: Any) -> None:  # noqa: N803
        """Begin to change a mapping; refused while it changes."""
        mapping = self.mappings[UUID]
        if mapping["State"] not in ("Enabled", "Disabled"):
            raise ClientError(
                {"Error": {"Code": "ResourceInUseException"}}, "UpdateEventSourceMapping"
            )
        mapping.update(settings, State="Updating")

    def get_account_settings(self) -> dict[str, Any]:
        """Tell the account's limit, and what of it nobody has reserved."""
        unreserved = self._executions - sum(self.reserved.values())
        limit = {"ConcurrentExecutions": self._executions}
        return {"AccountLimit": {**limit, "UnreservedConcurrentExecutions": unreserved}}

    def get_function_concurrency(self, *, FunctionName: str) -> dict[str, int]:  # noqa: N803
        """Tell what a function has reserved."""
        if FunctionName not in self.reserved:
            raise NotFoundError("GetFunctionConcurrency")
        return {"ReservedConcurrentExecutions": self.reserved[FunctionName]}

    def put_function_concurrency(self, name: str, executions: int) -> None:
        """Reserve executions; refused where too few are left to the others."""
        others = sum(each for function, each in self.reserved.items() if function != name)
        if self._executions - others - executions < UNRESERVED_LEAST:
            raise ClientError(
                {"Error": {"Code": "InvalidParameterValueException"}}, "PutFunctionConcurrency"
            )
        self.reserved[name] = executions
