"""The map of docs/architecture.md, compared with one message's way through the application."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.core.protocol import SUBPROTOCOL
from tests.functional.conftest import client, clock, connections, lambdas
from tests.support.project import PROJECT

if TYPE_CHECKING:
    from types import FrameType

    from tests.functional.conftest import Lambdas

__all__ = ["client", "clock", "connections", "lambdas"]

SECTION = (PROJECT / "docs/architecture.md").read_text().split("### One message")[1].split("## ")[0]
WAY = re.findall(r"^\d+\. `([\w./]+)`: ", SECTION, re.MULTILINE)
TOOLS = [
    folder + name
    for folder, names in re.findall(r"^- `(chalicelib/[\w/]*)`: (.*)$", SECTION, re.MULTILINE)
    for name in re.findall(r"`([\w/]+\.py)`", names)
]
MOST = 25
SOMETIMES = {"chalicelib/adapters/apigateway/endpoint.py"}
"""Tools that run only if the socket of the message before has been closed."""
ADA, BOB = "PJqB0fHsqRcCHlw=", "PJqC1fHsqRcCHlw="
DOCUMENTS = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *(PROJECT / "docs").glob("*.md")]


def entered(lambdas: Lambdas) -> list[str]:
    """Return the application's files that run for one message, in the order of their first call."""
    files: dict[str, None] = {}

    def note(frame: FrameType, event: str, _: Any) -> None:
        path = frame.f_code.co_filename.removeprefix(f"{PROJECT}/")
        if event == "call" and (path == "app.py" or path.startswith("chalicelib/")):
            files[path] = None

    sys.setprofile(note)
    try:
        lambdas.message(ADA, {"action": "message", "room": "tea", "message": "hi"})
        lambdas.broadcast()
    finally:
        sys.setprofile(None)
    return list(files)


def test_a_message_enters_the_files_of_the_map(lambdas: Lambdas) -> None:
    """The files that the document names are those that run, and the way has at most 25."""
    for connection_id in (ADA, BOB):
        lambdas.connect(connection_id, None, SUBPROTOCOL)
        lambdas.message(connection_id, {"action": "join", "room": "tea"})
    lambdas.broadcast()
    files = entered(lambdas)
    assert set(TOOLS) >= SOMETIMES
    assert {*files} - SOMETIMES == {*WAY, *TOOLS} - SOMETIMES
    assert len(WAY) <= MOST
    broadcast = files.index("chalicelib/service/broadcast.py")
    before = WAY[: WAY.index("chalicelib/service/broadcast.py")]
    assert all(files.index(path) < broadcast for path in before)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_in_the_documents_exist(document: Any) -> None:
    """No document names a file or folder of the application or its tests that is not there."""
    named = re.findall(
        r"[`(](?:\.\./)?((?:chalicelib|tests|planning)/[\w./-]*\w)", document.read_text()
    )
    made_by_the_guide = {"tests/functional/test_roll.py"}
    missing = [one for one in {*named} - made_by_the_guide if not (PROJECT / one).exists()]
    assert missing == []
