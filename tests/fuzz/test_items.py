"""Items that older and newer versions have kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.protocol import SUBPROTOCOL
from tests.fuzz.server import SETTINGS, TableServer, few, serving, token
from tests.fuzz.tried import tried

if TYPE_CHECKING:
    from collections.abc import Set

    from mypy_boto3_dynamodb import DynamoDBClient

FIRST = {
    "C": "pk sk user_id username protocol rooms api_id stage connected_at expires_at",
    "M": "pk sk user_id username protocol expires_at",
    "H": "pk sk epoch seq recent version members expires_at",
    "S": "pk sk epoch id key type text user_id username sender sent_at expires_at",
}
"""Attributes of the first version, by the beginning of an item's sort key."""

LATER = ("rights", "until", "paid", "answered", "deletes")
"""Attributes that a later version has added to one item or another, and may not count on."""

ADA, BOB = "ada=", "bob="

extras = st.dictionaries(
    st.sampled_from(("tat", "session", "__proto__", "type2", "sort", "flags")),
    st.sampled_from(({"S": "x"}, {"N": "1"}, {"BOOL": True}, {"M": {}}, {"SS": ["a"]})),
    max_size=3,
)
"""Attributes that a newer version may have added."""


def age(server: TableServer, missing: Set[str], more: dict[str, Any], *, entries: bool) -> None:
    """Make the items what another version would have kept of the same."""
    for item in server.items():
        tried["items"] += 1
        key = {name: item[name] for name in ("pk", "sk")}
        if item["pk"]["S"].startswith("U#") and not entries:
            server.dynamodb.delete_item(TableName=server.table, Key=key)
            continue
        known = FIRST.get(item["sk"]["S"][:1], "").split()
        kept = {name: value for name, value in item.items() if name in known or name not in missing}
        server.dynamodb.put_item(TableName=server.table, Item=more | kept)


def ask(server: TableServer, who: str, **frame: object) -> list[Any]:
    """Send a frame that is right."""
    return server.frame(who, json.dumps(frame))


@few
@given(missing=st.sets(st.sampled_from(LATER)), more=extras, entries=st.booleans())
def test_every_action_works_on_the_items_of_other_versions(
    dynamodb: DynamoDBClient, missing: Set[str], more: dict[str, Any], *, entries: bool
) -> None:
    """A room goes on with the next number, and what is not kept grants nobody anything."""
    with serving(TableServer(SETTINGS, dynamodb)) as server:
        for who in (ADA, BOB):
            shown = token(who, join=["*"], moderate=["tea"])
            offer = f"{SUBPROTOCOL}, {shown}"
            assert server.connect(who, {"Sec-WebSocket-Protocol": offer}) == 200
            ask(server, who, action="join", room="tea")
        ask(server, ADA, action="message", room="tea", message="hello", id="1")
        server.work()
        age(server, missing, more, entries=entries)

        [joined] = ask(server, BOB, action="join", room="tea")
        assert (joined["type"], joined["seq"], joined["recovered"]) == ("joined", 1, True)
        [history] = ask(server, BOB, action="history", room="tea")
        assert [one["id"] for one in history["messages"]] == ["1"]
        [who_is_there] = ask(server, BOB, action="who", room="tea")
        assert len(who_is_there["members"]) == 2
        [pong] = ask(server, BOB, action="ping", rooms=["tea"])
        assert pong["rooms"]["tea"]["seq"] == 1
        assert ask(server, BOB, action="message", room="tea", message="hi", id="2") == []
        assert ask(server, ADA, action="signal", room="tea", data=1) == []
        server.work()
        assert [one["seq"] for one in server.told(ADA) if one["type"] == "message"] == [2]

        # Rights that are not kept are those of anybody, and no more.
        [private] = ask(server, BOB, action="join", room="secret-1")
        assert private.get("code") == ("forbidden" if "rights" in missing else None)
        [act] = ask(server, BOB, action="mute", room="tea", userId="nobody", seconds=1)
        assert act.get("code") == ("forbidden" if "rights" in missing else None)

        assert ask(server, BOB, action="leave", room="tea")[0]["type"] == "left"
        server.disconnect(BOB)
        server.work()
        assert not [key for key in server.kept() if BOB in "".join(key)]
