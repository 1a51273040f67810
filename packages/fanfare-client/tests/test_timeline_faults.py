"""A timeline against a network that loses, doubles, reorders and delays, found by hypothesis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from client_support.protocol_room import ProtocolRoom, user
from fanfare_client.effects import AskHistory, Deliver, Join, Send, Settle
from fanfare_client.timeline import Timeline

if TYPE_CHECKING:
    from fanfare_client.effects import Effect, Frame

ADA, BOB = user("Ada"), user("Bob")
anything = st.integers(0, 1_000_000)


class Way(RuleBasedStateMachine):
    """One client, one room, and all that can happen between them.

    `requests` and `answers` are under way, to be lost, doubled, or arrive in any order. A request
    carries the number of its connection: a message that outlives its own is acked nowhere.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tea = ProtocolRoom()
        self.ada = Timeline("tea")
        self.connection = 0
        self.member = False
        self.requests: list[tuple[int, Join | AskHistory | Send]] = []
        self.answers: list[Frame] = []
        self.said: list[str] = []
        self.settled: list[str] = []
        self.shown: list[Frame] = []
        self.logs: dict[str, list[Frame]] = {}
        self.starts: dict[str, int] = {}
        self.expired: set[tuple[str, int]] = set()

    def perform(self, effects: list[Effect]) -> None:
        """Do what the timeline asks for."""
        for effect in effects:
            match effect:
                case Join() | AskHistory() | Send():
                    self.requests.append((self.connection, effect))
                case Deliver(message):
                    self.shown.append(message)
                case Settle(id_, _):
                    self.settled.append(id_)

    def store(self, sender: Frame, id_: str, text: str, connection: int | None) -> Frame | None:
        """Number a message, and tell the member about it."""
        message = self.tea.say(sender, id_, text)
        self.logs[self.tea.epoch] = self.tea.log
        if message is not None and self.member:
            acked = connection == self.connection
            self.answers.append(self.tea.ack(sender, id_) if acked else message)
        return message

    @initialize()
    def start(self) -> None:
        """Connect to a room that has a past."""
        self.tea.say(BOB, "first", "before Ada")
        self.connect()

    @rule()
    def connect(self) -> None:
        """Lose the connection with all answers, and take the next one."""
        self.ada.lose()
        self.answers.clear()
        self.requests = [(n, one) for n, one in self.requests if isinstance(one, Send)]
        self.member = False
        self.connection += 1
        self.perform(self.ada.join())

    @rule(count=st.integers(1, 5))
    def bob_says(self, count: int) -> None:
        """Somebody else says something."""
        for _ in range(count):
            self.store(BOB, f"b{len(self.tea.numbers)}", "Bob's", None)

    @rule()
    def ada_says(self) -> None:
        """The client says something."""
        self.said.append(f"a{len(self.said)}")
        self.perform(self.ada.say(self.said[-1], "Ada's"))

    @precondition(lambda self: self.requests)
    @rule(pick=anything, lost=st.booleans())
    def serve(self, pick: int, *, lost: bool) -> None:
        """Let a request arrive, or get lost."""
        connection, request = self.requests.pop(pick % len(self.requests))
        if lost:
            return
        match request:
            case Join(since, epoch):
                self.member = True
                self.answers.append(self.tea.joined(ADA, since, epoch))
            case AskHistory(after):
                self.answers.append(self.tea.history(after=after))
            case Send(id_, text, resend):
                known = resend and self.tea.find(ADA, id_)
                if not known:
                    self.store(ADA, id_, text, connection)
                elif connection == self.connection:
                    self.answers.append(self.tea.ack(ADA, id_))

    @precondition(lambda self: self.answers)
    @rule(pick=anything, copies=st.integers(0, 2))
    def arrive(self, pick: int, copies: int) -> None:
        """Let an answer arrive, get lost, or arrive and come again."""
        answer = self.answers.pop(pick % len(self.answers))
        if copies:
            epoch = self.ada.epoch
            self.perform(self.ada.receive(answer))
            if self.ada.epoch != epoch:
                self.starts[answer["epoch"]] = answer["seq"]
        if copies == 2:
            self.answers.append(answer)

    @rule()
    def reorder_timeout(self) -> None:
        """Wait for a hole to fill itself, too long."""
        self.perform(self.ada.on_reorder_timeout())

    @precondition(lambda self: self.ada.asked is not None or self.ada.unsettled)
    @rule()
    def answer_timeout(self) -> None:
        """Wait for an answer, too long."""
        self.perform(self.ada.join())

    @precondition(lambda self: self.tea.seq > 3 and self.tea.epochs < 3)
    @rule()
    def restart(self) -> None:
        """Begin a new epoch."""
        self.tea.restart()

    @precondition(lambda self: set(self.said) == set(self.settled))
    @rule(count=st.integers(1, 4))
    def expire(self, count: int) -> None:
        """Drop the oldest messages; an unsettled one that is gone could not be settled right."""
        for _ in range(min(count, self.tea.seq - self.tea.kept_from + 1)):
            self.expired.add((self.tea.epoch, self.tea.kept_from))
            self.tea.kept_from += 1

    @precondition(lambda self: not self.requests)
    @rule()
    def forget_ids(self) -> None:
        """Let so much time pass that a message sent again would be numbered again."""
        self.tea.numbers = {("gone", f"{n}"): 0 for n in range(len(self.tea.numbers))}

    def teardown(self) -> None:
        """Let all be calm, and find everything there, in order, once."""
        if not self.connection:
            return
        self.store(BOB, "last", "the last word", None)
        for _ in range(2000):
            if self.requests:
                self.serve(0, lost=False)
            elif self.answers:
                self.arrive(0, 1)
            elif self.ada.hole is not None:
                self.reorder_timeout()
            elif self.ada.asked is not None or self.ada.unsettled:
                self.answer_timeout()
            else:
                break
        else:
            raise AssertionError("it never comes to rest")
        self.check()

    def check(self) -> None:
        """Compare what was shown with what was said."""
        assert (self.ada.epoch, self.ada.frontier) == (self.tea.epoch, self.tea.seq)
        assert self.settled == list(dict.fromkeys(self.settled))
        assert set(self.settled) == set(self.said)
        own = [
            message["id"] for message in self.tea.log if message["data"]["userId"] == "id-of-Ada"
        ]
        assert len(own) == len(set(own)), "an own message was numbered twice"
        places = [(message["epoch"], message["seq"]) for message in self.shown]
        assert places == sorted(set(places)), "out of order, or twice"
        for message in self.shown:
            stored = self.logs[message["epoch"]][message["seq"] - 1]
            assert (message["id"], message["data"]["message"]) == (
                stored["id"],
                stored["data"]["message"],
            )
        assert self.ada.gaps.count("epoch") < self.tea.epochs, "a gap that is none"
        if "expired" not in self.ada.gaps:
            assert not self.missing(), "lost in silence"
        assert self.missing() <= self.expired, "lost, though kept"

    def missing(self) -> set[tuple[str, int]]:
        """Messages after the start of an epoch that were not shown, though a later one was."""
        shown = {(message["epoch"], message["seq"]) for message in self.shown}
        newest = {message["epoch"]: message["seq"] for message in self.shown}
        return {
            (epoch, seq)
            for epoch, last in newest.items()
            for seq in range(self.starts[epoch] + 1, last)
        } - shown


TestWay = Way.TestCase
TestWay.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
