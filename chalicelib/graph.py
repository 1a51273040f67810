"""The object graph of one container: the use cases, on clients that they share."""

from __future__ import annotations

import functools
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any, Final

import botocore.session
from botocore.config import Config

from chalicelib.access import AuthMode
from chalicelib.auth.anonymous import Anonymous
from chalicelib.errors import SettingsError
from chalicelib.members import LastCensus, MemberCache
from chalicelib.model import UserId
from chalicelib.outbox import SqsOutbox
from chalicelib.posting.boto3_poster import CLIENT_CONFIG, Boto3Poster
from chalicelib.posting.socket_poster import SocketPoster
from chalicelib.service.broadcast import Broadcast
from chalicelib.service.connect import Connect
from chalicelib.service.delivery import Delivery
from chalicelib.service.disconnect import Disconnect
from chalicelib.service.membership import Membership
from chalicelib.service.message import Receive
from chalicelib.service.presence import Herald
from chalicelib.service.reading import Reading
from chalicelib.service.saying import Saying
from chalicelib.store.dynamo import DynamoStore
from chalicelib.telemetry import CurrentMeter

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient

    from chalicelib.access import Access
    from chalicelib.auth import Authenticator
    from chalicelib.model import Origin
    from chalicelib.posting import Poster
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


class Graph:
    """The use cases of one container, on clients that they share.

    The clients are botocore's own: boto3 adds to them the transfer manager of S3, whose import
    takes as long as everything else does.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._session = botocore.session.get_session()
        self._posters: dict[str, Poster] = {}
        self._lock = threading.Lock()
        self.dynamodb: DynamoDBClient = self._client("dynamodb")
        self.sqs: SQSClient = self._client("sqs")
        store = DynamoStore(self.dynamodb, settings.table, time.time)

        def url(name: str) -> Callable[[], str]:
            return functools.cache(lambda: self.sqs.get_queue_url(QueueName=name)["QueueUrl"])

        outbox = SqsOutbox(self.sqs, url(settings.queue), url(settings.dead_letter_queue))
        meter = CurrentMeter()
        herald = Herald(outbox, _new_id, meter)
        access = settings.access
        self.connect = Connect(
            store,
            herald,
            self._authenticator(access),
            access.origins,
            access.private,
            access.token_in_query,
        )
        self.receive = Receive(
            store,
            self.poster,
            Saying(store, outbox, time.time, _new_id, meter),
            Membership(store, herald, access.private),
            Reading(store),
            meter,
        )
        self.disconnect = Disconnect(store, herald)
        self.broadcast = Broadcast(
            store,
            outbox,
            Delivery(store, outbox, self.poster, herald, _new_id, time.time, meter),
            MemberCache(store),
            LastCensus(),
            settings.fanout,
            time.time,
            meter,
        )

    def poster(self, origin: Origin) -> Poster:
        """Return the poster for an API and stage, kept for the container's life."""
        endpoint = self.settings.connections_endpoint(origin.api_id, origin.stage)
        with self._lock:
            if endpoint not in self._posters:
                self._posters[endpoint] = self._new_poster(endpoint)
            return self._posters[endpoint]

    def _authenticator(self, access: Access) -> Authenticator:
        if access.mode is AuthMode.ANONYMOUS:
            return Anonymous(lambda: UserId(str(uuid.uuid4())))
        # Only who checks tokens pays for importing what does it.
        from chalicelib.auth.keys import IssuerKeys, SharedSecret
        from chalicelib.auth.tokens import Tokens

        if access.mode is AuthMode.JWKS:
            algorithms, keys = ("RS256", "ES256"), IssuerKeys(access.jwks_url)
            return Tokens(keys, algorithms, access.issuer, access.audience)
        secret = SharedSecret(lambda: self._read_secret(access.secret))
        return Tokens(secret, ("HS256",), access.issuer, access.audience)

    def _read_secret(self, place: str) -> str:
        from chalicelib.auth.keys import parameter, secret

        if place.startswith("arn:"):
            return secret(self._client("secretsmanager"), place)
        return parameter(self._client("ssm"), place)

    def _new_poster(self, endpoint: str) -> Poster:
        if self.settings.poster == "boto3":
            return Boto3Poster(self._client("apigatewaymanagementapi", CLIENT_CONFIG, endpoint))
        credentials = self._session.get_credentials()
        if credentials is None:
            raise SettingsError("There are no AWS credentials to sign posts with.")
        return SocketPoster(endpoint, self.settings.region, credentials.get_frozen_credentials)

    def _client(
        self, service: str, config: Config = AWS_CONFIG, endpoint: str | None = None
    ) -> Any:
        return self._session.create_client(
            service, region_name=self.settings.region, config=config, endpoint_url=endpoint
        )


def _new_id() -> str:
    return uuid.uuid4().hex
