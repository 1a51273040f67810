"""Keys that verify tokens: a shared secret, or an issuer's JWKS."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Protocol

import jwt
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.errors import SettingsError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ssm import SSMClient

FETCH_SECONDS: Final = 3
"""Timeout of fetching an issuer's keys, in seconds: a handshake waits for it."""

KEPT_SECONDS: Final = 300
"""Lifetime of fetched keys, in seconds; a withdrawn key is trusted for as long."""

SECRET_BYTES: Final = 32

COOLDOWN_SECONDS: Final = 30
"""Interval between fetches that tokens with an unknown key cause, in seconds."""

RETRY_SECONDS: Final = 5
"""Cooldown after a failed key fetch, in seconds; no new client gets in meanwhile."""


class Keys(Protocol):
    """Source of keys."""

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
    """An issuer's public keys (RFC 7517), fetched when they are first needed and now and then.

    A token that names an unknown key has them fetched again, since issuers change their keys; but
    not each such token, since anybody can make one.

    Args:
        fetch: gets the keys; raises UnavailableError where they can't be had.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        fetch: Callable[[], Iterable[jwt.PyJWK]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._stale_at = self._next_fetch = -math.inf
        self._reached = False
        self._lock = threading.Lock()

    def find(self, key_id: str | None) -> jwt.PyJWK:
        """See `Keys.find`."""
        if key_id is None:
            raise jwt.InvalidTokenError("the token names no key")
        with self._lock:
            now = self._clock()
            if now >= self._stale_at:
                self._keys = {}
            if key_id not in self._keys and now >= self._next_fetch:
                self._renew(now)
            if key_id in self._keys:
                return self._keys[key_id]
            if not self._reached:
                raise UnavailableError("The issuer's keys could not be fetched a moment ago.")
        raise jwt.InvalidTokenError("there is no such key")

    def _renew(self, now: float) -> None:
        self._reached, self._next_fetch = False, now + RETRY_SECONDS
        self._keys = {key.key_id: key for key in self._fetch()}
        self._reached, self._next_fetch = True, now + COOLDOWN_SECONDS
        self._stale_at = now + KEPT_SECONDS


def issuer_keys(url: str, timeout: float = FETCH_SECONDS) -> list[jwt.PyJWK]:
    """Fetch an issuer's keys from its JWKS address, which may not redirect to another.

    Raises:
        UnavailableError: it does not answer within some seconds, or with something else.
    """
    client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=timeout)
    try:
        return client.get_signing_keys()
    except (jwt.PyJWTError, OSError, ValueError, RecursionError) as error:
        raise UnavailableError(f"The issuer's keys can't be fetched: {error}") from error


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
        # A secret of bytes has no string: it is refused as one that is too short.
        return client.get_secret_value(SecretId=arn).get("SecretString", "")
    except (ClientError, BotoCoreError) as error:
        raise UnavailableError(f"The secret can't be read: {error}") from error
