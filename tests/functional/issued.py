"""The functions under tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3

from chalicelib import container
from tests.functional.test_identity import HS256, PRIVATE
from tests.support.jwt_issuer import SECRET

if TYPE_CHECKING:
    import pytest


def want_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a new container want tokens signed with the tests' secret, and know private rooms."""
    boto3.client("ssm").put_parameter(Name="/fanfare-dev/secret", Value=SECRET, Type="SecureString")
    for key, value in (HS256 | PRIVATE).items():
        monkeypatch.setenv(key, value)
    with container.fresh():
        pass
