"""The broadcast takes what the account has room for, and leaves the others theirs."""

from __future__ import annotations

import pytest

from infra.concurrency import UNRESERVED, Room, Share, advice, fit, room
from tests.support import strict
from tests.support.strict_lambda import Lambda

PROD = Share(200, 200)
DEV = Share(None, 200)


@pytest.mark.parametrize(
    ("wanted", "room", "expected"),
    [
        (PROD, Room(1000, 1000), PROD),
        (DEV, Room(1000, 1000), DEV),
        (PROD, Room(300, 300), PROD),
        (PROD, Room(250, 250), Share(150, 150)),
        (PROD, Room(10, 10), Share(None, 5)),
        (DEV, Room(10, 10), Share(None, 5)),
        (PROD, Room(1000, 101), Share(None, 50)),
        (DEV, Room(10, 1), Share(None, 2)),
    ],
)
def test_a_share_fits(wanted: Share, room: Room, expected: Share) -> None:
    """It is the wanted one or less, and no reservation goes below what Lambda keeps unreserved."""
    share = fit(wanted, room)
    assert share == expected
    assert share.reserved is None or room.unreserved - share.reserved >= UNRESERVED
    shape = strict.shape("lambda", "ScalingConfig")
    assert not [*strict.faults({"MaximumConcurrency": share.maximum}, shape, "")]


@pytest.mark.parametrize("executions", [10, 100, 101, 102, 250, 1000])
def test_lambda_takes_the_share_that_fits(executions: int) -> None:
    """In an account of any size, beside another function's reservation, and again."""
    aws = Lambda(executions)
    if executions == 1000:
        aws.put_function_concurrency("another", 750)
    expected = {102: 2, 250: 150, 1000: 150}.get(executions)
    for _ in range(2):
        share = fit(PROD, room(aws, "broadcast"))
        assert share.reserved == expected
        if share.reserved:
            aws.put_function_concurrency("broadcast", share.reserved)


def test_more_is_asked_for_as_it_would_suffice() -> None:
    """The command in the text names a quota with which the wanted share would fit."""
    for wanted in (PROD, DEV):
        text = advice(wanted, Room(10, 10))
        assert "gives this account 10" in text
        desired = int(text.rpartition(" ")[2])
        assert fit(wanted, Room(desired, desired)) == wanted
