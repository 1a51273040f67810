"""Status endpoint ``/_gateway``: status of the API as page and JSON, schedules run on demand.

It shares the port of the WebSocket API and answers this machine alone: AWS has no such thing.
"""

import asyncio
import ipaddress
import json
import time
import uuid
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from websockets.http11 import Response

from apigw_local.gateway import status_page
from apigw_local.gateway.api import Api
from apigw_local.gateway.events import Event
from apigw_local.gateway.http import HttpRequest, response
from apigw_local.lambda_.functions import Schedule
from apigw_local.lambda_.invocation import FunctionError

SEGMENTS = {"_gateway", "_gateway.json"}

_ACCOUNT = "123456789012"


async def answer(api: Api, request: HttpRequest, peer: str) -> Response:
    """Answer one request below ``/_gateway``.

    ``GET`` shows everything, as a page to browsers and as JSON to others;
    ``POST /_gateway/schedules/NAME`` runs a scheduled function now.

    Args:
        api: The API.
        request: The request.
        peer: The address it comes from.
    """
    if reason := refusal(request, peer):
        return _json(HTTPStatus.FORBIDDEN, {"message": reason})
    match request.method, request.segments:
        case "GET", ["_gateway"] if "text/html" in request.headers.get("accept", ""):
            html = status_page.render(await status_page.snapshot(api))
            return response(HTTPStatus.OK, html.encode(), status_page.HEADERS)
        case "GET", ["_gateway"] | ["_gateway.json"]:
            return _json(HTTPStatus.OK, await status_page.snapshot(api))
        case "POST", ["_gateway", "schedules", name]:
            return _json(*await run_schedule(api, name))
    there_is = "There is GET /_gateway, GET /_gateway.json and POST /_gateway/schedules/NAME."
    return _json(HTTPStatus.NOT_FOUND, {"message": there_is})


def refusal(request: HttpRequest, peer: str) -> str | None:
    """Return the reason to refuse a request of another machine or another site's page, or None.

    A page can make this machine's browser send a request, under a name of its own that resolves
    to this machine or by a form; its host or its origin shows that.
    """
    host = request.headers.get("host", "")
    if not (_is_loopback(peer) and _is_loopback(_without_port(host))):
        return "This is for the machine that it runs on: ask http://127.0.0.1 for it there."
    origin = request.headers.get("origin")
    if request.method != "GET" and origin not in {None, f"http://{host}"}:
        return f"A page of {origin} may not do this."
    return None


async def run_schedule(api: Api, name: str) -> tuple[HTTPStatus, dict[str, Any]]:
    """Run a scheduled function once; return the status and the content of the answer."""
    schedules = api.functions.schedules()
    if name not in schedules:
        there_are = ", ".join(schedules) or "none"
        message = f"There is no scheduled function {name!r}. There are: {there_are}."
        return HTTPStatus.NOT_FOUND, {"message": message}
    schedule = schedules[name]
    event = _event(schedule, api.region)
    started = time.monotonic()
    answer = await _invoke(schedule, event)
    api.activity_log.invocation(
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
    """Return the event that EventBridge sends at a rule's time.

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


def _without_port(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def _json(status: HTTPStatus, content: dict[str, Any]) -> Response:
    # Close, as with a refusal: nothing else is read from this TCP connection meanwhile.
    headers = {"Connection": "close", "Cache-Control": "no-store"}
    return response(status, json.dumps(content, indent=2).encode() + b"\n", headers)
