"""One visit of a WebSocket API, made with the clients that people use."""

from __future__ import annotations

import json
import subprocess
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import ConsoleMessage, Page

SECONDS: Final = 20.0
ABNORMAL: Final = 1006  # what clients say of a connection without a close frame, or refused
NODE_SCRIPT: Final = Path(__file__).parent.parent / "node" / "ws" / "visit.js"
BROWSER_SCRIPT: Final = """
({ url, subprotocols, says, answers }) => new Promise((resolve) => {
  const outcome = { subprotocol: null, received: [], code: null, reason: "" };
  const socket = new WebSocket(url, subprotocols);
  const leaveIfDone = () => {
    if (answers !== null && outcome.received.length >= answers) socket.close(1000);
  };
  socket.onopen = () => {
    outcome.subprotocol = socket.protocol || null;
    for (const { text, bytes } of says) {
      socket.send(bytes === null ? text : new Uint8Array(bytes));
    }
    leaveIfDone();
  };
  socket.onmessage = ({ data }) => {
    outcome.received.push(data);
    leaveIfDone();
  };
  socket.onclose = ({ code, reason }) => resolve({ ...outcome, code, reason });
})
"""


@dataclass(frozen=True)
class Say:
    """One message of a client.

    Attributes:
        text: what it says.
        fragments: in how many frames; no browser lets a page choose.
        bytes: how many bytes of a binary message to send instead, None for the text.
    """

    text: str = ""
    fragments: int = 1
    bytes: int | None = None


@dataclass(frozen=True)
class Visit:
    """Actions of a client.

    Attributes:
        url: where it connects.
        says: what it says at once.
        answers: after how many messages it leaves, None if it stays until it is closed.
        subprotocols: those it offers.
    """

    url: str
    says: tuple[Say, ...] = ()
    answers: int | None = None
    subprotocols: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """Observations of a client.

    Attributes:
        subprotocol: the one that was chosen.
        received: the messages, in order.
        code: of the close frame, `ABNORMAL` if there was none.
        reason: of the close frame.
        complaint: what the client's library says of a failure.
    """

    subprotocol: str | None
    received: list[str]
    code: int | None
    reason: str
    complaint: str


@dataclass(frozen=True)
class Client:
    """A client, by name, and how it makes a visit."""

    name: str
    visit: Callable[[Visit], Outcome]


def with_websockets(visit: Visit) -> Outcome:
    """Visit with Python's `websockets`."""
    offered = [Subprotocol(name) for name in visit.subprotocols]
    received: list[str] = []
    try:
        # The server may close while a message is still being sent.
        with (
            connect(visit.url, subprotocols=offered or None) as client,
            suppress(ConnectionClosed),
        ):
            for say in visit.says:
                client.send(_frames(say))
            while visit.answers is None or len(received) < visit.answers:
                received.append(str(client.recv(SECONDS)))
    except InvalidStatus as error:
        return Outcome(None, received, ABNORMAL, "", str(error))
    return Outcome(client.subprotocol, received, client.close_code, client.close_reason or "", "")


def with_ws(node: str, visit: Visit) -> Outcome:
    """Visit with Node's `ws`."""
    run = subprocess.run(
        [node, str(NODE_SCRIPT)],
        input=json.dumps(asdict(visit)),
        stdout=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    return Outcome(**json.loads(run.stdout))


def with_browser(page: Page, visit: Visit) -> Outcome:
    """Visit from a page; what the browser says of a failure, only its console shows."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        complaints.append(message.text)

    page.on("console", note)
    try:
        outcome = page.evaluate(BROWSER_SCRIPT, asdict(visit))
        if outcome["code"] == ABNORMAL and not complaints:
            page.wait_for_event("console")
    finally:
        page.remove_listener("console", note)
    return Outcome(**outcome, complaint=" ".join(complaints))


def _frames(say: Say) -> str | bytes | list[str]:
    if say.bytes is not None:
        return bytes(say.bytes)
    if say.fragments == 1:
        return say.text
    size = -(-len(say.text) // say.fragments)
    return [say.text[start : start + size] for start in range(0, len(say.text), size)]
