"""The customer's KMS key, if any, under which the tokens' secret is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Statement = dict[str, Any]

_READS = {"ssm:GetParameter", "secretsmanager:GetSecretValue"}


def find(client: Callable[[str], Any], variables: Mapping[str, str]) -> str | None:
    """Return the key's ARN; None without a secret, or under AWS's own key, which needs no grant.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-access.html
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html

    Args:
        client: makes a client of a service.
        variables: the functions' environment.
    """
    name = variables.get("FANFARE_AUTH_SECRET") if variables.get("FANFARE_AUTH") == "hs256" else ""
    if not name:
        return None
    if name.startswith("arn:"):
        key = client("secretsmanager").describe_secret(SecretId=name).get("KmsKeyId")
    else:
        only = [{"Key": "Name", "Values": [name]}]
        found = client("ssm").describe_parameters(ParameterFilters=only)["Parameters"]
        key = found[0].get("KeyId") if found else None
    if not key or key.startswith("alias/aws/"):
        return None
    arn: str = client("kms").describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    return arn


def grant(statements: list[Statement], key: str | None) -> list[Statement]:
    """Return statements, and kms:Decrypt for the key where they let the secret be read."""
    if key is None or not any(_READS & _actions(each) for each in statements):
        return statements
    return [*statements, {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key}]


def _actions(statement: Statement) -> set[str]:
    action = statement["Action"]
    return {action} if isinstance(action, str) else set(action)
