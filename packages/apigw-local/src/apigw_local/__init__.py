"""Local runtime of Chalice apps: WebSockets, queues and an AWS; never deployed.

`python -m apigw_local --project DIR` runs any app; `attach` brings the same to `chalice local`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalice.app import Chalice


def attach(app: Chalice) -> None:
    """Let `chalice local` run the app's WebSocket and SQS handlers too.

    Every `chalice` command imports app.py, so this only prepares: nothing is started, and
    nothing beyond what Chalice has loaded is imported, before `chalice local` builds its
    server. An app that has no such handlers is left as it is.

    Args:
        app: the app, with all its handlers registered.
    """
    if not (app.websocket_handlers or app.event_sources):
        return
    from apigw_local import devserver, reload

    devserver.install()
    reload.install()
