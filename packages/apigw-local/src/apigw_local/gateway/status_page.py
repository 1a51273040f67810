"""Status of an API: as data for programs, and as a page without scripts or foreign content."""

import asyncio
import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from html import escape
from typing import Any
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from apigw_local.gateway.activity_log import ActivityLog
from apigw_local.gateway.api import Api
from apigw_local.gateway.connection import WebSocketConnection
from apigw_local.gateway.http import iso
from apigw_local.lambda_.functions import Function
from apigw_local.sqs import queues
from apigw_local.sqs.event_source_mapping import EventSourceMapping

_SHOWN = 100
_REFRESH_SECONDS = 2

_STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
  color: #222; background: #fff }
h1 { font-size: 1.3rem } h2 { font-size: 1rem; margin: 1.5rem 0 .3rem }
table { border-collapse: collapse } td, th { padding: .1rem 1.5rem .1rem 0; text-align: left }
th { font-weight: normal; color: #666 } td { font-variant-numeric: tabular-nums }
p { margin: 0; color: #666 } form { display: inline }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #191919 }
  th, p { color: #999 } a { color: #8ab4f8 } }
"""

_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS = {
    "Connection": "close",
    "Cache-Control": "no-store",
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
    # Otherwise the form's request would come from the origin null.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


async def snapshot(api: Api) -> dict[str, Any]:
    """Return the status of an API and its queues; waits for SQS to report the queues' depths."""
    queues = await asyncio.gather(*(asyncio.to_thread(_queue_row, each) for each in api.mappings))
    faults = (api.faults, api.functions.faults, *(mapping.faults for mapping in api.mappings))
    return {
        "stage": api.stage,
        "started_at": iso(api.activity_log.started_at),
        "connections": [_connection_row(each) for each in api.connections.values()],
        "functions": [_function_row(each) for each in api.functions],
        "queues": queues,
        "schedules": [
            {"name": name, "expression": schedule.expression}
            for name, schedule in api.functions.schedules().items()
        ],
        "counts": {
            **_counters(api.activity_log),
            "chaos": dict(sum((each.counts for each in faults), start=Counter())),
        },
        "limits": asdict(api.quotas),
        "chaos": asdict(api.faults.settings),
    }


def render(status: Mapping[str, Any]) -> str:
    """Return the status as an HTML page that reloads itself.

    Args:
        status: The result of `snapshot`.
    """
    connections = status["connections"]
    counts = [
        {"what": what, "how": how, "count": count} for what, how, count in _counts(status["counts"])
    ]
    schedules = [{**each, "": _button(each["name"])} for each in status["schedules"]]
    settings = [
        {"name": name, "value": value}
        for group in ("limits", "chaos")
        for name, value in status[group].items()
    ]
    sections = (
        (f"Connections: {len(connections):,}", connections[-_SHOWN:]),
        ("Functions", status["functions"]),
        ("Queues", status["queues"]),
        ("Schedules", schedules),
        ("Counts", counts),
        ("Limits and chaos", settings),
    )
    title = f"WebSocket API, stage {escape(status['stage'])}"
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="refresh" content="{_REFRESH_SECONDS}">'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>"
        f"<p>Since {escape(status['started_at'])}. "
        '<a href="/_gateway.json">The same as JSON</a></p>'
        f"{''.join(f'<h2>{heading}</h2>{_table(rows)}' for heading, rows in sections)}"
        "</body></html>"
    )


def _connection_row(connection: WebSocketConnection) -> dict[str, Any]:
    return {
        "id": connection.id,
        "since": iso(connection.client.connected_at / 1000),
        "last_active": iso(connection.last_active),
        "source": connection.client.source_ip,
    }


def _function_row(function: Function) -> dict[str, Any]:
    return {
        "name": function.name,
        "in_flight": function.counters.in_flight,
        "invocations": function.counters.invocations,
        "failures": function.counters.failures,
    }


def _queue_row(mapping: EventSourceMapping) -> dict[str, Any]:
    try:
        return asdict(queues.depth(mapping.client, mapping.queue_url))
    except (BotoCoreError, ClientError) as error:
        return {"error": str(error)}


def _counters(activity_log: ActivityLog) -> dict[str, Any]:
    calls: dict[str, dict[str, int]] = {}
    for (method, status), count in sorted(activity_log.calls.counts.items()):
        calls.setdefault(method, {})[str(status)] = count
    return {
        "connects": {str(int(status)): n for status, n in sorted(activity_log.connects.items())},
        "messages": dict(activity_log.messages),
        "calls": calls,
        "closes": {str(int(code)): n for code, n in sorted(activity_log.closes.items())},
    }


class _Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def _button(name: str) -> _Markup:
    action = escape(f"/_gateway/schedules/{quote(name, safe='')}")
    return _Markup(f'<form method="post" action="{action}"><button>Run now</button></form>')


def _table(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "<p>None</p>"
    columns = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{_cell(row.get(name))}</td>' for name in columns)}</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(value: Any) -> str:
    if isinstance(value, _Markup):
        return value
    return "" if value is None else escape(str(value))


def _counts(counts: Mapping[str, Any], *path: str) -> Iterable[tuple[str, str, int]]:
    """Yield the leaves of nested counts: subject, outcome, number."""
    for name, value in counts.items():
        if isinstance(value, Mapping):
            yield from _counts(value, *path, name)
        else:
            yield " ".join(path), name, value
