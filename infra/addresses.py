"""Addresses of a deployed stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from infra.application import Deployed


@dataclass(frozen=True)
class Addresses:
    """The URLs of a stage.

    Attributes:
        page: the page's, ending in a slash.
        websocket: the WebSocket API's.
        environment: what the functions must be told of them, as variables.
    """

    page: str
    websocket: str
    environment: dict[str, str]


def find(deployed: Deployed, stage: str, emulator: str | None) -> Addresses | None:
    """Return the addresses of what Chalice has deployed, or None if it has not.

    Args:
        deployed: what Chalice remembers.
        stage: the stage of both APIs, such as `api`.
        emulator: the URL of an emulated AWS, whose APIs are there and not at amazonaws.com.
    """
    if not {"rest_api", "websocket_api"} <= deployed.keys():
        return None
    rest, websocket = deployed["rest_api"], deployed["websocket_api"]
    if emulator is None:
        url = websocket["websocket_api_url"].rstrip("/")
        page = rest["rest_api_url"]
        origins = f"https://{urlsplit(page).netloc}"
        return Addresses(page, url, {"WEBSOCKET_URL": url, "FANFARE_ORIGINS": origins})
    origin = urlsplit(emulator)
    apis = f"{origin.netloc}/_aws/execute-api"
    path = f"{apis}/{websocket['websocket_api_id']}/{stage}"
    secure = "s" if origin.scheme == "https" else ""
    return Addresses(
        page=f"{origin.scheme}://{apis}/{rest['rest_api_id']}/{stage}/",
        websocket=f"ws{secure}://{path}",
        environment={
            # MiniStack never selects a subprotocol, and browsers that offer one then give up.
            "WEBSOCKET_URL": f"ws{secure}://{path}?protocol=fanfare.v1",
            "WEBSOCKET_ENDPOINT": f"{origin.scheme}://{path}",
            "FANFARE_ORIGINS": f"{origin.scheme}://{origin.netloc}",
        },
    )
