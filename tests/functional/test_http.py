"""The HTTP side: the page and what it needs to know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.support.project import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from chalice.test import Client

STATIC: Final = PROJECT / "static"


def test_the_page_is_served(client: Client) -> None:
    """The root is the page, as HTML."""
    response = client.http.get("/")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.body == (STATIC / "index.html").read_bytes()


@pytest.mark.parametrize(
    "path",
    sorted(path for path in STATIC.rglob("*") if path.suffix in {".html", ".css", ".js", ".svg"}),
)
def test_every_file_of_the_page_is_served(client: Client, path: Path) -> None:
    """The page, its modules and those of the client: each with a type that browsers accept."""
    response = client.http.get(f"/{path.relative_to(STATIC)}")
    assert response.status_code == 200
    assert response.body == path.read_bytes()
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Type"].split(";")[0] in {
        "text/html",
        "text/css",
        "text/javascript",
        "image/svg+xml",
    }


def test_the_page_may_run_and_reach_nothing_but_its_own(client: Client) -> None:
    """Scripts, styles and pictures are its own files, and it connects to the API alone."""
    policy = client.http.get("/").headers["Content-Security-Policy"].split("; ")
    assert policy == [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self' wss://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]


@pytest.mark.parametrize("url", ["ws://127.0.0.1:8001/api", None])
def test_without_tls_the_address_may_name_another_server(
    client: Client, monkeypatch: pytest.MonkeyPatch, url: str | None
) -> None:
    """Locally, and where no URL has been set, `?endpoint=` in the page's address may be obeyed."""
    if url is None:
        monkeypatch.delenv("WEBSOCKET_URL")
    else:
        monkeypatch.setenv("WEBSOCKET_URL", url)
    policy = client.http.get("/").headers["Content-Security-Policy"]
    assert "; connect-src 'self' ws: wss:; " in policy


@pytest.mark.parametrize(
    "path", ["/", "/page/app.js", "/config.json", "/health", "/client/missing.js"]
)
def test_every_answer_tells_browsers_to_be_careful(client: Client, path: str) -> None:
    """No type is guessed, no address told on, no device used; that holds for errors, too."""
    headers = client.http.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]


@pytest.mark.parametrize("folder", ["", "page/", "client/"])
@pytest.mark.parametrize(
    "name",
    ["missing.js", "..", "%2e%2e%2fapp.py", "..%2findex.html", ".", "package.json", "README.md"],
)
def test_nothing_else_is_served(client: Client, folder: str, name: str) -> None:
    """Files outside static/, files of no use to the page, and files that aren't there."""
    assert client.http.get(f"/{folder}{name}").status_code in {403, 404}


def test_the_page_learns_the_websocket_url(client: Client) -> None:
    """config.json tells where the WebSocket API is."""
    response = client.http.get("/config.json")
    assert response.json_body == {
        "websocketUrl": "wss://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/api"
    }


def test_a_missing_websocket_url_is_said(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the URL among the settings, config.json says which key is missing."""
    monkeypatch.delenv("WEBSOCKET_URL")
    response = client.http.get("/config.json")
    assert response.status_code == 503
    assert "WEBSOCKET_URL" in response.json_body["message"]


def test_health(client: Client) -> None:
    """The health check answers when the settings are sound."""
    assert client.http.get("/health").json_body == {"status": "ok"}
