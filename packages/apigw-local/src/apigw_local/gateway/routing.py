"""Routes of a WebSocket API, and their selection by a message.

https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-routes.html
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from apigw_local.lambda_.functions import Function, Functions

CONNECT = "$connect"
DEFAULT = "$default"
DISCONNECT = "$disconnect"
RESERVED = {CONNECT, DISCONNECT}

# Chalice gives every WebSocket API this expression (chalice/awsclient.py).
CHALICE_EXPRESSION = "$request.body.action"

_PATH = r"[\w-]+(?:\.[\w-]+)*"
_PART = rf"\\\$|\$\{{request\.body\.({_PATH})\}}|\$request\.body\.({_PATH})"
_PARTS = re.compile(_PART)
_EXPRESSION = re.compile(rf"(?:{_PART}|[^$\\])+")


@dataclass(frozen=True, slots=True)
class Route:
    """Route: a function, and whether its result answers the client.

    Attributes:
        function: Its integration.
        responds: Whether the body of the function's result is sent to the client, which needs a
            route response. Chalice makes none.
            https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-response.html
    """

    function: Function
    responds: bool = False


class Routes:
    """Routes of an API by their keys, and the expression that selects one.

    Args:
        routes: The routes, ``$connect`` and ``$disconnect`` among them.
        expression: The API's route selection expression.

    Raises:
        ValueError: The expression is none, or refers to more than a message's body.
    """

    def __init__(self, routes: Mapping[str, Route], expression: str = CHALICE_EXPRESSION) -> None:
        self._routes = dict(routes)
        self._select = selector(expression)

    @classmethod
    def of_chalice(cls, functions: Functions) -> "Routes":
        """Return the routes that Chalice makes for the handlers of an app."""
        found = {key: functions.websocket(key) for key in (CONNECT, DEFAULT, DISCONNECT)}
        return cls({key: Route(function) for key, function in found.items() if function})

    def get(self, route_key: str) -> Route | None:
        """Return the route with this key."""
        return self._routes.get(route_key)

    def key_of(self, body: str, *, reserved: bool) -> str:
        """Return the key of a message's route: the selected one, else ``$default``.

        Args:
            body: The message.
            reserved: Whether the key may be ``$connect`` or ``$disconnect``.
        """
        key = self._select(body)
        selectable = key in self._routes and (reserved or key not in RESERVED)
        return key if selectable else DEFAULT


def selector(expression: str) -> Callable[[str], str]:
    r"""Return a function that evaluates a route selection expression for a message's body.

    Parts like ``$request.body.a.b`` or ``${request.body.a}`` are replaced by the body's value
    there, or by nothing where it has none; ``\$`` stands for a dollar sign, and all else for
    itself. A body that is not JSON selects ``$default``.

    Raises:
        ValueError: The expression is none, or refers to more than a message's body.
    """
    if not _EXPRESSION.fullmatch(expression):
        raise ValueError(
            f"{expression!r} is no route selection expression that can be evaluated here: it may"
            r" hold $request.body.NAME, ${request.body.NAME.NAME}, \$ and plain text."
        )

    def select(body: str) -> str:
        try:
            content = json.loads(body)
        except (ValueError, RecursionError):
            return DEFAULT
        return _PARTS.sub(lambda part: _value(part, content), expression)

    return select


def _value(part: re.Match[str], content: Any) -> str:
    path = part[1] or part[2]
    if path is None:
        return "$"
    for name in path.split("."):
        if not isinstance(content, dict) or name not in content:
            return ""
        content = content[name]
    # Inferred: how numbers, null and objects are spelt as text is not documented.
    return content if isinstance(content, str) else json.dumps(content)
