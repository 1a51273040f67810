"""Origin policy, and its settings."""

from __future__ import annotations

import pytest

from chalicelib.core.errors import SettingsError
from chalicelib.core.origin_policy import OriginPolicy, normal
from chalicelib.settings import Settings
from tests.unit.test_settings import GOOD

HOST = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
PROD = {"FANFARE_STAGE": "prod", "FANFARE_ANONYMOUS": "allowed"}


def origins(**env: str) -> OriginPolicy:
    """The policy of some settings."""
    return Settings.from_env(GOOD | env).access.origins


@pytest.mark.parametrize(
    ("origin", "admit"),
    [
        ("https://chat.example.com", True),
        ("HTTPS://Chat.Example.COM", True),
        ("https://chat.example.com:8443", False),
        ("https://chat.example.com.", False),
        ("http://chat.example.com", False),
        ("https://chat.example.com.evil.example", False),
        ("https://evil.example/https://chat.example.com", False),
        ("https://evilchat.example.com", False),
        ("https://chat.example.com@evil.example", False),
        ("https://dev.example.com:8000", True),
        ("https://dev.example.com", False),
        ("capacitor://localhost", True),
        ("null", False),
        ("", False),
        ("https://chat.example.com,https://evil.example", False),
        (f"https://{HOST}", False),
    ],
)
def test_listed_pages_are_let_in_and_no_others(origin: str, *, admit: bool) -> None:
    """By scheme, whole name and port; what only looks alike is another origin."""
    allowed = origins(
        FANFARE_ORIGINS="https://chat.example.com:443, https://Dev.example.com:8000,"
        " capacitor://localhost"
    )
    assert allowed.allow(origin, HOST) is admit


@pytest.mark.parametrize("name", ["\u212aelvin.example", "\u017fite.example", "z\u00f6e.example"])
def test_an_origin_in_the_settings_is_plain(name: str) -> None:
    """Letters that fold to plain ones are none: no browser writes them."""
    with pytest.raises(SettingsError, match="FANFARE_ORIGINS"):
        origins(FANFARE_ORIGINS=f"https://{name}")


@pytest.mark.parametrize(
    ("origin", "admit"),
    [
        (f"https://{HOST}", True),
        (f"https://{HOST.upper()}", True),
        (f"http://{HOST}", False),
        (f"https://{HOST}.", False),
        (f"https://{HOST}:8443", False),
        ("https://chat.example.com", False),
        ("null", False),
        ("", False),
        ("https://", False),
    ],
)
def test_on_prod_only_the_apis_own_host_is_let_in(origin: str, *, admit: bool) -> None:
    """Until origins are listed, and over TLS."""
    assert origins(**PROD).allow(origin, HOST) is admit


@pytest.mark.parametrize("host", [None, ""])
def test_without_a_host_no_page_is_of_the_same(host: str | None) -> None:
    """An event that names no host lets no page in."""
    assert not origins(**PROD).allow("https://", host)


def test_elsewhere_every_page_is_let_in() -> None:
    """So that a page can be tried from anywhere, also from a file."""
    for origin in ("https://anywhere.example", "null"):
        assert origins().allow(origin, HOST)
        assert origins(**PROD, FANFARE_ORIGINS="*").allow(origin, HOST)


def test_who_sends_no_origin_is_no_browser() -> None:
    """No page can leave it out, so nobody can be led to do so."""
    assert origins(**PROD).allow(None, HOST)
    assert origins(FANFARE_ORIGINS="https://chat.example.com").allow(None, HOST)


@pytest.mark.parametrize(
    "listed",
    [
        "chat.example.com",
        "https://chat.example.com/",
        "https://chat.example.com/path",
        "https://*.example.com",
        "https://user@example.com",
        "https://bücher.example",
        "https://chat.example.com:port",
        "null",
    ],
)
def test_what_is_no_origin_is_refused_by_name(listed: str) -> None:
    """A setting that could never match is a mistake, and the message shows which."""
    with pytest.raises(SettingsError, match=r"FANFARE_ORIGINS holds '.*': an origin is like"):
        origins(FANFARE_ORIGINS=f"https://good.example,{listed}")


def test_the_default_port_goes_without_saying() -> None:
    """As browsers write it; other ports stay."""
    assert normal("HTTPS://A.example:443") == "https://a.example"
    assert normal("http://a.example:80") == "http://a.example"
    assert normal("http://[::1]:8000") == "http://[::1]:8000"
    assert normal("https://a.example:80") == "https://a.example:80"
