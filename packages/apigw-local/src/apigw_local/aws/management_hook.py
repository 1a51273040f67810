"""How requests to `@connections` reach the local gateway, whatever they are addressed to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from apigw_local.aws.botocore_hooks import Hook
from apigw_local.errors import LocalError

if TYPE_CHECKING:
    from botocore.awsrequest import AWSRequest

_ORIGIN = re.compile("^[^/]+//[^/?]+")


class Reroute(Hook):
    """Sends what any `apigatewaymanagementapi` client sends to the local gateway.

    Chalice's `websocket_api` always addresses `https://{api}.execute-api.{region}.amazonaws.com`,
    which no setting of boto3 changes, and the examples of AWS build
    `https://{domainName}/{stage}` of the event. Before such a request is signed its scheme and
    host become the gateway's; its path, which names stage and connection, stays.
    """

    def __init__(self) -> None:
        super().__init__(self._redirect, "before-sign.apigatewaymanagementapi")
        self._origin: str | None = None

    def lead_to(self, endpoint: str) -> None:
        """Name the gateway by any URL of it, such as `http://127.0.0.1:8001/api`."""
        url = urlsplit(endpoint)
        self._origin = f"{url.scheme}://{url.netloc}"

    def _redirect(self, *, request: AWSRequest, **_: Any) -> None:
        if self._origin is None:
            raise LocalError(
                f"A request to {request.url} was made before the local WebSocket API ran: send"
                " from a handler, not while app.py is imported."
            )
        request.url = _ORIGIN.sub(self._origin, str(request.url))
