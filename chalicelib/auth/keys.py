"""The keys that tokens are checked with."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final, Protocol

import jwt
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import SettingsError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ssm import SSMClient

FETCH_SECONDS: Final = 3
"""How long an issuer may take to show its keys: a handshake waits for it."""

KEPT_SECONDS: Final = 300
"""How long keys are kept; one that is withdrawn is believed for as long."""

SECRET_BYTES: Final = 32

COOLDOWN_SECONDS: Final = 30
"""How often, at most, a token that names an unknown key has the keys fetched again."""


class Keys(Protocol):
    """Where keys come from."""

    def find(self, key_id: str | None) -> Any:
        """Return the key of that id, for `jwt.decode`.

        Raises:
            jwt.InvalidTokenError: there is no such key.
            UnavailableError: keys can't be had now.
        """


class SharedSecret:
    """One secret that the issuer of tokens knows too, read when it is first needed."""

    def __init__(
        self, read: Callable[[], str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._clock = clock
        self._kept: tuple[float, str] | None = None
        self._lock = threading.Lock()

    def find(self, key_id: str | None) -> str:  # noqa: ARG002 - there is only one
        """See `Keys.find`."""
        with self._lock:
            if self._kept is None or self._clock() - self._kept[0] > KEPT_SECONDS:
                secret = self._read()
                if len(secret.encode()) < SECRET_BYTES:
                    raise SettingsError(
                        f"The secret for tokens is {len(secret.encode())} bytes long; HS256 takes"
                        f" {SECRET_BYTES} at least (https://www.rfc-editor.org/rfc/rfc7518#section-3.2)."
                    )
                self._kept = (self._clock(), secret)
            return self._kept[1]


class IssuerKeys:
    """An issuer's public keys (RFC 7517), as its JWKS address shows them."""

    def __init__(self, url: str) -> None:
        self._client = jwt.PyJWKClient(
            url,
            lifespan=KEPT_SECONDS,
            timeout=FETCH_SECONDS,
            cooldown_duration=COOLDOWN_SECONDS,
        )

    def find(self, key_id: str | None) -> jwt.PyJWK:
        """See `Keys.find`."""
        if not isinstance(key_id, str):
            raise jwt.InvalidTokenError("the token names no key")
        try:
            return self._client.get_signing_key(key_id)
        except jwt.PyJWKClientConnectionError as error:
            raise UnavailableError(f"The issuer's keys can't be fetched: {error}") from error
        except (jwt.PyJWKClientError, jwt.PyJWKError, ValueError) as error:
            raise jwt.InvalidTokenError("no such key") from error


def parameter(client: SSMClient, name: str) -> str:
    """Read a secret from an SSM parameter of type SecureString.

    Raises:
        UnavailableError: it can't be read.
    """
    try:
        return client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    except (ClientError, BotoCoreError) as error:
        raise UnavailableError(f"The secret can't be read: {error}") from error


def secret(client: SecretsManagerClient, arn: str) -> str:
    """Read a secret from Secrets Manager.

    Raises:
        UnavailableError: it can't be read.
    """
    try:
        return client.get_secret_value(SecretId=arn)["SecretString"]
    except (ClientError, BotoCoreError) as error:
        raise UnavailableError(f"The secret can't be read: {error}") from error
