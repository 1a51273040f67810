"""The status as a page, without scripts and without anything from elsewhere."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any
from urllib.parse import quote

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


def render(status: Mapping[str, Any]) -> str:
    """The whole page, which loads itself again after a moment.

    Args:
        status: What the JSON has.
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
    """The leaves of nested counts: of what, how it went, how often."""
    for name, value in counts.items():
        if isinstance(value, Mapping):
            yield from _counts(value, *path, name)
        else:
            yield " ".join(path), name, value
