"""Rate limiter: slows down and closes connections that send too much, and no others."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.core.errors import Code, FrameError, UnansweredError
from chalicelib.core.limits import LIMITS, READ_UNITS_PER_SECOND, Limits, price, reads_price
from chalicelib.core.model import ConnectionId, UserId
from chalicelib.core.protocol import Join, Ping, ReadHistory, Renew, Say
from chalicelib.service.debt_cache import CHARGE_INTERVAL, FORGIVEN_SHARE, DebtCache, UserDebtCache
from chalicelib.service.rate_limiter import RateLimiter
from tests.support.builders import START, connection
from tests.support.fakes import MemoryStore

if TYPE_CHECKING:
    from chalicelib.core.protocol import Request

HI = Say(message="hi", room="tea")
ADA = UserId("ada")
TIGHT = Limits(frames=10, joins=2, burst=2, abuse=3, bar=60)

rates = st.floats(min_value=0.5, max_value=500)
steps = st.lists(st.integers(min_value=0, max_value=30_000), max_size=300)


class Sender:
    """Sender of frames over one connection, at a time that the test sets.

    Attributes:
        outcomes: of every frame: `taken`, `told` that it was not, `silent`, or `closed`.
        wait: the seconds that the last answer named.
    """

    def __init__(self, limits: Limits = TIGHT) -> None:
        self.now = START
        self.calls: list[str] = []
        self.store = MemoryStore(lambda: self.now, lambda call: self.calls.append(call))
        self.rate_limiter = RateLimiter(self.store, limits, lambda: self.now)
        self.outcomes: list[str] = []
        self.wait = 0.0
        self.store.add(connection("1"))
        self.calls.clear()

    def send(self, request: Request | None = HI, name: str = "1") -> str:
        """Send a frame, and return what became of it."""
        try:
            self.rate_limiter.admit(ConnectionId(f"{name}="), request)
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
    sender = Sender()
    for _ in range(20):
        assert sender.send() == "taken"
    assert sender.send() == "told"
    # What is refused is paid for as well.
    sender.now += sender.wait
    assert sender.wait == 0.2
    for _ in range(30):
        assert sender.send() == "taken"
        assert sender.send() in ("silent", "told")
        sender.now += 0.2


@given(rates, steps)
def test_nobody_gets_more_than_a_double_burst_and_the_rate(rate: float, waits: list[int]) -> None:
    """Over any stretch of time, whatever was sent before, and however long it was silent."""
    limits = Limits(frames=rate, burst=2, abuse=1e9)
    now, arrival_time, taken = 0, limits.start(0), list[int]()
    for wait in waits:
        now += wait
        cost = price(rate)
        arrival_time += cost
        arrival_time = limits.cut(arrival_time, now) or arrival_time
        if limits.wait(arrival_time, now, cost) == 0:
            taken.append(now)
    for first in range(0, len(taken), 7):
        for last in range(first, len(taken)):
            most = (taken[last] - taken[first]) / price(rate) + 2 * 2000 / price(rate) + 1
            assert last - first + 1 <= most + 1


@given(rates, st.integers(min_value=0, max_value=500))
def test_who_keeps_to_the_rate_is_never_refused(rate: float, count: int) -> None:
    """Frames that come as far apart as they cost are all taken, for as long as one likes."""
    limits, cost = Limits(frames=rate), price(rate)
    now, arrival_time = 0, limits.start(0)
    for _ in range(count):
        now, arrival_time = now + cost, arrival_time + cost
        assert limits.wait(arrival_time, now, cost) == 0
        arrival_time = limits.cut(arrival_time, now) or arrival_time


@given(rates, st.integers(min_value=1, max_value=400))
def test_who_waits_as_told_is_taken(rate: float, too_many: int) -> None:
    """The wait is right to the millisecond, whatever came before."""
    limits, cost = Limits(frames=rate, burst=1), price(rate)
    now, arrival_time = 0, limits.start(0)
    for _ in range(too_many):
        arrival_time += cost
    wait = limits.wait(arrival_time, now, cost)
    if wait:
        assert limits.wait(arrival_time + cost, now + wait, cost) == 0
        assert limits.wait(arrival_time + cost, now + wait - 1, cost) > 0


def test_silence_buys_no_flood() -> None:
    """After two hours without a word, no more comes through than twice the burst."""
    sender = Sender()
    sender.send()
    sender.now += 7200
    for _ in range(100):
        sender.send()
    assert sender.outcomes[1:].count("taken") <= 2 * 20 + 1


def test_an_idle_ones_credit_is_cut_by_few_writes() -> None:
    """A user who speaks every second pays for a second write once in a burst's time."""
    sender = Sender()
    for _ in range(20):
        sender.now += 1
        assert sender.send() == "taken"
    assert len(sender.calls) - 20 <= 20 / TIGHT.burst


def test_a_flood_is_told_so_and_then_closed() -> None:
    """It is answered once a second, closed when far ahead, and its user is not let in then."""
    sender = Sender(Limits(frames=10, joins=2, burst=2, abuse=30, bar=60))
    for number in range(1500):
        sender.now = START + number / 500
        sender.send()
    assert sender.outcomes[:20] == ["taken"] * 20
    assert sender.outcomes.count("told") == 1
    [closed] = [number for number, one in enumerate(sender.outcomes) if one == "closed"]
    assert closed / 500 < 1
    assert sender.outcomes[closed + 1 :] == ["silent"] * (1499 - closed)
    bar = sender.store.account(UserId("ada")).blocked_until
    assert bar == round((START + closed / 500 + 60) * 1000)


def test_most_of_a_flood_costs_no_call() -> None:
    """Refused frames are charged together, five times a second, and none of them is forgotten."""
    sender = Sender(Limits(frames=10, joins=2, burst=2, abuse=1e6))
    for number in range(2020):
        sender.now = START + number / 500
        sender.send()
    assert sender.outcomes.count("taken") == 20
    # A write each for what is taken; 4 seconds of charges and of answers after that.
    assert len(sender.calls) <= 20 + 5 * 4 + 4 + 1
    sender.now += 0.2
    sender.send()
    entry = sender.store.admit(ConnectionId("1="), 0, 0)
    assert entry is not None
    assert entry.arrival_time == round((START - 2) * 1000) + 2021 * 100


def test_what_one_container_has_refused_another_one_knows() -> None:
    """The table has what all of them have charged; what each remembers is only ever less."""
    sender = Sender(Limits(frames=10, joins=2, burst=2, abuse=1e6))
    other = RateLimiter(sender.store, sender.rate_limiter.limits, lambda: sender.now)
    for _ in range(10):
        other.admit(ConnectionId("1="), HI)
    assert [sender.send() for _ in range(11)].count("taken") == 10
    with pytest.raises(FrameError):
        other.admit(ConnectionId("1="), HI)


def test_who_waits_is_never_closed() -> None:
    """However often somebody sends too much, who heeds the answer stays, and gets on."""
    sender = Sender()
    for _ in range(2000):
        if sender.send() == "told":
            sender.now += sender.wait
        elif sender.outcomes[-1] == "silent":
            sender.now += 1
    assert "closed" not in sender.outcomes
    assert sender.outcomes.count("taken") > 1000


def test_two_at_the_same_moment_get_one_answer() -> None:
    """Of functions that refuse frames of one connection side by side, one answers."""
    sender = Sender()
    while sender.send() != "told":
        pass
    answered = int(sender.now * 1000)
    assert sender.store.claim_refusal(ConnectionId("1="), answered, answered + 1000)
    assert not sender.store.claim_refusal(ConnectionId("1="), answered, answered + 1000)


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
    sender = Sender()
    while sender.send(request_) == "taken":
        pass
    assert sender.outcomes.count("taken") == 20 // cost


def test_a_user_is_limited_over_all_connections() -> None:
    """With a rate for users, a second connection of the same one has nothing more to give."""
    sender = Sender(Limits(frames=10, burst=2, user_frames=10))
    sender.store.add(connection("2"))
    sender.store.add(connection("3", "bob"))
    sent = [sender.send(name="1") for _ in range(15)] + [sender.send(name="2") for _ in range(15)]
    assert sent.count("taken") == 20
    assert sender.send(name="3") == "taken"
    sender.now += 7200
    sent = [sender.send(name=str(1 + number % 2)) for number in range(60)]
    assert sent.count("taken") <= 2 * 20 + 1


def test_a_user_s_overdraft_closes_no_connection() -> None:
    """Each is told at most once a second, and goes on at the user's rate once there is room."""
    sender = Sender(Limits(frames=10, burst=2, abuse=3, user_frames=1))
    sender.store.add(connection("2"))
    for number in range(600):
        sender.now = START + number / 10
        sender.send(name="1")
        sender.send(name="2")
    assert "closed" not in sender.outcomes
    assert sender.outcomes.count("taken") <= 60 + 2 + 1
    assert 100 < sender.outcomes.count("told") <= 2 * 60
    sender.now += 1
    assert sender.send(name="1") == "taken"


def test_most_of_a_user_s_flood_costs_no_call() -> None:
    """50 connections at their full rate: each is told once a second, the rest is charged in sums.

    None of the frames is forgotten, so a connection that begins to send more is still closed.
    """
    sender = Sender(LIMITS)
    names = [str(number) for number in range(1, 51)]
    for name in names[1:]:
        sender.store.add(connection(name))
    sender.calls.clear()
    seconds = 10
    for number in range(500 * seconds):
        sender.now = START + number / 500
        sender.send(name=names[number % 50])
    taken, told = sender.outcomes.count("taken"), sender.outcomes.count("told")
    assert 60 + 20 * (seconds - 1) <= taken <= 60 + 20 * seconds + 1
    assert 50 * (seconds - 2) <= told <= 50 * seconds
    # A write for each that is taken, two for each that is told, and the user's own.
    assert len(sender.calls) <= taken + 2 * told + 6 * seconds
    sender.now += 1
    sender.send(name="1")
    entry = sender.store.admit(ConnectionId("1="), 0, 0)
    assert entry is not None
    assert entry.arrival_time == round((START - 3) * 1000) + (10 * seconds + 1) * 100


def test_a_user_pays_in_proportion_to_the_rates() -> None:
    """A user of double the rate of a connection has two of them come back to 50 rooms at once."""
    sender = Sender(LIMITS)
    sender.store.add(connection("2"))
    for name in ("1", "2"):
        assert [sender.send(Join(room="tea"), name) for _ in range(50)] == ["taken"] * 50


@pytest.mark.parametrize("limits", [LIMITS, Limits(user_frames=2)])
def test_one_quiet_connection_costs_its_user_no_write(limits: Limits) -> None:
    """A frame every two seconds is charged to the connection alone, whatever is read with it."""
    sender = Sender(limits)
    interval = max(2, FORGIVEN_SHARE / limits.user_frames)
    for _ in range(100):
        assert sender.send() == "taken"
        sender.now += interval
    assert sender.store.charge(UserId("ada"), 0, 0) == 0


class Spread:
    """A user's frames, each of which comes to one of many containers, and the user's item.

    Attributes:
        taken: when frames were taken, in milliseconds.
        writes: when which container wrote.
    """

    def __init__(self, containers: int, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self.debts = [UserDebtCache() for _ in range(containers)]
        self.taken: list[int] = []
        self.writes: list[tuple[int, int]] = []
        self._paid: int | None = None
        self._chance = random.Random(containers)

    def send(self, now: int) -> None:
        """Have a frame come to some container."""
        container = self._chance.randrange(len(self.debts))
        cost, start = price(self.limits.user_frames), self.limits.start(now)
        wait, owed = self.debts[container].charge(ADA, cost, start, now)
        if not wait:
            self.taken.append(now)
        if owed:
            self.writes.append((container, now))
            self._paid = (start if self._paid is None else self._paid) + owed
            self.debts[container].learn(ADA, self._paid)
            self._paid = self.limits.cut(self._paid, now) or self._paid


def test_a_user_s_rate_holds_however_many_containers_share_the_frames() -> None:
    """50 connections at 10 frames/s each get 20/s in the long run, over 1 to 50 containers.

    What comes on top is the burst, what each container takes before it hears of the others, at
    most a second's frames once, and what is forgiven, at most a frame a second of each container.
    Thereafter no second is far from the rate, and the user's item takes few writes.
    """
    for containers in (1, 2, 5, 10, 25, 50):
        spread, seconds = Spread(containers), 120
        for number in range(500 * seconds):
            spread.send(10**9 + 2 * number)
        late = [when for when in spread.taken if when >= 10**9 + 60_000]
        assert 20 * 60 - 10 <= len(late) <= 20 * 60 * 1.02 + containers
        # What was taken too much at first is taken off what follows.
        assert len(spread.taken) <= 20 * seconds + 60 + 2 * containers
        by_second = [
            sum(one // 1000 == second for one in late) for second in range(10**6 + 60, 10**6 + 120)
        ]
        assert max(by_second) <= 50
        assert len(spread.writes) <= 12 * seconds


def test_a_user_within_the_rate_is_never_refused_and_written_once_a_second() -> None:
    """At 8 frames/s, over 1 to 10 containers: none waits, and each container writes seldom."""
    for containers in (1, 3, 10):
        spread = Spread(containers)
        for number in range(8 * 60):
            spread.send(10**9 + 125 * number)
        assert len(spread.taken) == 8 * 60
        for container in range(containers):
            writes = [when for one, when in spread.writes if one == container]
            assert all(after - before >= 1000 for before, after in pairwise(writes))


def test_a_container_that_refuses_a_user_writes_nothing() -> None:
    """A refused frame is not charged: an overdrawn user waits no longer for it."""
    debts, now = UserDebtCache(), 10_000
    debts.charge(ADA, 50, now - 3000, now)
    debts.learn(ADA, now + 500)
    assert [debts.charge(ADA, 50, now - 3000, now) for _ in range(9)] == [(600, 0)] * 9
    assert debts.charge(ADA, 50, now - 2401, now + 599) == (1, 0)
    assert debts.charge(ADA, 50, now - 2400, now + 600) == (0, 100)


def test_what_another_container_took_corrects_the_estimate_upward_only() -> None:
    """The answer of a write counts with what is owed since; an older answer changes nothing."""
    debts = UserDebtCache()
    for _ in range(3):
        debts.charge(ADA, 50, 7000, 10_000)
    debts.learn(ADA, 9960)
    debts.learn(ADA, 0)
    assert debts.charge(ADA, 50, 7000, 10_000) == (60, 0)


def test_a_user_is_written_sooner_when_half_of_the_burst_is_spent() -> None:
    """Once a second before that, five times a second after it."""
    for spent, interval in ((0, 1000), (2000, CHARGE_INTERVAL)):
        debts, now = UserDebtCache(), 10_000
        debts.charge(ADA, 50, now - 3000, now)
        assert debts.charge(ADA, 50, now - 3000, now) == (0, 100)
        debts.learn(ADA, now - 3000 + spent)
        later = now + interval
        for when in (now, later - 1):
            assert debts.charge(ADA, 50, when - 3000, when) == (0, 0)
        assert debts.charge(ADA, 50, later - 3000, later) == (0, 150)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("early", [0, 1])
def test_an_old_debt_is_forgiven_when_it_is_small_for_its_age(count: int, early: int) -> None:
    """One frame after a second, three after three, and not a millisecond earlier."""
    debts, now = UserDebtCache(), 10_000
    if count > 1:
        # Right after a write, more than one frame may be owed.
        debts.charge(ADA, 50, now - 3000, now)
        assert debts.charge(ADA, 50, now - 3000, now) == (0, 100)
    for _ in range(count):
        assert debts.charge(ADA, 50, now - 3000, now) == (0, 0)
    later = now + FORGIVEN_SHARE * 50 * count - early
    assert debts.charge(ADA, 50, later - 3000, later) == (0, early * 50 * (count + 1))


def test_without_a_rate_for_users_none_is_kept() -> None:
    """With 0, connections alone are limited."""
    sender = Sender(Limits(user_frames=0))
    for number in range(2, 12):
        sender.store.add(connection(str(number)))
        assert [sender.send(name=str(number)) for _ in range(30)] == ["taken"] * 30
    assert sender.store.charge(UserId("ada"), 0, 0) == 0


def test_what_is_read_is_charged_beyond_what_the_frame_has_paid() -> None:
    """A small page costs nothing more; of a large one, the rest is charged with a write."""
    sender = Sender()
    page = ReadHistory(room="tea")
    paid_units = READ_UNITS_PER_SECOND / TIGHT.frames * 2
    sender.send(page)
    sender.calls.clear()
    sender.rate_limiter.charge_reads(ConnectionId("1="), paid_units, page)
    assert sender.calls == []
    sender.rate_limiter.charge_reads(ConnectionId("1="), paid_units + 1.5, page)
    assert sender.calls == ["UpdateItem"]
    entry = sender.store.admit(ConnectionId("1="), 0, 0)
    assert entry is not None
    assert entry.arrival_time == round((START - 2) * 1000) + 200 + 10


def test_after_a_large_read_frames_are_refused_from_memory() -> None:
    """The container that read takes nothing more before the time is over, and asks no table."""
    sender = Sender(Limits(frames=10, burst=2, abuse=30))
    sender.send(ReadHistory(room="tea"))
    sender.rate_limiter.charge_reads(
        ConnectionId("1="), 5 * READ_UNITS_PER_SECOND, ReadHistory(room="tea")
    )
    assert sender.send() == "told"
    sender.calls.clear()
    assert sender.send() == "silent"
    assert sender.calls == []
    sender.now += 3.3
    assert sender.send() == "taken"


def test_what_a_forgotten_connection_read_is_charged_nobody() -> None:
    """It makes no item of one that is gone."""
    sender = Sender()
    sender.store.forget(ConnectionId("1="))
    sender.rate_limiter.charge_reads(ConnectionId("1="), 1e3, HI)
    assert sender.store.connection(ConnectionId("1=")) is None


@pytest.mark.parametrize("units", [0.5, 6, 40, 250])
@pytest.mark.parametrize("request_", [ReadHistory(room="tea"), Join(room="tea"), Ping()])
def test_one_connection_reads_no_more_than_its_share(units: float, request_: Request) -> None:
    """A connection reads 150 units a second in the long run, however it hurries."""
    sender = Sender(replace(LIMITS, abuse=1e6))
    spent, seconds = 0.0, 300
    for _ in range(10 * seconds):
        if sender.send(request_) == "taken":
            spent += units
            sender.rate_limiter.charge_reads(ConnectionId("1="), units, request_)
        sender.now += 0.1
    burst = 2 * LIMITS.burst * READ_UNITS_PER_SECOND
    assert spent <= seconds * READ_UNITS_PER_SECOND + burst + units
    assert reads_price(READ_UNITS_PER_SECOND) == 1000


def test_a_forgotten_connection_is_charged_nothing() -> None:
    """A frame of a connection that is gone makes no item, and ends it."""
    sender = Sender()
    sender.store.forget(ConnectionId("1="))
    with pytest.raises(FrameError) as refusal:
        sender.rate_limiter.admit(ConnectionId("1="), HI)
    assert (refusal.value.code, refusal.value.closes) == (Code.UNKNOWN_CONNECTION, True)
    assert sender.store.connection(ConnectionId("1=")) is None


def test_what_a_container_remembers_has_a_limit() -> None:
    """The connection that was charged longest ago is forgotten first, and asked of the table."""
    debts = DebtCache(limit=2)
    for name in ("1=", "2=", "1=", "3="):
        debts.learn(ConnectionId(name), ADA, 10**6)
    assert debts.charge(ConnectionId("2="), 1, now=0) == 1
    assert debts.charge(ConnectionId("1="), 1, now=CHARGE_INTERVAL) == 1
    assert debts.charge(ConnectionId("1="), 1, now=CHARGE_INTERVAL) is None
    users = UserDebtCache(limit=1)
    users.charge(ADA, 1, 0, 1)
    users.learn(ADA, 10**6)
    assert users.charge(ADA, 1, 0, 1)[0] > 0
    users.charge(UserId("bob"), 1, 0, 1)
    users.learn(ADA, 10**6)
    assert users.charge(ADA, 1, 0, 1) == (0, 0)
