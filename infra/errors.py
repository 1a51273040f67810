"""Errors that stop a deployment, with their cures."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  (botocore's, which is not the builtin's child)
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    TokenRetrievalError,
    WaiterError,
)
from chalice.awsclient import AWSClientError
from chalice.deploy.deployer import ChaliceDeploymentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class DeployError(Exception):
    """A step can't be done; the text says what was wrong and what to do."""


_CREDENTIALS: Final = (
    "run `aws configure` or `aws sso login`, or set AWS_PROFILE; for an emulator set"
    " AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID=test and AWS_SECRET_ACCESS_KEY=test."
)

_REFUSED_KEYS: Final = (
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "ExpiredTokenException",
    "AuthFailure",
)
_DENIED: Final = (
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "AuthorizationError",
)
_TAKEN: Final = (
    "EntityAlreadyExists",
    "ResourceConflictException",
    "AlreadyExistsException",
    "ResourceAlreadyExistsException",
)


@contextmanager
def told(stage: str, env: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Turn what boto3 and Chalice raise in the block into a `DeployError` that helps.

    Raises:
        DeployError: naming the cause and the cure.
    """
    try:
        yield
    except (BotoCoreError, ClientError, AWSClientError, ChaliceDeploymentError) as error:
        raise DeployError(explain(error, stage, env)) from error


def explain(error: BaseException, stage: str, env: Mapping[str, str]) -> str:
    """Say in one or two sentences what is wrong, and what to do."""
    error = _cause(error)
    if isinstance(error, ClientError):
        return _explain_answer(error, stage)
    if isinstance(error, NoCredentialsError | PartialCredentialsError | TokenRetrievalError):
        return f"There are no AWS credentials ({error}): {_CREDENTIALS}"
    if isinstance(error, ProfileNotFound):
        return f"{error}: set AWS_PROFILE to one that `aws configure list-profiles` shows."
    if isinstance(error, NoRegionError):
        return "No region is chosen: set AWS_REGION, such as AWS_REGION=eu-central-1."
    if isinstance(error, ConnectionError | HTTPClientError):
        return _explain_silence(error, env)
    return str(error)


def _cause(error: BaseException) -> BaseException:
    """Return what is under Chalice's and the waiters' wrapping."""
    if isinstance(error, ChaliceDeploymentError):
        return _cause(error.original_error)
    if isinstance(error, AWSClientError) and hasattr(error, "original_error"):
        return _cause(error.original_error)
    if isinstance(error, WaiterError) and isinstance(error.__cause__, ClientError):
        return error.__cause__
    return error


def _explain_answer(error: ClientError, stage: str) -> str:
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    if code in _REFUSED_KEYS:
        return (
            f"AWS does not accept these credentials ({message}): they are wrong or expired, or"
            f" the region is not enabled for the account. If so, choose another AWS_REGION;"
            f" else {_CREDENTIALS}"
        )
    if code in _DENIED:
        return (
            f"A permission is missing: {message}."
            f" Give {_action(error, message)} to whoever deploys, and run the command again:"
            " it goes on where it stopped."
        )
    if code in _TAKEN or "already exist" in message.lower():
        return (
            f"A name is taken: {message}. Either somebody has deployed stage {stage!r} from"
            f" another folder: deploy from there, or copy its .chalice/deployed/{stage}.json here."
            " Or the name belongs to something else: then choose another stage."
        )
    return f"{error.operation_name} failed with {code}: {message}"


def _action(error: ClientError, message: str) -> str:
    named = re.search(r"perform:? ([a-z0-9-]+:\w+)", message)
    return named[1] if named else f"the right to call {error.operation_name}"


def _explain_silence(error: Exception, env: Mapping[str, str]) -> str:
    emulator = env.get("AWS_ENDPOINT_URL")
    if emulator:
        return (
            f"Nothing answers at AWS_ENDPOINT_URL={emulator} ({error}): start the emulator, such as"
            " `BIND_HOST=127.0.0.1 .venv/bin/python -m ministack`, or unset the variable to use"
            " AWS."
        )
    region = env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION")
    return f"AWS can't be reached ({error}): is {region or 'the region'} right, and the network up?"
