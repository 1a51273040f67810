"""Runtime beside the HTTP server: AWS, WebSocket API and event source mappings."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from apigw_local.addresses import Addresses, banner, origin, public_origin, refusal
from apigw_local.aws import cloudformation, environment
from apigw_local.aws.botocore_hooks import ManagementHook, SendHook
from apigw_local.console import formatter
from apigw_local.errors import LocalError
from apigw_local.gateway import Gateway, IamIdentity
from apigw_local.lambda_.functions import Functions
from apigw_local.lambda_.invocation_chain import TraceHeaderHook
from apigw_local.reload import end_with_reloader
from apigw_local.sqs.queues import map_queue

if TYPE_CHECKING:
    from chalice.app import Chalice
    from chalice.config import Config

    from apigw_local.aws.botocore_hooks import BotocoreHook
    from apigw_local.aws.environment import EmulatedAws
    from apigw_local.options import Options
    from apigw_local.sqs.event_source_mapping import EventSourceMapping

_STOP_SECONDS = 5.0


class Runtime:
    """WebSocket API, event source mappings and, unless AWS_ENDPOINT_URL is set, an AWS.

    Attributes:
        options: the options of this run.
    """

    def __init__(self, config: Config, options: Options) -> None:
        self.options = options
        self._config = config
        self._aws: EmulatedAws | None = None
        self._management_hook = ManagementHook()
        self._hooks: tuple[BotocoreHook, ...] = (
            self._management_hook,
            SendHook(self._poll_now),
            TraceHeaderHook(),
        )
        self._mappings: list[EventSourceMapping] = []
        self._running = ExitStack()  # the running parts, stopped last first

    def prepare(self) -> EmulatedAws:
        """Lead every AWS client created from now on, also the app's, to a local AWS.

        Raises:
            LocalError: the embedded AWS can't be started.
        """
        _quieten_libraries()
        project = Path(self._config.project_dir)
        self._running.enter_context(formatter.showing(project, verbose=self.options.verbose))
        owner = end_with_reloader() or os.getpid()
        self._aws = environment.lead_to_local_aws(project, owner)
        environment.silence_metrics(os.environ)
        for hook in self._hooks:
            hook.install()
            self._running.callback(hook.remove)
        return self._aws

    def start(self, app: Chalice, host: str, http_port: int) -> None:
        """Start everything, in the order in which one needs the other.

        Args:
            app: the app, with all its handlers registered.
            host: the address to listen on.
            http_port: the port of its routes.

        Raises:
            LocalError: something is missing or in the way.
        """
        emulated = self._aws or self.prepare()
        self._adopt_sessions(app)
        functions = Functions(app, self._config, self.options.fault_settings)
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
        print(banner(addresses, functions), flush=True)

    def stop(self) -> None:
        """Stop every part but the embedded AWS, which the next worker uses.

        Batches and handlers in flight get some seconds to finish. A second call does nothing.
        """
        self._running.close()

    def _adopt_sessions(self, app: Chalice) -> None:
        """Hook sessions that app.py created before `prepare`, for clients created later."""
        for session in (app.websocket_api.session, boto3.DEFAULT_SESSION):
            if session is not None:
                for hook in self._hooks:
                    hook.listen(session.events)

    def _deploy_resources(self, session: boto3.Session) -> None:
        usual = cloudformation.usual_templates(Path(self._config.project_dir))
        if templates := self.options.resources or usual:
            client, dynamodb = session.client("cloudformation"), session.client("dynamodb")
            cloudformation.deploy(client, dynamodb, self._config, templates)

    def _start_gateway(self, functions: Functions, region: str, host: str, http_port: int) -> None:
        stage = self._config.api_gateway_stage
        port = self._websocket_port(http_port)
        endpoint = f"{origin('http', host, port)}/{stage}"
        environment.publish_gateway(
            os.environ, url=f"{public_origin('ws', host, port)}/{stage}", endpoint=endpoint
        )
        self._management_hook.redirect_to(endpoint)
        gateway = Gateway(
            functions,
            stage=stage,
            host=host,
            port=port,
            region=region,
            quotas=self.options.quotas,
            fault_settings=self.options.fault_settings,
            iam_identity=IamIdentity.of_environment(os.environ),
            mappings=self._mappings,
        )
        try:
            gateway.start()
        except (OSError, OverflowError) as error:
            raise LocalError(refusal(host, port, error, self.options.command)) from error
        self._running.callback(gateway.stop, _STOP_SECONDS)

    def _start_mappings(self, functions: Functions, session: boto3.Session) -> None:
        for source in functions.sqs():
            mapping = map_queue(session, source, self.options.fault_settings)
            mapping.start()
            self._running.callback(mapping.stop, _STOP_SECONDS)
            self._mappings.append(mapping)

    def _websocket_port(self, http_port: int) -> int:
        return self.options.websocket_port or http_port + 1

    def _poll_now(self) -> None:
        for mapping in self._mappings:
            mapping.poll_now()


def _quieten_libraries() -> None:
    """Leave the terminal, where Chalice shows every INFO, to the app and this package."""
    for name in ("botocore", "boto3", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
