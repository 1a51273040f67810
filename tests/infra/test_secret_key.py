"""The functions may decrypt the tokens' secret where a customer's own key encrypts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from infra import secret_key

if TYPE_CHECKING:
    from collections.abc import Iterator

READS = {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"}
POSTS = {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": "*"}


@pytest.fixture
def key() -> Iterator[str]:
    """The ARN of a customer's key."""
    with mock_aws():
        arn: str = client("kms").create_key()["KeyMetadata"]["Arn"]
        yield arn


def client(service: str) -> Any:
    """Make a client of the emulated AWS."""
    return boto3.client(service)  # type: ignore[call-overload]  # any


def found(secret: str) -> str | None:
    """The key of a stage whose tokens are signed with a secret."""
    variables = {"FANFARE_AUTH": "hs256", "FANFARE_AUTH_SECRET": secret}
    return secret_key.find(client, variables)


def test_a_parameter_s_own_key_is_found(key: str) -> None:
    """Of AWS's own key nothing need be granted, nor of a parameter that is not there yet."""
    ssm = client("ssm")
    ssm.put_parameter(Name="/a/secret", Value="v", Type="SecureString", KeyId=key)
    ssm.put_parameter(Name="/b/secret", Value="v", Type="SecureString")
    assert [found(f"/{name}/secret") for name in "abc"] == [key, None, None]
    assert secret_key.find(client, {}) is None


def test_a_secret_s_own_key_is_found(key: str) -> None:
    """In Secrets Manager a secret without one has AWS's."""
    manager = client("secretsmanager")
    own = manager.create_secret(Name="a", SecretString="v", KmsKeyId=key)["ARN"]
    awss = manager.create_secret(Name="b", SecretString="v")["ARN"]
    assert [found(own), found(awss)] == [key, None]


def test_only_readers_of_the_secret_may_decrypt() -> None:
    """A function that never reads the secret gets no right on the key."""
    grant = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "key"}
    assert secret_key.grant([READS], "key") == [READS, grant]
    assert secret_key.grant([POSTS], "key") == [POSTS]
    assert secret_key.grant([READS], None) == [READS]
