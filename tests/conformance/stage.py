"""A deployed stage of the conformance app, known by its URL alone, and its visitors."""

from __future__ import annotations

import base64
import json
import uuid
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from websockets.http11 import Response

    from apigw_local.gateway import Quotas

WAIT_SECONDS: Final = 15.0
"""Longer than a cold start on AWS takes."""


class Stage:
    """A stage, and what it is expected to allow.

    Attributes:
        url: where clients connect, without a slash at its end.
        quotas: its quotas.
    """

    def __init__(self, url: str, quotas: Quotas) -> None:
        self.url = url.rstrip("/")
        self.quotas = quotas
        self._visitors = ExitStack()

    def visit(
        self,
        command: dict[str, Any] | None = None,
        *,
        label: str | None = None,
        path: str = "",
        **options: Any,
    ) -> Visitor:
        """Connect.

        Args:
            command: for `$connect` to carry out.
            label: a name under which the app notes the event of `$connect`.
            path: put behind the stage's.
            options: of `websockets.sync.client.connect`.

        Raises:
            InvalidStatus: the upgrade was refused.
        """
        query = {"command": json.dumps(command)} if command else {}
        if label:
            query["label"] = label
        url = self.url + path + ("?" + urlencode(query) if query else "")
        options = {"compression": None, "open_timeout": WAIT_SECONDS, **options}
        return Visitor(self._visitors.enter_context(connect(url, **options)))

    def refusal(self, command: dict[str, Any] | None = None, **options: Any) -> Response:
        """Connect, which must be refused, and return the HTTP response."""
        try:
            self.visit(command, **options)
        except InvalidStatus as refused:
            return refused.response
        raise AssertionError("The upgrade was not refused.")

    def connections_url(self, connection_id: str) -> str:
        """Return the URL of a connection in `@connections`."""
        return f"http{self.url.removeprefix('ws')}/@connections/{quote(connection_id)}"

    def close(self) -> None:
        """End all visits."""
        self._visitors.close()
        self._visitors = ExitStack()


class Visitor:
    """A client of the app, and what it has read.

    Attributes:
        socket: its WebSocket.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._answers: dict[str, Any] = {}
        self._texts: list[str] = []
        self._id: str | None = None

    @property
    def id(self) -> str:
        """Its connection id, which it has to ask for."""
        if self._id is None:
            self._id = str(self.ask("show")["requestContext"]["connectionId"])
        return self._id

    def tell(self, do: str, **details: Any) -> str:
        """Send a command, and return the reference of its answer."""
        reference = uuid.uuid4().hex
        self.socket.send(json.dumps({"do": do, "ask": reference, **details}))
        return reference

    def answer(self, reference: str) -> Any:
        """Wait for an answer."""
        while reference not in self._answers:
            self._read(WAIT_SECONDS)
        return self._answers.pop(reference)

    def ask(self, do: str, **details: Any) -> Any:
        """Send a command and wait for its answer."""
        return self.answer(self.tell(do, **details))

    def text(self) -> str:
        """Wait for the next text that is no answer."""
        while not self._texts:
            self._read(WAIT_SECONDS)
        return self._texts.pop(0)

    def unread(self) -> list[str]:
        """Return the texts, other than answers, that came before the answers read so far."""
        return self._texts

    def close_code(self, seconds: float = WAIT_SECONDS) -> int | None:
        """Wait for the connection's end, and return the code that the gateway gave."""
        try:
            while True:
                self._read(seconds)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None

    def close_code_for(self, offence: bytes | str | list[str]) -> int | None:
        """Send what a gateway refuses, and return the code it closes with, None if it does not."""
        self.socket.send(offence)
        try:
            self.ask("show")
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None
        return None

    def post(self, connection: str, data: bytes, **details: Any) -> Any:
        """Let the app post some bytes to a connection and report what came of it."""
        encoded = base64.b64encode(data).decode()
        return self.ask("post", connection=connection, base64=encoded, **details)

    def recall(self, name: str, kind: str) -> list[Any]:
        """Return the events of one type that the app keeps under a name."""
        events = self.ask("recall", of=name)
        return [event for event in events if event["requestContext"]["eventType"] == kind]

    def expect(self, name: str, kind: str) -> Any:
        """Wait until the app keeps an event of this type under a name, and return the first."""
        found: list[Any] = []

        def look() -> bool:
            found[:] = self.recall(name, kind)
            return bool(found)

        wait_until(look, WAIT_SECONDS)
        return found[0]

    def _read(self, seconds: float) -> None:
        text = self.socket.recv(timeout=seconds)
        assert isinstance(text, str), "The gateway sent a binary frame."
        try:
            frame = json.loads(text)
        except ValueError:
            frame = None
        if isinstance(frame, dict) and "answer" in frame:
            self._answers[frame["answer"]] = frame["value"]
        else:
            self._texts.append(text)
