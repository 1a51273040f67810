"""Object graph of one container: AWS clients, adapters over them, and the use cases."""

from __future__ import annotations

import functools
import ssl
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any, Final

import botocore.session
from botocore.config import Config

from chalicelib.adapters.apigateway.socket_poster import SocketPoster
from chalicelib.adapters.auth.anonymous import AnonymousAuthenticator
from chalicelib.adapters.dynamodb.store import DynamoStore
from chalicelib.adapters.service_models import ServiceModels
from chalicelib.adapters.sqs import SqsJobQueue
from chalicelib.adapters.telemetry import CurrentMeter
from chalicelib.core.auth_settings import AuthMode
from chalicelib.core.errors import SettingsError
from chalicelib.core.model import UserId
from chalicelib.service.runtime import Runtime
from chalicelib.service.use_cases import Adapters, UseCases

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient

    from chalicelib.core.auth_settings import AuthSettings
    from chalicelib.core.model import ApiStage
    from chalicelib.core.ports.authenticator import Authenticator
    from chalicelib.core.ports.job_queue import JobQueue
    from chalicelib.core.ports.poster import ManagementApi
    from chalicelib.core.ports.store import Store
    from chalicelib.service.erasure import Erasure
    from chalicelib.settings import Settings

AWS_CONFIG: Final = Config(
    # The gateway gives a function 29 s; botocore would wait 60 s for a single answer.
    connect_timeout=2,
    read_timeout=5,
    # One invocation at a time on Lambda; locally many share the process.
    max_pool_connections=64,
    retries={"mode": "standard", "total_max_attempts": 3},
    tcp_keepalive=True,
)

PATIENT_CONFIG: Final = AWS_CONFIG.merge(
    Config(retries={"mode": "standard", "total_max_attempts": 10})
)
"""For what takes minutes, and would have to begin anew."""


class Graph:
    """AWS clients, the adapters over them, and the use cases of one container.

    The clients are botocore's own: boto3 adds to them the transfer manager of S3, whose import
    takes as long as everything else does. What makes an adapter is a method, so that a test can put
    a fake in its place.

    Args:
        settings: what the environment tells.
        clock: tells the time, in seconds since 1970.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self._runtime = Runtime(CurrentMeter(), clock)
        self._posters: dict[str, ManagementApi] = {}
        self._lock = threading.Lock()
        self.dynamodb: DynamoDBClient = self._client("dynamodb")
        self.sqs: SQSClient = self._client("sqs")
        self.use_cases = self._use_cases(self._adapters(self.dynamodb))

    def _adapters(self, dynamodb: DynamoDBClient) -> Adapters:
        settings = self.settings
        return Adapters(
            self._store(dynamodb),
            self._job_queue(),
            self.poster,
            self._authenticator(settings.access, settings.limits.name),
        )

    def _use_cases(self, adapters: Adapters) -> UseCases:
        settings = self.settings
        return UseCases(
            adapters,
            self._runtime,
            limits=settings.limits,
            auth=settings.access,
            fanout=settings.fanout,
            reports_failures=settings.reports_failures,
        )

    def prepare(self, *, posts: bool) -> None:
        """Do what the first calls would do, as far as it needs no network.

        Lambda gives a function a whole processor while it is imported, and afterwards the share
        that its memory buys:
        https://serverlessland.com/content/service/lambda/guides/effectively-running-java-on-serverless/init-heavy-lifting

        Args:
            posts: whether the function posts in most of its calls, and so needs certificates.
        """
        if posts and self.settings.poster == "sockets":
            _ = self._tls

    @functools.cached_property
    def _tls(self) -> ssl.SSLContext:
        """The TLS of all posters: reading the system's certificates takes 20 to 30 ms."""
        return ssl.create_default_context()

    @functools.cached_property
    def _session(self) -> botocore.session.Session:
        session = botocore.session.get_session()
        session.register_component("data_loader", ServiceModels())
        return session

    def poster(self, api_stage: ApiStage) -> ManagementApi:
        """Return the poster for an API and stage, kept for the container's life."""
        endpoint = self.settings.connections_endpoint(api_stage.api_id, api_stage.stage)
        with self._lock:
            if endpoint not in self._posters:
                self._posters[endpoint] = self._new_poster(endpoint)
            return self._posters[endpoint]

    def erasure(self) -> Erasure:
        """Make the use case that erases a user's data; none of the functions has it."""
        from chalicelib.adapters.dynamodb.traces import DynamoTraces
        from chalicelib.service.erasure import Erasure

        client = self._client("dynamodb", PATIENT_CONFIG)
        adapters = self._adapters(client)
        use_cases = self._use_cases(adapters)
        return Erasure(
            adapters.store,
            DynamoTraces(client, self.settings.table, self._runtime.sleep),
            use_cases.closer,
            use_cases.notifier,
            adapters.job_queue.waiting,
            self._runtime,
        )

    def _store(self, client: DynamoDBClient) -> Store:
        return DynamoStore(
            client, self.settings.table, self._runtime.clock, self.settings.limits.rooms
        )

    def _job_queue(self) -> JobQueue:
        def url(name: str) -> Callable[[], str]:
            return functools.cache(lambda: self.sqs.get_queue_url(QueueName=name)["QueueUrl"])

        settings = self.settings
        return SqsJobQueue(self.sqs, url(settings.queue), url(settings.dead_letter_queue))

    def _authenticator(self, access: AuthSettings, name_limit: int) -> Authenticator:
        if access.mode is AuthMode.ANONYMOUS:
            return AnonymousAuthenticator(lambda: UserId(str(uuid.uuid4())), name_limit)
        # Only who checks tokens pays for importing what does it.
        from chalicelib.adapters.auth.keys import IssuerKeys, SharedSecret, issuer_keys
        from chalicelib.adapters.auth.tokens import TokenAuthenticator

        if access.mode is AuthMode.JWKS:
            keys = IssuerKeys(lambda: issuer_keys(access.jwks_url))
            return TokenAuthenticator(
                keys,
                ("RS256", "ES256"),
                access.issuer,
                access.audience,
                name_limit,
                self._runtime.clock,
            )
        secret = SharedSecret(lambda: self._read_secret(access.secret))
        return TokenAuthenticator(
            secret, ("HS256",), access.issuer, access.audience, name_limit, self._runtime.clock
        )

    def _read_secret(self, place: str) -> str:
        from chalicelib.adapters.auth.keys import parameter, secret

        if place.startswith("arn:"):
            return secret(self._client("secretsmanager"), place)
        return parameter(self._client("ssm"), place)

    def _new_poster(self, endpoint: str) -> ManagementApi:
        if self.settings.poster == "boto3":
            from chalicelib.adapters.apigateway.boto3_poster import CLIENT_CONFIG, Boto3Poster

            return Boto3Poster(self._client("apigatewaymanagementapi", CLIENT_CONFIG, endpoint))
        credentials = self._session.get_credentials()
        if credentials is None:
            raise SettingsError("There are no AWS credentials to sign posts with.")
        # What is posted in the clear, as it is locally, needs no certificates.
        tls = self._tls if endpoint.startswith("https:") else None
        return SocketPoster(
            endpoint, self.settings.region, credentials.get_frozen_credentials, tls=tls
        )

    def _client(
        self, service: str, config: Config = AWS_CONFIG, endpoint: str | None = None
    ) -> Any:
        return self._session.create_client(
            service, region_name=self.settings.region, config=config, endpoint_url=endpoint
        )
