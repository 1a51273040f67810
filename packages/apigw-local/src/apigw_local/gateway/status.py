"""``/_gateway``: what the gateway, the functions and the queues are doing, for the developer.

On the port of the WebSocket API, and for this machine alone: AWS has no such thing.
"""

import ipaddress
import json
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from websockets.http11 import Response

from apigw_local.gateway import status_page
from apigw_local.gateway.api import Api
from apigw_local.gateway.call import Call
from apigw_local.gateway.responses import response
from apigw_local.gateway.schedules import run
from apigw_local.gateway.snapshot import snapshot

SEGMENTS = {"_gateway", "_gateway.json"}


async def answer(api: Api, call: Call, peer: str) -> Response:
    """Answer one request below ``/_gateway``.

    ``GET`` shows everything, as a page to browsers and as JSON to others;
    ``POST /_gateway/schedules/NAME`` runs a scheduled function now.

    Args:
        api: The API.
        call: The request.
        peer: The address it comes from.
    """
    if reason := refusal(call, peer):
        return _json(HTTPStatus.FORBIDDEN, {"message": reason})
    match call.method, call.segments:
        case "GET", ["_gateway"] if "text/html" in call.headers.get("accept", ""):
            html = status_page.render(await snapshot(api))
            return response(HTTPStatus.OK, html.encode(), status_page.HEADERS)
        case "GET", ["_gateway"] | ["_gateway.json"]:
            return _json(HTTPStatus.OK, await snapshot(api))
        case "POST", ["_gateway", "schedules", name]:
            return _json(*await run(api, name))
    there_is = "There is GET /_gateway, GET /_gateway.json and POST /_gateway/schedules/NAME."
    return _json(HTTPStatus.NOT_FOUND, {"message": there_is})


def refusal(call: Call, peer: str) -> str | None:
    """Why a request is refused, None if it is not: another machine's, or another site's page's.

    A page can make the browser on this machine ask, under a name of its own that leads here, or
    by a form; its own host or its origin gives it away.
    """
    host = call.headers.get("host", "")
    if not (_is_loopback(peer) and _is_loopback(_without_port(host))):
        return "This is for the machine that it runs on: ask http://127.0.0.1 for it there."
    origin = call.headers.get("origin")
    if call.method != "GET" and origin not in {None, f"http://{host}"}:
        return f"A page of {origin} may not do this."
    return None


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
