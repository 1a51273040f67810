"""Everything that `chalice local` runs beside its HTTP server."""

from __future__ import annotations

import logging
import os
import signal
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError

from localdev import environment
from localdev.doorbell import Doorbell
from localdev.emulator import Emulator
from localdev.errors import LocalError
from localdev.functions import Functions, SqsSource
from localdev.gateway import Gateway
from localdev.mapping import EventSourceMapping
from localdev.ports import origin, refusal, websocket_port
from localdev.resources import Stack, enable_expiry
from localdev.tethered import wait_for_exit

if TYPE_CHECKING:
    from chalice.app import Chalice
    from chalice.config import Config

_TEMPLATE = Path("infra", "resources.json")
_STOP_SECONDS = 5.0
_MAXIMUM_CONCURRENCY = 64  # batches in flight; one poller at a time asks the queue


class Runtime:
    """The WebSocket API, the queues' mappings and, unless AWS_ENDPOINT_URL is set, an AWS."""

    def __init__(self, app: Chalice, config: Config, host: str, http_port: int) -> None:
        self._config = config
        self._host = host
        self._http_port = http_port
        self._functions = Functions(app, config)
        self._mappings: list[EventSourceMapping] = []
        self._running = ExitStack()  # what has started, and how it is stopped, last first

    def start(self) -> None:
        """Start everything, in the order in which one needs the other.

        Raises:
            LocalError: something is missing or in the way.
        """
        _quieten_libraries()
        region = environment.set_region(os.environ)
        embedded = not os.environ.get("AWS_ENDPOINT_URL")
        owner = _end_with_reloader() or os.getpid()
        if embedded:
            emulator = Emulator(Path(self._config.project_dir), owner)
            environment.confine(os.environ, emulator.endpoint())
        self._running.callback(self._functions.shutdown, _STOP_SECONDS)
        doorbell = Doorbell(self._ring)
        doorbell.fit()
        self._running.callback(doorbell.remove)
        session = boto3.Session()
        try:
            self._deploy_resources(session)
            self._start_gateway(region)
            self._start_mappings(session)
        except (BotoCoreError, ClientError) as error:
            endpoint = os.environ["AWS_ENDPOINT_URL"]
            raise LocalError(f"The AWS at {endpoint} can't be used: {error}") from error
        self._print_addresses(embedded=embedded)

    def stop(self) -> None:
        """Stop everything but the embedded AWS, which the next worker goes on with.

        Batches and handlers in flight get some seconds to finish. A second call does nothing.
        """
        self._running.close()

    def _deploy_resources(self, session: boto3.Session) -> None:
        path = Path(self._config.project_dir) / _TEMPLATE
        if not path.exists():
            return
        template = path.read_text(encoding="utf-8")
        stage = self._config.chalice_stage
        stack = Stack(
            session.client("cloudformation"), f"{self._config.app_name}-{stage}-resources"
        )
        stack.deploy(template, stage)
        enable_expiry(session.client("dynamodb"), stack, template)

    def _start_gateway(self, region: str) -> None:
        stage = self._config.api_gateway_stage
        port = websocket_port(self._http_port)
        environment.publish_gateway(
            os.environ,
            url=f"{origin('ws', self._host, port)}/{stage}",
            endpoint=f"{origin('http', self._host, port)}/{stage}",
        )
        gateway = Gateway(self._functions, stage=stage, host=self._host, port=port, region=region)
        try:
            gateway.start()
        except (OSError, OverflowError) as error:
            raise LocalError(refusal(self._host, port, error)) from error
        self._running.callback(gateway.stop, _STOP_SECONDS)

    def _start_mappings(self, session: boto3.Session) -> None:
        for source in self._functions.sqs():
            mapping = _map(session, source)
            mapping.start()
            self._running.callback(mapping.stop, _STOP_SECONDS)
            self._mappings.append(mapping)

    def _ring(self) -> None:
        for mapping in self._mappings:
            mapping.ring()

    def _print_addresses(self, *, embedded: bool) -> None:
        kind = "embedded, in memory until you stop" if embedded else "from AWS_ENDPOINT_URL"
        print(
            f"\n  Page       {origin('http', self._host, self._http_port)}"
            f"\n  WebSocket  {os.environ['WEBSOCKET_URL']}"
            f"\n  AWS        {os.environ['AWS_ENDPOINT_URL']} ({kind})\n",
            flush=True,
        )


def _map(session: boto3.Session, source: SqsSource) -> EventSourceMapping:
    concurrency = source.maximum_concurrency or _MAXIMUM_CONCURRENCY
    client = session.client(
        "sqs",
        config=ClientConfig(
            max_pool_connections=concurrency,
            connect_timeout=2,
            read_timeout=5,
            retries={"total_max_attempts": 1},  # the mapping itself tries again
        ),
    )
    name = source.queue.rpartition(":")[2]
    try:
        queue_url = client.get_queue_url(QueueName=name)["QueueUrl"]
    except client.exceptions.QueueDoesNotExist as error:
        raise LocalError(
            f"{source.function.name} reads the queue {name!r}, which does not exist:"
            f" {_TEMPLATE} has to create it under that name."
        ) from error
    return EventSourceMapping(
        client,
        queue_url,
        source.function,
        batch_size=source.batch_size,
        maximum_concurrency=concurrency,
    )


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
