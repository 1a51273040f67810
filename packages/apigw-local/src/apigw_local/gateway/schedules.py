"""Scheduled functions, run when the developer says so."""

import asyncio
import time
import uuid
from http import HTTPStatus
from typing import Any

from apigw_local.gateway.api import Api
from apigw_local.gateway.events import Event
from apigw_local.lambda_.functions import Schedule
from apigw_local.lambda_.invocation import FunctionError

_ACCOUNT = "123456789012"


async def run(api: Api, name: str) -> tuple[HTTPStatus, dict[str, Any]]:
    """Run a scheduled function, once: the status and the content of the answer."""
    schedules = api.functions.schedules()
    if name not in schedules:
        there_are = ", ".join(schedules) or "none"
        message = f"There is no scheduled function {name!r}. There are: {there_are}."
        return HTTPStatus.NOT_FOUND, {"message": message}
    schedule = schedules[name]
    event = _event(schedule, api.region)
    started = time.monotonic()
    answer = await _invoke(schedule, event)
    api.journal.invocation(
        "schedule",
        event,
        schedule.function,
        failed=answer[0] != HTTPStatus.OK,
        started=started,
    )
    return answer


async def _invoke(schedule: Schedule, event: Event) -> tuple[HTTPStatus, dict[str, Any]]:
    function = schedule.function
    try:
        async with asyncio.timeout(function.timeout):
            result = await asyncio.wrap_future(function.invoke(event))
    except FunctionError as error:
        return HTTPStatus.INTERNAL_SERVER_ERROR, {"error": str(error)}
    except TimeoutError:
        message = f"{function.name} timed out after {function.timeout:g} s."
        return HTTPStatus.GATEWAY_TIMEOUT, {"error": message}
    return HTTPStatus.OK, {"result": result}


def _event(schedule: Schedule, region: str) -> Event:
    """What EventBridge sends when a rule's time has come.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/event-reference.html
    """
    return Event(
        {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": _ACCOUNT,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "region": region,
            "resources": [f"arn:aws:events:{region}:{_ACCOUNT}:rule/{schedule.rule}"],
            "detail": {},
        }
    )
