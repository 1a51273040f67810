"""Keys are fetched when they are needed, kept for a while, and never asked for without end."""

from __future__ import annotations

import socket
from http import HTTPStatus
from typing import TYPE_CHECKING

import boto3
import jwt
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from chalicelib.adapters.auth.keys import (
    COOLDOWN_SECONDS,
    KEPT_SECONDS,
    RETRY_SECONDS,
    SECRET_BYTES,
    IssuerKeys,
    SharedSecret,
    issuer_keys,
    parameter,
    secret,
)
from chalicelib.core.errors import SettingsError, UnavailableError
from tests.support.jwt_issuer import SECRET, Jwks, public

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.jwt_issuer import Jwks as Issuer


class Clock:
    """Time that stands still until a test lets it pass."""

    now = 1000.0

    def __call__(self) -> float:
        """Seconds that only grow."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The time that the keys see."""
    return Clock()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An issuer's address with the keys `rsa` and `ec`."""
    with Jwks(public("rsa", elliptic=("ec",))) as jwks:
        yield jwks


@pytest.fixture
def keys(issuer: Issuer, clock: Clock) -> IssuerKeys:
    """The keys behind that address."""
    return IssuerKeys(lambda: issuer_keys(issuer.url, timeout=1), clock)


def test_keys_are_fetched_once_and_found_by_their_id(keys: IssuerKeys, issuer: Issuer) -> None:
    """Both kinds of keys come with one request, however many tokens there are."""
    for _ in range(3):
        assert keys.find("rsa").algorithm_name == "RS256"
        assert keys.find("ec").algorithm_name == "ES256"
    assert issuer.asked == 1


def test_kept_keys_are_believed_for_minutes_and_no_longer(
    keys: IssuerKeys, issuer: Issuer, clock: Clock
) -> None:
    """A key that the issuer has withdrawn is still good for five minutes, and not after that."""
    keys.find("rsa")
    issuer.show(public("new"))
    clock.now += KEPT_SECONDS - 1
    keys.find("rsa")
    clock.now += 1
    with pytest.raises(jwt.InvalidTokenError):
        keys.find("rsa")


def test_a_rotated_key_is_found_once_the_cooldown_is_over(
    keys: IssuerKeys, issuer: Issuer, clock: Clock
) -> None:
    """A token that names a key nobody has seen has the keys fetched again."""
    keys.find("rsa")
    issuer.show(public("rsa", "new"))
    with pytest.raises(jwt.InvalidTokenError):
        keys.find("new")
    clock.now += COOLDOWN_SECONDS
    assert keys.find("new").key_id == "new"
    assert issuer.asked == 2


def test_made_up_key_ids_ask_the_issuer_once_in_a_cooldown(
    keys: IssuerKeys, issuer: Issuer, clock: Clock
) -> None:
    """A thousand tokens that name keys at random cost the issuer two requests in a minute."""
    for number in range(1000):
        with pytest.raises(jwt.InvalidTokenError):
            keys.find(f"made-up-{number}")
        clock.now += 2 * COOLDOWN_SECONDS / 1001
    assert issuer.asked == 2


def test_a_token_without_a_key_id_asks_nobody(keys: IssuerKeys, issuer: Issuer) -> None:
    """There is nothing to look for."""
    with pytest.raises(jwt.InvalidTokenError):
        keys.find(None)
    assert issuer.asked == 0


def test_an_issuer_that_is_down_is_left_alone_for_a_moment_and_found_again(
    keys: IssuerKeys, issuer: Issuer, clock: Clock
) -> None:
    """Nobody new gets in meanwhile, which is no verdict on their tokens."""
    issuer.status = HTTPStatus.SERVICE_UNAVAILABLE
    for _ in range(3):
        with pytest.raises(UnavailableError):
            keys.find("rsa")
    assert issuer.asked == 1
    issuer.status = HTTPStatus.OK
    clock.now += RETRY_SECONDS
    keys.find("rsa")
    assert issuer.asked == 2


def test_who_is_known_gets_in_while_the_issuer_is_down(
    keys: IssuerKeys, issuer: Issuer, clock: Clock
) -> None:
    """Kept keys need no issuer; a made-up id takes nothing away from them."""
    keys.find("rsa")
    issuer.status = HTTPStatus.INTERNAL_SERVER_ERROR
    clock.now += COOLDOWN_SECONDS
    with pytest.raises(UnavailableError):
        keys.find("made-up")
    assert keys.find("rsa").key_id == "rsa"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"keys": []}',
        b'{"keys": "rsa"}',
        b'{"keys": [{"kty": "RSA", "kid": "rsa"}]}',
        b'{"keys": [1, null, "x"]}',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_an_answer_without_keys_is_the_issuers_failure(issuer: Issuer, body: bytes) -> None:
    """Any other answer makes no token bad, and raises nothing else."""
    issuer.body = body
    with pytest.raises(UnavailableError):
        issuer_keys(issuer.url)


def test_no_redirect_is_followed(issuer: Issuer) -> None:
    """The keys are at the address that the settings name, or nowhere."""
    with Jwks(public("rsa")) as elsewhere:
        issuer.status, issuer.headers = HTTPStatus.FOUND, {"Location": elsewhere.url}
        with pytest.raises(UnavailableError):
            issuer_keys(issuer.url)
        assert elsewhere.asked == 0


def test_an_issuer_that_does_not_answer_is_given_up(issuer: Issuer) -> None:
    """A handshake does not hang on it."""
    issuer.silent = True
    with pytest.raises(UnavailableError):
        issuer_keys(issuer.url, timeout=0.1)


def test_an_issuer_that_nobody_listens_for_is_unavailable() -> None:
    """A refused connection is the issuer's failure, too."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(UnavailableError):
        issuer_keys(f"http://127.0.0.1:{port}/")


def test_a_key_for_encryption_checks_no_token(issuer: Issuer, keys: IssuerKeys) -> None:
    """Keys whose use is another one are not found."""
    shown = public("rsa", "enc")
    shown["keys"][1]["use"] = "enc"
    issuer.show(shown)
    keys.find("rsa")
    with pytest.raises(jwt.InvalidTokenError):
        keys.find("enc")


def test_the_shared_secret_is_read_once_and_again_after_minutes(clock: Clock) -> None:
    """A secret that has been replaced is noticed within five minutes."""
    read = iter([SECRET, SECRET.upper()])
    kept = SharedSecret(lambda: next(read), clock)
    assert kept.find(None) == kept.find("any") == SECRET
    clock.now += KEPT_SECONDS + 1
    assert kept.find(None) == SECRET.upper()


def test_a_short_secret_is_refused_without_being_shown(clock: Clock) -> None:
    """HS256 takes 32 bytes, which could not be guessed; the message tells the length only."""
    short = "x" * (SECRET_BYTES - 1)
    with pytest.raises(SettingsError, match="31 bytes long") as caught:
        SharedSecret(lambda: short, clock).find(None)
    assert short not in str(caught.value)
    assert SharedSecret(lambda: short + "x", clock).find(None)


def test_a_secret_comes_from_ssm_decrypted() -> None:
    """The parameter is a SecureString; one that is missing is a failure of the service."""
    with mock_aws():
        client = boto3.client("ssm")
        client.put_parameter(Name="/fanfare/secret", Value=SECRET, Type="SecureString")
        assert parameter(client, "/fanfare/secret") == SECRET
        with pytest.raises(UnavailableError):
            parameter(client, "/fanfare/other")


def test_a_secret_that_can_t_be_reached_is_unavailable() -> None:
    """An error of botocore itself, without any answer of AWS, is a failure of the service."""

    def fail(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://aws")

    ssm, manager = boto3.client("ssm"), boto3.client("secretsmanager")
    for client in (ssm, manager):
        client.meta.events.register("before-send", fail)
    with pytest.raises(UnavailableError, match="can't be read"):
        parameter(ssm, "/fanfare/secret")
    with pytest.raises(UnavailableError, match="can't be read"):
        secret(manager, "arn:aws:secretsmanager:eu-central-1:1:secret:x")


def test_a_secret_comes_from_secrets_manager() -> None:
    """By its ARN; one of bytes is none, and one that is missing is a failure of the service."""
    with mock_aws():
        client = boto3.client("secretsmanager")
        arn = client.create_secret(Name="text", SecretString=SECRET)["ARN"]
        binary = client.create_secret(Name="bytes", SecretBinary=SECRET.encode())["ARN"]
        assert secret(client, arn) == SECRET
        with pytest.raises(SettingsError, match="0 bytes long"):
            SharedSecret(lambda: secret(client, binary)).find(None)
        with pytest.raises(UnavailableError):
            secret(client, arn.replace("text", "none"))


def test_a_secret_that_nobody_answers_for_is_unavailable() -> None:
    """A service out of reach is no verdict on a token, as one that refuses is none."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    once = Config(retries={"total_max_attempts": 1})
    with pytest.raises(UnavailableError, match="can't be read"):
        parameter(boto3.client("ssm", endpoint_url=url, config=once), "/fanfare/secret")
    with pytest.raises(UnavailableError, match="can't be read"):
        secret(boto3.client("secretsmanager", endpoint_url=url, config=once), "arn:aws:x")
