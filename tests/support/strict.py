"""A stricter stand-in for AWS: what emulators let pass, refused on the client's side.

`install` prepares every session of this process; `START` is a line for a .pth file, which prepares
those of its virtual environment.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import re
import time
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError, WaiterError
from botocore.model import ListShape, MapShape, StringShape, StructureShape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from botocore.hooks import BaseEventHooks
    from botocore.model import OperationModel, Shape
    from botocore.session import Session

INTERRUPT: Final = "TESTS_INTERRUPT_AFTER"
"""The variable that says after how many changing calls a run is interrupted."""

START: Final = (
    f"import sys; sys.path.append({str(Path(__file__).parents[2])!r});"
    " from tests.support import strict; strict.hurry(); strict.install()"
)
"""Code that Python runs as it starts; https://docs.python.org/3/library/site.html has the form."""

QUEUE_NAME_SECONDS: Final = 60.0
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html"""

_READS: Final = ("Get", "List", "Describe", "Filter", "Receive")


class RefusedError(Exception):
    """AWS would refuse a parameter; the text says which, and why."""


def install() -> None:
    """Prepare every session that this process makes from now on."""
    botocore.register_initializer(prepare)


def hurry() -> None:
    """Cut waits for AWS short: an emulator is ready at once."""
    wait = time.sleep
    time.sleep = lambda seconds: wait(min(float(seconds), 0.05))


def prepare(session: Session) -> None:
    """Let a session's clients check their parameters, and be refused and interrupted."""
    events = session.get_component("event_emitter")
    check(events)
    overlook(events)
    refuse_haste(events)
    if INTERRUPT in os.environ:
        events.register("after-call", functools.partial(_interrupt, _calls))


def check(events: BaseEventHooks) -> None:
    """Let a client's calls be refused whose parameters AWS's model of the service refuses."""
    events.register("provide-client-params", _check)


def overlook(events: BaseEventHooks) -> None:
    """Let short polls of SQS, which ask only some of its servers, find nothing."""
    events.register("before-call.sqs.ReceiveMessage", _overlook)


def refuse_haste(events: BaseEventHooks) -> None:
    """Refuse every second CreateDeployment, as one within 5 s of another is."""
    hastes = itertools.count()
    _answer_deployments(events, lambda: _TOO_MANY() if next(hastes) % 2 else None)


def answer_deployments(events: BaseEventHooks, refusals: int) -> None:
    """Answer CreateDeployment: so many refusals, and then that it is made."""
    answers = itertools.chain(itertools.repeat(_TOO_MANY, refusals), itertools.repeat(_MADE))
    _answer_deployments(events, lambda: next(answers)())


def _answer_deployments(events: BaseEventHooks, answer: Callable[[], Any]) -> None:
    for service in ("api-gateway", "apigatewayv2"):
        name = f"before-send.{service}.CreateDeployment"
        events.register_first(name, lambda **_: answer())


def shape(service: str, name: str) -> Shape:
    """Return a shape of a service's model."""
    found: Shape = botocore.session.get_session().get_service_model(service).shape_for(name)
    return found


def faults(value: Any, shape: Shape, name: str) -> Iterator[str]:
    """Yield what of a value a model's patterns, lengths, bounds and enumerations refuse."""
    if isinstance(shape, StructureShape):
        for key, each in value.items():
            yield from faults(each, shape.members[key], f"{name}.{key}")
    elif isinstance(shape, ListShape):
        yield from _outside(len(value), shape, f"the length of {name}")
        for number, each in enumerate(value):
            yield from faults(each, shape.member, f"{name}[{number}]")
    elif isinstance(shape, MapShape):
        yield from _outside(len(value), shape, f"the size of {name}")
        for key, each in value.items():
            yield from faults(key, shape.key, f"{name}'s key")
            yield from faults(each, shape.value, f"{name}[{key}]")
    elif isinstance(shape, StringShape):
        yield from _outside(len(value), shape, f"the length of {name}")
        if shape.enum and value not in shape.enum:
            yield f"{name} is {value!r}: one of {', '.join(shape.enum)}"
        pattern = _pattern(shape.metadata.get("pattern"))
        if pattern and not pattern.fullmatch(value):
            yield f"{name} is {value!r}, which is not of the form {pattern.pattern}"
    elif shape.type_name in ("integer", "long", "float", "double"):
        yield from _outside(value, shape, name)


def _check(params: dict[str, Any], model: OperationModel, **_: Any) -> None:
    shape = model.input_shape
    known = {key: each for key, each in params.items() if shape and key in shape.members}
    for fault in faults(known, shape, model.name) if shape else ():
        raise RefusedError(fault)


def _outside(value: float, shape: Shape, name: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if (least is not None and value < least) or (most is not None and value > most):
        yield f"{name} is {value}: from {least} to {most}"


@functools.cache
def _pattern(text: str | None) -> re.Pattern[str] | None:
    """Return Java's pattern as Python's; None where Python has none like it."""
    try:
        return re.compile(text) if text else None
    except re.error:
        return None


def _overlook(params: dict[str, Any], **_: Any) -> Any:
    if json.loads(params["body"]).get("WaitTimeSeconds"):
        return None
    return AWSResponse("", HTTPStatus.OK, HTTPHeaders(), None), {}


class _Answer(AWSResponse):
    def __init__(self, status: HTTPStatus, headers: dict[str, str]) -> None:
        super().__init__("", status, HTTPHeaders.from_dict(headers), None)

    @property
    def content(self) -> bytes:
        return b"{}"


_TOO_MANY: Final = functools.partial(
    _Answer, HTTPStatus.TOO_MANY_REQUESTS, {"x-amzn-ErrorType": "TooManyRequestsException"}
)
_MADE: Final = functools.partial(_Answer, HTTPStatus.CREATED, {})
_calls = itertools.count(1)


def _interrupt(calls: Iterator[int], model: OperationModel, **_: Any) -> None:
    if not model.name.startswith(_READS) and next(calls) == int(os.environ[INTERRUPT]):
        raise KeyboardInterrupt


_UPDATABLE: Final = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
)


class CloudFormation:
    """Stacks as CloudFormation keeps them, with a clock of their own: the part that `Stack` uses.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html

    Attributes:
        status: the one stack's state; None before there is one.
        reason: why the next change is to fail, if it is.
        parameters: what the last change was asked for.
        requests: the changes asked for, by operation.
    """

    meta: Final = SimpleNamespace(region_name="us-east-1")

    def __init__(self, status: str | None = None) -> None:
        self.status = status
        self.reason: str | None = None
        self.parameters: dict[str, str] = {}
        self.requests: list[str] = []
        self._outcome = ""
        self._now = 0.0
        self._deleted = -QUEUE_NAME_SECONDS
        self._event = ""

    def sleep(self, seconds: float) -> None:
        """Let time pass, in which what is under way ends."""
        self._now += seconds
        if self.status and self.status.endswith("_IN_PROGRESS"):
            self.status = self._outcome or _ended(self.status)
            self._outcome = ""
        if self.status == "DELETE_COMPLETE":
            self._deleted, self.status = self._now, None

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803
        """Describe the stack."""
        if self.status is None:
            raise _refusal(f"Stack with id {StackName} does not exist", "DescribeStacks")
        return {"Stacks": [{"StackName": StackName, "StackStatus": self.status}]}

    def describe_stack_events(self, **_: Any) -> dict[str, Any]:
        """Tell why something failed."""
        event = {"LogicalResourceId": "Queue", "ResourceStatus": "CREATE_FAILED"}
        return {"StackEvents": [{**event, "ResourceStatusReason": self._event}]}

    def create_stack(self, **request: Any) -> None:
        """Begin to create the stack; a queue's name is refused for 60 s after its deletion."""
        if self.status not in (None, "DELETE_COMPLETE"):
            raise _refusal("Stack already exists", "CreateStack")
        self._take("create", request)
        reason = self.reason
        if self._now < self._deleted + QUEUE_NAME_SECONDS:
            reason = (
                "You must wait 60 seconds after deleting a queue before you can create another"
                " with the same name."
            )
        self.status, self.reason = "CREATE_IN_PROGRESS", None
        if reason:
            self._event = reason
            protected = self.parameters.get("DeletionProtection") == "true"
            self._outcome = "ROLLBACK_FAILED" if protected else "ROLLBACK_COMPLETE"

    def update_stack(self, **request: Any) -> None:
        """Begin to bring the stack up to date."""
        if self.status not in _UPDATABLE:
            raise _refusal(f"Stack is in {self.status} state and can not be updated", "UpdateStack")
        before = dict(self.parameters)
        self._take("update", request)
        if self.parameters == before:
            raise _refusal("No updates are to be performed.", "UpdateStack")
        self.status = "UPDATE_IN_PROGRESS"

    def delete_stack(self, **_: Any) -> None:
        """Begin to delete the stack."""
        self.requests.append("delete")
        self.status = "DELETE_IN_PROGRESS"

    def get_waiter(self, name: str) -> _Waiter:
        """Wait for the end of a change."""
        return _Waiter(self, name)

    def _take(self, change: str, request: dict[str, Any]) -> None:
        self.requests.append(change)
        self.parameters = {
            each["ParameterKey"]: each["ParameterValue"] for each in request["Parameters"]
        }


def _ended(status: str) -> str:
    return status.replace("_COMPLETE_CLEANUP_IN_PROGRESS", "_COMPLETE").replace(
        "_IN_PROGRESS", "_COMPLETE"
    )


class _Waiter:
    def __init__(self, client: CloudFormation, name: str) -> None:
        self._client = client
        self._wanted = f"{name.split('_')[1].upper()}_COMPLETE"

    def wait(self, **_: Any) -> None:
        self._client.sleep(1)
        if self._client.status not in (self._wanted, None):
            raise WaiterError("stack", f"it is in {self._client.status}", {})


def _refusal(message: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationError", "Message": message}}, operation)
