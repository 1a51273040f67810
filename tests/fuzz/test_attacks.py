"""Attacks that need more than one odd input; docs/security.md lists them with the others."""

from __future__ import annotations

import itertools
import json
import time

from msgspec.structs import replace

from chalicelib.core.jobs import encode
from chalicelib.core.limits import LIMITS
from chalicelib.core.model import RoomId
from chalicelib.core.protocol import SUBPROTOCOL
from tests.fuzz.server import ANONYMOUS, SETTINGS, MemoryServer, Server, serving, token

EVE, ADA = "eve=", "ada="

FORGED_LINE = 'x"}\r\n{"level":"ERROR","message":"forged"}\u2028{"level":"ERROR"}'


def enter(server: Server, who: str, room: str) -> None:
    """Let somebody in, and into a room."""
    offer = f"{SUBPROTOCOL}, {token(who)}"
    assert server.connect(who, {"Sec-WebSocket-Protocol": offer}) == 200
    assert server.frame(who, json.dumps({"action": "join", "room": room}))[0]["type"] == "joined"


def test_a_thousand_joins_are_not_carried_out() -> None:
    """As many rooms as allowed are joined; the rest costs no room anything, and ends in a close."""
    with serving(MemoryServer(replace(SETTINGS, limits=LIMITS))) as server:
        enter(server, EVE, "room 0")
        closed = server.graph.gateway.closed
        codes = []
        # What is refused is charged together, some times a second: the close may take a moment.
        end = time.monotonic() + 10
        for number in itertools.count(1):
            if number > 1_000 and (closed or time.monotonic() > end):
                break
            frame = {"action": "join", "room": f"room {number}"}
            codes += [one.get("code", "joined") for one in server.frame(EVE, json.dumps(frame))]
        assert closed == [EVE]
        assert codes.count("joined") < LIMITS.rooms
        assert "slow_down" in codes
        assert len(codes) < 200, "answers cost, too"
        joined = [name for name, room in server.store.rooms.items() if room.head]
        assert len(joined) <= LIMITS.rooms
        assert server.store.connections == {}


def test_no_line_of_the_log_can_be_forged() -> None:
    """Line breaks in names, rooms, origins, ids and actions stay within the strings of a line."""
    with serving(MemoryServer(ANONYMOUS)) as server:
        refused = {"Sec-WebSocket-Protocol": SUBPROTOCOL, "Origin": FORGED_LINE}
        assert server.connect(EVE, refused) == 403
        offer = {"Sec-WebSocket-Protocol": SUBPROTOCOL, "User-Agent": FORGED_LINE}
        assert server.connect(EVE, offer, {"username": FORGED_LINE, "session": "A" * 22}) == 200
        for frame in (
            {"action": "join", "room": FORGED_LINE},
            {"action": FORGED_LINE, "room": FORGED_LINE, "id": FORGED_LINE},
            {"action": "join", "room": '"}{"level":"ERROR","message":"forged"}'},
            {"action": "message", "room": "tea", "message": FORGED_LINE, "id": FORGED_LINE},
        ):
            server.frame(EVE, json.dumps(frame))
        server.work()
        lines = [json.loads(line) for line in server.log.getvalue().split("\n") if line]
    assert not [line for line in lines if line.get("level") == "ERROR"]
    assert not [line for line in lines if line.get("message") == "forged"]


def test_a_replayed_record_is_no_second_message() -> None:
    """However often it is delivered, a message keeps its number, and clients tell it apart."""
    with serving(MemoryServer(SETTINGS)) as server:
        for who in (ADA, EVE):
            enter(server, who, "tea")
        server.frame(ADA, '{"action":"message","room":"tea","message":"pay 5","id":"1"}')
        body = encode(server.graph.job_queue.jobs[-1])
        server.work()
        for _ in range(3):
            server.broadcast(body, body)
        assert {one["seq"] for one in server.told(EVE) if one["type"] == "message"} == {1}
        assert list(server.store.rooms[RoomId("tea")].messages) == [1]
