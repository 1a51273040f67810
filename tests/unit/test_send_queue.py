"""Posts go side by side, and those to one connection one after another."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.adapters.apigateway.send_queue import HELD, SendQueue
from chalicelib.core.model import ConnectionId
from chalicelib.core.ports.poster import Reason, Report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.adapters.apigateway.send_queue import Task
    from chalicelib.core.ports.poster import Post

ADA = ConnectionId("ada")
BOB = ConnectionId("bob")

OUTCOMES = st.sampled_from(["done", "done", "done", "retry", "fail"])


def drawn(lanes: SendQueue, now: float = 0) -> list[Task]:
    """All that can be sent now."""
    return list(iter(lambda: lanes.next(now), None))


def test_the_second_waits_for_the_first() -> None:
    """A connection's next post comes when the one before is done."""
    report = Report()
    lanes = SendQueue([(ADA, b"1"), (ADA, b"2"), (BOB, b"3")], report)
    first, other = drawn(lanes)
    assert (first.payload, other.payload) == (b"1", b"3")
    lanes.done(first)
    assert report.delivered == set()
    (second,) = drawn(lanes)
    lanes.done(second)
    lanes.done(other)
    assert report.delivered == {ADA, BOB}
    assert lanes.finished(0)


def test_a_retry_is_due_at_its_time() -> None:
    """It is not sent earlier, and what waits behind it not before."""
    lanes = SendQueue([(ADA, b"1"), (ADA, b"2")], Report())
    (task,) = drawn(lanes)
    lanes.retry(task, 5)
    assert lanes.next_retry == 5
    assert drawn(lanes, 4.9) == []
    assert lanes.backlog(9, 4.9) == 0
    assert lanes.backlog(9, 5) == 1
    assert drawn(lanes, 5) == [task]


def test_who_failed_gets_no_more() -> None:
    """Neither what was drawn already nor what comes later."""
    report = Report()
    lanes = SendQueue([(ADA, b"1"), (ADA, b"2"), (BOB, b"3"), (ADA, b"4")], report)
    first, other = drawn(lanes)
    lanes.fail(first, Reason.GONE)
    lanes.done(other)
    assert drawn(lanes) == []
    assert lanes.finished(0)
    assert report == Report(delivered={BOB}, gone={ADA})


def test_giving_up_names_everybody() -> None:
    """Each that has not ended is given the reason it had, or the one for all."""
    report = Report()
    lanes = SendQueue(((ConnectionId(f"{n}"), b"") for n in range(9)), report)
    task, done, left = (lanes.next(0) for _ in range(3))
    assert task
    assert done
    assert left
    task.setback = Reason.THROTTLED
    lanes.retry(task, 99)
    lanes.done(done)
    lanes.fail(left, Reason.REFUSED)
    lanes.backlog(2, 0)
    lanes.give_up(Reason.TIMED_OUT)
    assert report.delivered == {"1"}
    reasons = [Reason.THROTTLED, None, Reason.REFUSED, *[Reason.TIMED_OUT] * 6]
    assert [report.failed.get(ConnectionId(f"{n}")) for n in range(9)] == reasons


def test_drawing_is_bounded() -> None:
    """Posts without end to one connection do not fill the memory."""
    counter = count()

    def posts() -> Iterator[Post]:
        for number in counter:
            yield ADA, str(number).encode()

    lanes = SendQueue(posts(), Report())
    (task,) = drawn(lanes)
    assert next(counter) == HELD + 1
    lanes.done(task)
    (task,) = drawn(lanes)
    assert task.payload == b"1"


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.binary(max_size=2))), st.data())
def test_order_and_report_hold_whatever_happens(
    posts: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    """Each connection gets a beginning of its posts, in order; all of them if it did not fail."""
    report = Report()
    lanes = SendQueue([(ConnectionId(to), payload) for to, payload in posts], report)
    sent: dict[str, list[bytes]] = {}
    under_way: list[Task] = []
    now = 0.0
    while not lanes.finished(now):
        now += 1
        under_way += drawn(lanes, now)
        ids = [task.connection_id for task in under_way]
        assert len(set(ids)) == len(ids)
        if not under_way:
            continue
        task = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
        outcome = data.draw(OUTCOMES)
        if outcome == "retry":
            lanes.retry(task, now + data.draw(st.integers(0, 3)))
        elif outcome == "fail":
            lanes.fail(task, Reason.REFUSED)
        else:
            sent.setdefault(task.connection_id, []).append(task.payload)
            lanes.done(task)
    for to in {to for to, _ in posts}:
        meant = [payload for other, payload in posts if other == to]
        assert sent.get(to, []) == meant[: len(sent.get(to, []))]
        assert (ConnectionId(to) in report.delivered) == (sent.get(to) == meant)
        assert (to in report.delivered) != (to in report.failed)
