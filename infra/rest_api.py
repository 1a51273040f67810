"""The HTTP API: a name that tells its stage, and a limit on its requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from botocore.session import Session

RATE: Final = 1000
BURST: Final = 500
"""Requests a second, and at once. The account's quota is shared with the WebSocket API's posts.

https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
"""


def name_after(session: Session, name: str) -> None:
    """Let Chalice, on a session, give the API a name.

    Chalice names it after the app alone, so that the APIs of two stages could not be told apart.
    """

    def rename(**keywords: Any) -> Any:
        params = keywords["params"]
        document = json.loads(params["body"])
        document["info"]["title"] = name
        return {**params, "body": json.dumps(document)}

    for operation in ("ImportRestApi", "PutRestApi"):
        session.register(f"provide-client-params.api-gateway.{operation}", rename)


def throttle(client: Any, api_id: str, stage: str) -> bool:
    """Limit the requests of a stage to `RATE` and `BURST`; return whether they were not yet.

    Args:
        client: API Gateway, version 1.
        api_id: the API.
        stage: the stage's name, such as `api`.
    """
    found = client.get_stage(restApiId=api_id, stageName=stage)
    settings = found.get("methodSettings", {}).get("*/*", {})
    if (settings.get("throttlingRateLimit"), settings.get("throttlingBurstLimit")) == (RATE, BURST):
        return False
    client.update_stage(
        restApiId=api_id,
        stageName=stage,
        patchOperations=[
            {"op": "replace", "path": f"/*/*/throttling/{limit}", "value": str(value)}
            for limit, value in (("rateLimit", RATE), ("burstLimit", BURST))
        ],
    )
    return True
