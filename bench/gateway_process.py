"""The local gateway with handlers that do nothing: `python -m bench.gateway_process`.

It prints its endpoint, then the id of each client that connects, and for each line of its input
how many seconds of CPU time it has used. It ends with its input.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final

from chalice.app import Chalice
from chalice.config import Config

from apigw_local.gateway import Gateway, Quotas
from apigw_local.gateway.iam import AccessKey, IamIdentity
from apigw_local.lambda_.functions import Functions
from bench.alternatives import CREDENTIALS, REGION

if TYPE_CHECKING:
    from chalice.app import WebsocketEvent

ENOUGH: Final = 1e9
"""Above every rate there can be here."""


def main() -> None:
    """Serve."""
    app = Chalice("standby")
    app.websocket_api.configure("unused.example", "prod")

    @app.on_ws_connect(name="connect")
    def connect(event: WebsocketEvent) -> None:
        sys.stdout.write(f"{event.connection_id}\n")

    gateway = Gateway(
        Functions(app, Config(config_from_disk={"app_name": "standby"})),
        stage="prod",
        port=0,
        region=REGION,
        quotas=Quotas(
            new_connections_per_second=ENOUGH,
            new_connections_burst=ENOUGH,
            requests_per_second=ENOUGH,
            requests_burst=ENOUGH,
        ),
        iam_identity=IamIdentity(
            AccessKey(str(CREDENTIALS.access_key), str(CREDENTIALS.secret_key))
        ),
    )
    gateway.start()
    print(gateway.endpoint)
    for _ in sys.stdin:
        print(time.process_time())
    gateway.stop()


if __name__ == "__main__":
    main()
