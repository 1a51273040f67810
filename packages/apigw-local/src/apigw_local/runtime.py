"""Everything that runs beside the HTTP server."""

from __future__ import annotations

import logging
import os
import signal
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from apigw_local.aws import app_environment, cloudformation, environment
from apigw_local.aws.management_hook import Reroute
from apigw_local.aws.ministack_process import wait_for_exit
from apigw_local.aws.send_hook import Doorbell
from apigw_local.console import formatter
from apigw_local.console.banner import Addresses, banner
from apigw_local.errors import LocalError
from apigw_local.gateway import Access, Gateway
from apigw_local.lambda_.functions import Functions
from apigw_local.lambda_.invocation_chain import Lineage
from apigw_local.ports import origin, public_origin, refusal
from apigw_local.sqs import event_sources

if TYPE_CHECKING:
    from chalice.app import Chalice
    from chalice.config import Config

    from apigw_local.aws.botocore_hooks import Hook
    from apigw_local.aws.environment import Aws
    from apigw_local.options import Choices
    from apigw_local.sqs.event_source_mapping import EventSourceMapping

_STOP_SECONDS = 5.0


class Runtime:
    """The WebSocket API, the queues' mappings and, unless AWS_ENDPOINT_URL is set, an AWS.

    Attributes:
        choices: what was chosen for this run.
    """

    def __init__(self, config: Config, choices: Choices) -> None:
        self.choices = choices
        self._config = config
        self._aws: Aws | None = None
        self._reroute = Reroute()
        self._hooks: tuple[Hook, ...] = (self._reroute, Doorbell(self._ring), Lineage())
        self._mappings: list[EventSourceMapping] = []
        self._running = ExitStack()  # what has started, and how it is stopped, last first

    def prepare(self) -> Aws:
        """Make every AWS client from now on a local one: the app's too, if it is yet to come.

        Raises:
            LocalError: the embedded AWS can't be started.
        """
        _quieten_libraries()
        project = Path(self._config.project_dir)
        self._running.enter_context(formatter.showing(project, verbose=self.choices.verbose))
        owner = _end_with_reloader() or os.getpid()
        self._aws = environment.enter(project, owner)
        app_environment.silence_metrics(os.environ)
        for hook in self._hooks:
            hook.fit()
            self._running.callback(hook.remove)
        return self._aws

    def start(self, app: Chalice, host: str, http_port: int) -> None:
        """Start everything, in the order in which one needs the other.

        Args:
            app: the app, with all its handlers registered.
            host: the address to listen on.
            http_port: where its routes are served.

        Raises:
            LocalError: something is missing or in the way.
        """
        emulated = self._aws or self.prepare()
        self._adopt_sessions(app)
        functions = Functions(app, self._config, self.choices.chaos)
        self._running.callback(functions.shutdown, _STOP_SECONDS)
        session = boto3.Session()
        try:
            self._deploy_resources(session)
            self._start_gateway(functions, emulated.region, host, http_port)
            self._start_mappings(functions, session)
        except (BotoCoreError, ClientError) as error:
            raise LocalError(f"The AWS at {emulated.endpoint} can't be used: {error}") from error
        port = self._websocket_port(http_port)
        addresses = Addresses(
            http=public_origin("http", host, http_port),
            websocket=os.environ["WEBSOCKET_URL"],
            status=f"{origin('http', host, port)}/_gateway",
            aws=emulated,
        )
        print(banner(addresses, functions, event_sources.not_run(app)), flush=True)

    def stop(self) -> None:
        """Stop everything but the embedded AWS, which the next worker goes on with.

        Batches and handlers in flight get some seconds to finish. A second call does nothing.
        """
        self._running.close()

    def _adopt_sessions(self, app: Chalice) -> None:
        """Reach the sessions that app.py made before `prepare`, and so their clients to come."""
        for session in (app.websocket_api.session, boto3.DEFAULT_SESSION):
            if session is not None:
                for hook in self._hooks:
                    hook.listen(session.events)

    def _deploy_resources(self, session: boto3.Session) -> None:
        usual = cloudformation.usual_templates(Path(self._config.project_dir))
        if templates := self.choices.resources or usual:
            client, dynamodb = session.client("cloudformation"), session.client("dynamodb")
            cloudformation.deploy(client, dynamodb, self._config, templates)

    def _start_gateway(self, functions: Functions, region: str, host: str, http_port: int) -> None:
        stage = self._config.api_gateway_stage
        port = self._websocket_port(http_port)
        endpoint = f"{origin('http', host, port)}/{stage}"
        app_environment.publish_gateway(
            os.environ, url=f"{public_origin('ws', host, port)}/{stage}", endpoint=endpoint
        )
        self._reroute.lead_to(endpoint)
        gateway = Gateway(
            functions,
            stage=stage,
            host=host,
            port=port,
            region=region,
            limits=self.choices.limits,
            chaos=self.choices.chaos,
            access=Access.of_environment(os.environ),
            mappings=self._mappings,
        )
        try:
            gateway.start()
        except (OSError, OverflowError) as error:
            raise LocalError(refusal(host, port, error, self.choices.command)) from error
        self._running.callback(gateway.stop, _STOP_SECONDS)

    def _start_mappings(self, functions: Functions, session: boto3.Session) -> None:
        for source in functions.sqs():
            mapping = event_sources.map_queue(session, source, self.choices.chaos)
            mapping.start()
            self._running.callback(mapping.stop, _STOP_SECONDS)
            self._mappings.append(mapping)

    def _websocket_port(self, http_port: int) -> int:
        return self.choices.websocket_port or http_port + 1

    def _ring(self) -> None:
        for mapping in self._mappings:
            mapping.ring()


def _end_with_reloader() -> int | None:
    """In a worker of Chalice's reloader, end when the reloader does, and return its pid.

    A reloader that is killed rather than interrupted leaves its worker behind otherwise, and
    with it the ports.
    """
    if "CHALICE_WORKER" not in os.environ:
        return None
    reloader = os.getppid()

    def follow() -> None:
        wait_for_exit(reloader)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, name="reloader-watch", daemon=True).start()
    return reloader


def _quieten_libraries() -> None:
    """Leave the terminal, where Chalice shows every INFO, to the app and this package."""
    for name in ("botocore", "boto3", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
