"""The settings are checked before anything runs on them."""

import pytest

from chalicelib import settings
from chalicelib.core.errors import SettingsError
from chalicelib.settings import Settings

GOOD = {
    "FANFARE_TABLE": "t",
    "FANFARE_QUEUE": "q.fifo",
    "FANFARE_DEAD_LETTER_QUEUE": "d.fifo",
    "AWS_REGION": "eu-central-1",
}


def test_the_endpoint_is_the_apis_own_host() -> None:
    """Posts go to the execute-api host with the stage, whatever domain clients use."""
    endpoint = Settings.from_env(GOOD).connections_endpoint("abc", "api")
    assert endpoint == "https://abc.execute-api.eu-central-1.amazonaws.com/api"


def test_the_endpoint_in_china_has_chinas_domain() -> None:
    """The Chinese regions have a domain of their own."""
    endpoint = Settings.from_env({**GOOD, "AWS_REGION": "cn-north-1"}).connections_endpoint(
        "a", "s"
    )
    assert endpoint == "https://a.execute-api.cn-north-1.amazonaws.com.cn/s"


def test_an_emulator_overrides_the_endpoint() -> None:
    """An override is used as it is."""
    env = {**GOOD, "WEBSOCKET_ENDPOINT": "http://127.0.0.1:8001/api/"}
    assert Settings.from_env(env).connections_endpoint("a", "s") == "http://127.0.0.1:8001/api"


@pytest.mark.parametrize("key", GOOD)
def test_a_missing_key_is_named(key: str) -> None:
    """The message tells which key to set."""
    with pytest.raises(SettingsError, match=f"{key} is not set"):
        Settings.from_env({**GOOD, key: ""})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("FANFARE_QUEUE", "standard"),
        ("FANFARE_DEAD_LETTER_QUEUE", "standard"),
        ("FANFARE_POSTER", "pigeon"),
        ("FANFARE_LEAF", "none"),
        ("FANFARE_BRANCHING", "1"),
        ("FANFARE_LINGER_LIMIT_MS", "9999"),
        ("FANFARE_MESSAGE_BYTES", "16385"),
        ("FANFARE_ROOM_NAME_LENGTH", "65"),
        ("FANFARE_JSON_DEPTH", "3"),
        ("FANFARE_JSON_KEYS", "20000"),
        ("FANFARE_ROOMS_PER_CONNECTION", "0"),
        ("FANFARE_NAME_LENGTH", "41"),
        ("FANFARE_PAGE", "101"),
        ("FANFARE_CONNECTIONS_PER_USER", "0"),
        ("FANFARE_FRAMES_PER_SECOND", "0"),
        ("FANFARE_JOINS_PER_SECOND", "many"),
        ("FANFARE_USER_FRAMES_PER_SECOND", "-1"),
        ("FANFARE_BURST_SECONDS", "0"),
        ("FANFARE_ABUSE_SECONDS", "0"),
        ("FANFARE_BAR_SECONDS", "1e9"),
        ("WEBSOCKET_URL", "http://x"),
        ("WEBSOCKET_ENDPOINT", "ws://x"),
    ],
)
def test_a_wrong_value_is_named_with_the_accepted_form(key: str, value: str) -> None:
    """The message tells the key, its value and what it takes."""
    with pytest.raises(SettingsError, match=rf"{key} is '{value}': .*"):
        Settings.from_env({**GOOD, key: value})


def test_the_chalice_command_is_recognised() -> None:
    """Local mode attaches under the Chalice CLI only."""
    assert settings.under_chalice_cli({"AWS_CHALICE_CLI_MODE": "true"})
    assert not settings.under_chalice_cli({})
