"""A moderator's frames are read as strictly as anybody's."""

from __future__ import annotations

import json

import pytest

from chalicelib.core import protocol
from chalicelib.core.errors import Code, FrameError
from chalicelib.core.protocol import SANCTION_LIMIT, Ban, Delete, Kick, Mute


@pytest.mark.parametrize(
    ("frame", "act"),
    [
        ({"action": "kick", "userId": "9f0c-4a"}, Kick(room="tea", user_id="9f0c-4a")),
        ({"action": "ban", "userId": "9f", "seconds": 0}, Ban("tea", "9f", 0)),
        (
            {"action": "mute", "userId": "9f", "seconds": SANCTION_LIMIT},
            Mute("tea", "9f", SANCTION_LIMIT),
        ),
        ({"action": "delete", "seq": 1, "epoch": "e"}, Delete("tea", 1, "e")),
    ],
)
def test_an_act_is_read(frame: dict[str, object], act: object) -> None:
    """Each with its own fields, up to their bounds."""
    assert protocol.decode(json.dumps({"room": "tea", **frame})) == act


@pytest.mark.parametrize(
    "frame",
    [
        {"action": "kick"},
        {"action": "kick", "userId": ""},
        {"action": "kick", "userId": "no spaces"},
        {"action": "kick", "userId": "ends in a line\n"},
        {"action": "kick", "userId": "x" * 65},
        {"action": "ban", "userId": "bob"},
        {"action": "ban", "userId": "bob", "seconds": -1},
        {"action": "mute", "userId": "bob", "seconds": 1.5},
        {"action": "mute", "userId": "bob", "seconds": SANCTION_LIMIT + 1},
        {"action": "delete", "seq": 0, "epoch": "e"},
        {"action": "delete", "seq": 1},
    ],
)
def test_an_act_that_is_not_right_is_refused(frame: dict[str, object]) -> None:
    """Every field has its form and its bounds."""
    with pytest.raises(FrameError) as refusal:
        protocol.decode(json.dumps({"room": "tea", **frame}))
    assert refusal.value.code is Code.BAD_FRAME
