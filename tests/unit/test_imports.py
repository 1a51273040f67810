"""Imports of a cold start: each function waits for those that it needs alone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.project import PROJECT

HEAVY = ("boto3", "s3transfer", "botocore.client", "httptools", "jwt", "cryptography", "ssl")

APP = "import app"
GRAPH = "import app; from chalicelib import container; container.graph()"

TOKENS = {
    "FANFARE_AUTH": "jwks",
    "FANFARE_AUTH_JWKS_URL": "https://issuer.example/jwks.json",
    "FANFARE_AUTH_ISSUER": "https://issuer.example",
    "FANFARE_AUTH_AUDIENCE": "fanfare",
}


def imported(code: str, settings: dict[str, str]) -> set[str]:
    """The heavy modules that a fresh interpreter has imported after running some code."""
    report = f"{code}; import sys; print(*(m for m in {HEAVY!r} if m in sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", report],
        cwd=PROJECT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(run.stdout.split())


@pytest.mark.parametrize(
    ("code", "settings", "needed"),
    [
        pytest.param(APP, {}, set(), id="the page"),
        pytest.param(GRAPH, {}, {"botocore.client", "httptools", "ssl"}, id="anonymous"),
        pytest.param(
            GRAPH,
            TOKENS,
            {"botocore.client", "httptools", "ssl", "jwt", "cryptography"},
            id="tokens",
        ),
    ],
)
def test_nothing_heavy_is_imported_without_need(
    code: str, settings: dict[str, str], needed: set[str]
) -> None:
    """The page needs no AWS client, nobody boto3 with its part for S3, few what checks tokens."""
    assert imported(code, settings) == needed
