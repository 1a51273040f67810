"""Who sends too much is slowed down, and closed if that does not help; nobody else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import Code, FrameError, UnansweredError
from chalicelib.limits import Limits, price
from chalicelib.model import ConnectionId, UserId
from chalicelib.protocol import Join, Ping, ReadHistory, Renew, Say
from chalicelib.service.admission import Admission
from chalicelib.service.tabs import CHARGE_INTERVAL, Tabs
from tests.memory import MemoryStore
from tests.people import START, connection

if TYPE_CHECKING:
    from chalicelib.protocol import Request

HI = Say(message="hi", room="tea")
TIGHT = Limits(frames=10, joins=2, burst=2, abuse=3, bar=60)

rates = st.floats(min_value=0.5, max_value=500)
steps = st.lists(st.integers(min_value=0, max_value=30_000), max_size=300)


class Gate:
    """One connection's frames before an admission, at a time that the test sets.

    Attributes:
        outcomes: of every frame: `taken`, `told` that it was not, `silent`, or `closed`.
        wait: the seconds that the last answer named.
    """

    def __init__(self, limits: Limits = TIGHT) -> None:
        self.now = START
        self.calls: list[str] = []
        self.store = MemoryStore(lambda: self.now, lambda call: self.calls.append(call))
        self.admission = Admission(self.store, limits, lambda: self.now)
        self.outcomes: list[str] = []
        self.wait = 0.0
        self.store.add(connection("1"))
        self.calls.clear()

    def send(self, request: Request | None = HI, name: str = "1") -> str:
        """Send a frame, and return what became of it."""
        try:
            self.admission(ConnectionId(f"{name}="), request)
        except UnansweredError:
            outcome = "silent"
        except FrameError as refusal:
            self.wait = refusal.retry_after or 0
            outcome = "closed" if refusal.closes else "told"
        else:
            outcome = "taken"
        self.outcomes.append(outcome)
        return outcome


def test_a_burst_is_taken_and_after_it_the_rate() -> None:
    """Two seconds' worth may come at once; then ten a second are taken, and no more."""
    gate = Gate()
    for _ in range(20):
        assert gate.send() == "taken"
    assert gate.send() == "told"
    # What is refused is paid for as well.
    gate.now += gate.wait
    assert gate.wait == 0.2
    for _ in range(30):
        assert gate.send() == "taken"
        assert gate.send() in ("silent", "told")
        gate.now += 0.2


@given(rates, steps)
def test_nobody_gets_more_than_a_double_burst_and_the_rate(rate: float, waits: list[int]) -> None:
    """Over any stretch of time, whatever was sent before, and however long it was silent."""
    limits = Limits(frames=rate, burst=2, abuse=1e9)
    now, paid, taken = 0, limits.start(0), list[int]()
    for wait in waits:
        now += wait
        cost = price(rate)
        paid += cost
        paid = limits.cut(paid, now) or paid
        if limits.wait(paid, now, cost) == 0:
            taken.append(now)
    for first in range(0, len(taken), 7):
        for last in range(first, len(taken)):
            most = (taken[last] - taken[first]) / price(rate) + 2 * 2000 / price(rate) + 1
            assert last - first + 1 <= most + 1


@given(rates, st.integers(min_value=0, max_value=500))
def test_who_keeps_to_the_rate_is_never_refused(rate: float, count: int) -> None:
    """Frames that come as far apart as they cost are all taken, for as long as one likes."""
    limits, cost = Limits(frames=rate), price(rate)
    now, paid = 0, limits.start(0)
    for _ in range(count):
        now, paid = now + cost, paid + cost
        assert limits.wait(paid, now, cost) == 0
        paid = limits.cut(paid, now) or paid


@given(rates, st.integers(min_value=1, max_value=400))
def test_who_waits_as_told_is_taken(rate: float, too_many: int) -> None:
    """The wait is right to the millisecond, whatever came before."""
    limits, cost = Limits(frames=rate, burst=1), price(rate)
    now, paid = 0, limits.start(0)
    for _ in range(too_many):
        paid += cost
    wait = limits.wait(paid, now, cost)
    if wait:
        assert limits.wait(paid + cost, now + wait, cost) == 0
        assert limits.wait(paid + cost, now + wait - 1, cost) > 0


def test_silence_buys_no_flood() -> None:
    """After two hours without a word, no more comes through than twice the burst."""
    gate = Gate()
    gate.send()
    gate.now += 7200
    for _ in range(100):
        gate.send()
    assert gate.outcomes[1:].count("taken") <= 2 * 20 + 1


def test_an_idle_ones_credit_is_cut_by_few_writes() -> None:
    """Whoever says something every second pays for a second write once in a burst's time."""
    gate = Gate()
    for _ in range(20):
        gate.now += 1
        assert gate.send() == "taken"
    assert len(gate.calls) - 20 <= 20 / TIGHT.burst


def test_a_flood_is_told_so_and_then_closed() -> None:
    """It is answered once a second, closed when far ahead, and its user is not let in then."""
    gate = Gate(Limits(frames=10, joins=2, burst=2, abuse=30, bar=60))
    for number in range(1500):
        gate.now = START + number / 500
        gate.send()
    assert gate.outcomes[:20] == ["taken"] * 20
    assert gate.outcomes.count("told") == 1
    [closed] = [number for number, one in enumerate(gate.outcomes) if one == "closed"]
    assert closed / 500 < 1
    assert gate.outcomes[closed + 1 :] == ["silent"] * (1499 - closed)
    bar = gate.store.account(UserId("ada")).barred_until
    assert bar == round((START + closed / 500 + 60) * 1000)


def test_most_of_a_flood_costs_no_call() -> None:
    """Refused frames are charged together, five times a second, and none of them is forgotten."""
    gate = Gate(Limits(frames=10, joins=2, burst=2, abuse=1e6))
    for number in range(2020):
        gate.now = START + number / 500
        gate.send()
    assert gate.outcomes.count("taken") == 20
    # A write each for what is taken; 4 seconds of charges and of answers after that.
    assert len(gate.calls) <= 20 + 5 * 4 + 4 + 1
    gate.now += 0.2
    gate.send()
    entry = gate.store.admit(ConnectionId("1="), 0, 0)
    assert entry is not None
    assert entry.paid == round((START - 2) * 1000) + 2021 * 100


def test_what_one_container_has_refused_another_one_knows() -> None:
    """The table has what all of them have charged; what each remembers is only ever less."""
    gate = Gate(Limits(frames=10, joins=2, burst=2, abuse=1e6))
    other = Admission(gate.store, gate.admission.limits, lambda: gate.now)
    for _ in range(10):
        other(ConnectionId("1="), HI)
    assert [gate.send() for _ in range(11)].count("taken") == 10
    with pytest.raises(FrameError):
        other(ConnectionId("1="), HI)


def test_who_waits_is_never_closed() -> None:
    """However often somebody sends too much, who heeds the answer stays, and gets on."""
    gate = Gate()
    for _ in range(2000):
        if gate.send() == "told":
            gate.now += gate.wait
        elif gate.outcomes[-1] == "silent":
            gate.now += 1
    assert "closed" not in gate.outcomes
    assert gate.outcomes.count("taken") > 1000


def test_two_at_the_same_moment_get_one_answer() -> None:
    """Of functions that refuse frames of one connection side by side, one answers."""
    gate = Gate()
    while gate.send() != "told":
        pass
    answered = int(gate.now * 1000)
    assert gate.store.claim(ConnectionId("1="), answered, answered + 1000)
    assert not gate.store.claim(ConnectionId("1="), answered, answered + 1000)


@pytest.mark.parametrize(
    ("request_", "cost"),
    [
        (HI, 1),
        (None, 1),
        (Ping(), 1),
        (Ping(rooms=["tea"] * 9), 1),
        (Ping(rooms=["tea"] * 50), 6),
        (Join(room="tea"), 5),
        (ReadHistory(room="tea"), 2),
        (Say(message="hi", room="tea", resend=True), 2),
        (Renew(token=""), 2),
    ],
)
def test_what_costs_the_table_more_costs_the_client_more(
    request_: Request | None, cost: int
) -> None:
    """Joins have a rate of their own, pages and repetitions count double, a ping by its rooms."""
    gate = Gate()
    while gate.send(request_) == "taken":
        pass
    assert gate.outcomes.count("taken") == 20 // cost


def test_a_user_is_limited_over_all_connections() -> None:
    """With a rate for users, a second connection of the same one has nothing more to give."""
    gate = Gate(Limits(frames=10, burst=2, user_frames=10))
    gate.store.add(connection("2"))
    gate.store.add(connection("3", "bob"))
    sent = [gate.send(name="1") for _ in range(15)] + [gate.send(name="2") for _ in range(15)]
    assert sent.count("taken") == 20
    assert gate.send(name="3") == "taken"
    gate.now += 7200
    sent = [gate.send(name=str(1 + number % 2)) for number in range(60)]
    assert sent.count("taken") <= 2 * 20 + 1


def test_a_forgotten_connection_is_charged_nothing() -> None:
    """What comes from a connection that is gone makes no item, and ends it."""
    gate = Gate()
    gate.store.forget(ConnectionId("1="))
    with pytest.raises(FrameError) as refusal:
        gate.admission(ConnectionId("1="), HI)
    assert (refusal.value.code, refusal.value.closes) == (Code.UNKNOWN_CONNECTION, True)
    assert gate.store.connection(ConnectionId("1=")) is None


def test_what_a_container_remembers_has_a_limit() -> None:
    """The connection that was charged longest ago is forgotten first, and asked of the table."""
    tabs = Tabs(limit=2)
    for name in ("1=", "2=", "1=", "3="):
        tabs.learn(ConnectionId(name), 10**6)
    assert tabs.charge(ConnectionId("2="), 1, now=0) == 1
    assert tabs.charge(ConnectionId("1="), 1, now=CHARGE_INTERVAL) == 1
    assert tabs.charge(ConnectionId("1="), 1, now=CHARGE_INTERVAL) is None
