"""The HTTP side: the page and what it needs to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from chalice.test import Client


def test_the_page_is_served(client: Client) -> None:
    """The root is the page, as HTML."""
    response = client.http.get("/")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.body == (PROJECT / "static/index.html").read_bytes()


@pytest.mark.parametrize("path", sorted((PROJECT / "static").iterdir()))
def test_every_file_of_the_page_is_served(client: Client, path: Path) -> None:
    """Whatever lies in static/ is served, with a type that browsers accept under nosniff."""
    response = client.http.get(f"/{path.name}")
    assert response.status_code == 200
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Type"].split(";")[0] in {
        "text/html",
        "text/css",
        "text/javascript",
        "text/plain",
        "image/svg+xml",
    }


@pytest.mark.parametrize("name", ["missing.js", "..", "%2e%2e%2fapp.py", ".", "__init__.py"])
def test_nothing_else_is_served(client: Client, name: str) -> None:
    """Files outside static/, and files that aren't there, are not found."""
    assert client.http.get(f"/{name}").status_code in {403, 404}


def test_the_page_learns_the_websocket_url(client: Client) -> None:
    """config.json tells where the WebSocket API is."""
    response = client.http.get("/config.json")
    assert response.json_body == {
        "websocketUrl": "wss://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/api"
    }


def test_a_missing_websocket_url_is_said(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody has set the URL, config.json says which key is missing."""
    monkeypatch.delenv("WEBSOCKET_URL")
    response = client.http.get("/config.json")
    assert response.status_code == 503
    assert "WEBSOCKET_URL" in response.json_body["message"]


def test_health(client: Client) -> None:
    """The health check answers when the settings are sound."""
    assert client.http.get("/health").json_body == {"status": "ok"}
