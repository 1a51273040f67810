"""Hooks of botocore: handlers of its events, on every client that this process makes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import botocore

from apigw_local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.awsrequest import AWSRequest
    from botocore.hooks import BaseEventHooks
    from botocore.session import Session

_ORIGIN = re.compile("^[^/]+//[^/?]+")


class BotocoreHook:
    """Handler of some events, on every AWS session made while it is installed.

    A client has the handlers that its session had when the client was made.
    """

    def __init__(self, handler: Callable[..., None], *events: str) -> None:
        """Name the events.

        Args:
            handler: the function to call with the event's keywords.
            events: botocore's names, such as `before-sign.sqs`.
        """
        self._handler = handler
        self._events = events

    def install(self) -> None:
        """Listen on every AWS session made from now on."""
        botocore.register_initializer(self._listen_to_session)

    def remove(self) -> None:
        """Listen on no further sessions."""
        botocore.unregister_initializer(self._listen_to_session)

    def listen(self, emitter: BaseEventHooks) -> None:
        """Listen on one client (its `meta.events`) or session (its `events`); twice is once."""
        for event in self._events:
            # botocore takes an id once, whatever event it comes with.
            unique_id = f"{type(self).__qualname__} {id(self)} {event}"
            emitter.register(event, self._call, unique_id=unique_id)

    def _listen_to_session(self, session: Session) -> None:
        self.listen(session.get_component("event_emitter"))

    def _call(self, **keywords: Any) -> None:
        self._handler(**keywords)  # whose result would else be the event's


class ManagementHook(BotocoreHook):
    """Hook that sends the requests of every `apigatewaymanagementapi` client to the local gateway.

    Chalice's `websocket_api` always addresses `https://{api}.execute-api.{region}.amazonaws.com`,
    which no setting of boto3 changes, and the examples of AWS build
    `https://{domainName}/{stage}` of the event. Before such a request is signed its scheme and
    host become the gateway's; its path, which names stage and connection, stays.
    """

    def __init__(self) -> None:
        super().__init__(self._redirect, "before-sign.apigatewaymanagementapi")
        self._origin: str | None = None

    def redirect_to(self, endpoint: str) -> None:
        """Set the gateway by any URL of it, such as `http://127.0.0.1:8001/api`."""
        url = urlsplit(endpoint)
        self._origin = f"{url.scheme}://{url.netloc}"

    def _redirect(self, *, request: AWSRequest, **_: Any) -> None:
        if self._origin is None:
            raise LocalError(
                f"A request to {request.url} was made before the local WebSocket API ran: send"
                " from a handler, not while app.py is imported."
            )
        request.url = _ORIGIN.sub(self._origin, str(request.url))


class SendHook(BotocoreHook):
    """Hook that calls back after each message that this process sends to a queue.

    A mapping sees messages of other processes at its next poll.
    """

    def __init__(self, sent: Callable[[], None]) -> None:
        super().__init__(
            lambda **_: sent(), "after-call.sqs.SendMessage", "after-call.sqs.SendMessageBatch"
        )
