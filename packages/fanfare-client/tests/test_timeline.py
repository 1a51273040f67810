"""A client ends with every message of its room, in order, once, whatever the way does to them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client_support.protocol_room import ProtocolRoom, user
from fanfare_client.effects import AskHistory, Deliver, Gap, Join, Rejected, Send, Settle
from fanfare_client.timeline import OUTBOX_LIMIT, OutboxFullError, Timeline

ADA, BOB = user("Ada"), user("Bob")


class Tea(ProtocolRoom):
    """A room where Bob talks."""

    def hear(self, count: int = 1) -> list[dict[str, object]]:
        """Let Bob say something, and return the messages."""
        numbers = range(self.seq + 1, self.seq + 1 + count)
        said = [self.say(BOB, f"b{number}", f"text {number}") for number in numbers]
        return [message for message in said if message is not None]


@pytest.fixture
def tea() -> Tea:
    """A room with ten old messages."""
    room = Tea()
    room.hear(10)
    return room


@pytest.fixture
def timeline(tea: Tea) -> Timeline:
    """Ada's side of it; she joined at 10."""
    ada = Timeline("tea")
    ada.join()
    ada.receive(tea.joined(ADA))
    return ada


def seqs(timeline: Timeline) -> list[int]:
    """The numbers of what was delivered."""
    return [message["seq"] for message in timeline.delivered]


def test_a_first_join_asks_for_no_replay_and_starts_at_its_number(tea: Tea) -> None:
    """Everything up to `joined.seq` is history, which is not delivered."""
    ada = Timeline("tea")
    assert ada.join() == [Join(None, None)]
    assert ada.receive(tea.joined(ADA)) == []
    assert (ada.epoch, ada.frontier) == (tea.epoch, 10)


def test_the_next_message_is_delivered_and_its_copy_is_not(tea: Tea, timeline: Timeline) -> None:
    """A seq up to the frontier is a duplicate."""
    (message,) = tea.hear()
    assert timeline.receive(message) == [Deliver(message)]
    assert timeline.receive(message) == []


def test_live_messages_wait_for_the_joined_that_covers_them(tea: Tea) -> None:
    """A message that overtakes `joined` is delivered after it, or dropped if it is covered."""
    ada = Timeline("tea")
    ada.join()
    joined = tea.joined(ADA)
    (live,) = tea.hear()
    assert ada.receive(tea.log[9]) == []
    assert ada.receive(live) == []
    assert ada.receive(joined) == [Deliver(live)]


def test_live_messages_wait_on_a_later_connection_too(tea: Tea, timeline: Timeline) -> None:
    """Messages of a new connection are delivered as soon as its `joined` is there."""
    timeline.lose()
    timeline.join()
    joined = tea.joined(ADA, 10, tea.epoch)
    (live,) = tea.hear()
    assert timeline.receive(live) == []
    assert timeline.receive(joined) == [Deliver(live)]


def test_a_hole_is_held_open_and_then_filled_from_history(tea: Tea, timeline: Timeline) -> None:
    """After the reorder wait, and not before, history is asked for what is above the frontier."""
    first, second, third = tea.hear(3)
    assert timeline.receive(third) == []
    assert (timeline.hole, timeline.asked) == (10, None)
    assert timeline.on_reorder_timeout() == [AskHistory(10)]
    assert (timeline.hole, timeline.asked) == (None, 10)
    assert timeline.receive(tea.history(after=10)) == [
        Deliver(first),
        Deliver(second),
        Deliver(third),
    ]
    assert timeline.asked is None


def test_a_hole_that_fills_itself_asks_for_nothing(tea: Tea, timeline: Timeline) -> None:
    """Reordering alone costs no request."""
    first, second = tea.hear(2)
    timeline.receive(second)
    assert timeline.receive(first) == [Deliver(first), Deliver(second)]
    assert timeline.on_reorder_timeout() == []


def test_a_long_absence_is_read_page_by_page(tea: Tea, timeline: Timeline) -> None:
    """`more` is followed by pages until `joined.seq` is reached, and own messages wait so long."""
    timeline.lose()
    timeline.say("a1", "back")
    tea.hear(7)
    assert timeline.join() == [Join(10, tea.epoch)]
    assert timeline.receive(tea.joined(ADA, 10, tea.epoch))[-1] == AskHistory(13)
    assert timeline.receive(tea.history(after=13))[-1] == AskHistory(16)
    assert timeline.receive(tea.history(after=16))[-1] == Send("a1", "back", resend=False)
    assert seqs(timeline) == list(range(11, 18))


def test_what_has_expired_is_a_gap_and_the_rest_follows(tea: Tea, timeline: Timeline) -> None:
    """The client says that there is a gap, keeps what it holds of it, and goes on after it."""
    tea.hear(9)
    timeline.receive(tea.log[12])
    tea.kept_from = 15
    timeline.lose()
    timeline.join()
    effects = timeline.receive(tea.joined(ADA, 10, tea.epoch))
    assert effects[0] == Gap("expired")
    assert effects[-1] == AskHistory(17)
    timeline.receive(tea.history(after=17))
    assert seqs(timeline) == [13, 15, 16, 17, 18, 19]
    assert timeline.receive(tea.joined(ADA, 10, tea.epoch)) == []
    assert timeline.gaps == ["expired"]


def test_an_absence_longer_than_all_history_is_one_gap(tea: Tea, timeline: Timeline) -> None:
    """With nothing kept, the client goes on above `joined.seq`."""
    tea.hear(5)
    tea.kept_from = 16
    timeline.lose()
    timeline.join()
    assert timeline.receive(tea.joined(ADA, 10, tea.epoch)) == [Gap("expired")]
    assert timeline.receive(tea.hear()[0])[0] == Deliver(tea.log[-1])


def test_history_that_starts_above_the_hole_makes_the_client_join_again(
    tea: Tea, timeline: Timeline
) -> None:
    """A page does not say what it answers, so whether something expired is asked with `join`."""
    tea.hear(5)
    timeline.receive(tea.log[-1])
    timeline.on_reorder_timeout()
    tea.kept_from = 13
    assert timeline.receive(tea.history(after=10)) == [Join(10, tea.epoch)]
    timeline.receive(tea.joined(ADA, 10, tea.epoch))
    assert seqs(timeline) == [13, 14, 15]
    assert timeline.gaps == ["expired"]


def test_another_epoch_is_asked_about_and_then_begun(tea: Tea, timeline: Timeline) -> None:
    """The new epoch's first messages wait for the `joined` that tells of it."""
    old = tea.epoch
    tea.restart()
    joined = tea.joined(ADA, 10, old)
    live, later = tea.hear(2)
    assert timeline.receive(live) == [Join(10, old)]
    assert timeline.receive(later) == []
    assert timeline.receive(joined) == [Gap("epoch"), Deliver(live), Deliver(later)]


def test_an_old_answer_does_not_bring_the_old_epoch_back(tea: Tea, timeline: Timeline) -> None:
    """A `joined` of another epoch counts only if it says that the epoch is the reason."""
    old = tea.joined(ADA)
    tea.restart()
    timeline.join()
    timeline.receive(tea.joined(ADA, 10, old["epoch"]))
    assert timeline.receive(old) == [Join(0, tea.epoch)]
    assert timeline.receive(tea.joined(ADA, 0, tea.epoch)) == []
    assert timeline.gaps == ["epoch"]


def test_a_second_joined_does_not_hide_what_is_missing(tea: Tea, timeline: Timeline) -> None:
    """A late answer to a first join moves no frontier; what it shows to be missing is asked for."""
    tea.hear(2)
    assert timeline.receive(tea.joined(ADA)) == [AskHistory(10)]


def test_an_ack_stands_for_the_message_at_its_place(tea: Tea, timeline: Timeline) -> None:
    """One's own message comes as an ack, is settled at once, and delivered in the room's order."""
    assert timeline.say("a1", "hi") == [Send("a1", "hi", resend=False)]
    (before,) = tea.hear()
    tea.say(ADA, "a1", "hi")
    assert timeline.receive(tea.ack(ADA, "a1")) == [Settle("a1", 12)]
    assert [type(effect) for effect in timeline.receive(before)] == [Deliver, Deliver]
    own = timeline.delivered[-1]
    assert own["data"] == {"type": "chat", "message": "hi", **ADA}
    assert timeline.receive(tea.ack(ADA, "a1")) == []


def test_a_replay_settles_before_anything_is_sent_again(tea: Tea, timeline: Timeline) -> None:
    """Only what the replay does not show is sent again, as `resend`, and the rest after it."""
    for name in ("a1", "a2", "a3"):
        timeline.say(name, name)
    stored = tea.say(ADA, "a2", "a2")
    timeline.lose()
    timeline.join()
    assert timeline.receive(tea.joined(ADA, 10, tea.epoch)) == [
        Settle("a2", 11),
        Deliver(stored or {}),
        Send("a1", "a1", resend=True),
    ]
    tea.say(ADA, "a1", "a1")
    assert timeline.receive(tea.ack(ADA, "a1"))[-1] == Send("a3", "a3", resend=False)


def test_a_duplicate_settles_too(tea: Tea, timeline: Timeline) -> None:
    """An own message below the frontier is not delivered, but it is settled."""
    timeline.say("a1", "hi")
    tea.say(ADA, "a1", "hi")
    timeline.frontier = 11
    assert timeline.receive(tea.log[-1]) == [Settle("a1", 11)]


def test_somebody_elses_id_settles_nothing(tea: Tea, timeline: Timeline) -> None:
    """Ids are scoped by their user."""
    timeline.say("a1", "hi")
    message = tea.say(BOB, "a1", "not Ada's")
    assert timeline.receive(message or {}) == [Deliver(message or {})]
    assert timeline.unsettled == "a1"


def test_an_ack_of_an_unknown_message_is_a_hole(tea: Tea, timeline: Timeline) -> None:
    """A message sent before a leave comes as an ack only, so its text is read from history."""
    message = tea.say(ADA, "a1", "hi")
    assert timeline.receive(tea.ack(ADA, "a1")) == []
    assert timeline.on_reorder_timeout() == [AskHistory(10)]
    assert timeline.receive(tea.history(after=10)) == [Deliver(message or {})]


def test_a_pong_that_is_ahead_shows_a_hole(tea: Tea, timeline: Timeline) -> None:
    """A room's newest messages can be missed without a later one to tell."""
    assert timeline.learn(tea.epoch, 10) == []
    assert timeline.hole is None
    tea.hear()
    timeline.learn(tea.epoch, 11)
    assert timeline.on_reorder_timeout() == [AskHistory(10)]
    assert timeline.learn("another", 1) == [Join(10, tea.epoch)]


def test_an_overdue_message_is_sent_again_after_a_join(tea: Tea, timeline: Timeline) -> None:
    """On an open connection, too, the replay comes first; meanwhile new messages wait."""
    timeline.say("a1", "hi")
    assert timeline.join() == [Join(10, tea.epoch)]
    assert timeline.say("a2", "ho") == []
    assert timeline.receive(tea.joined(ADA, 10, tea.epoch)) == [
        Send("a1", "hi", resend=True),
    ]


def test_own_messages_are_sent_one_at_a_time(tea: Tea, timeline: Timeline) -> None:
    """The next one waits for the number of the one before, so that they keep their order."""
    assert timeline.say("a1", "one") == [Send("a1", "one", resend=False)]
    assert timeline.say("a2", "two") == []
    tea.say(ADA, "a1", "one")
    assert timeline.receive(tea.ack(ADA, "a1"))[-1] == Send("a2", "two", resend=False)


def error(code: str, **names: str) -> dict[str, object]:
    """An error that is for good."""
    return {"type": "error", "code": code, "message": "No.", "retry": "never", **names}


def test_a_refusal_for_good_settles(timeline: Timeline) -> None:
    """A message that will always be refused is given up, and nothing else is."""
    timeline.say("a1", "hi")
    refusal = error("too_large", action="message", id="a1")
    assert timeline.receive({**refusal, "retry": "later"}) == []
    assert timeline.receive(refusal) == [Rejected("a1", "too_large", "No.")]
    assert timeline.unsettled is None


def test_a_refused_join_is_told() -> None:
    """The room can be refused as well as a message."""
    ada = Timeline("tea")
    ada.join()
    refusal = error("too_many_rooms", action="join")
    assert ada.receive(refusal) == [Rejected(None, "too_many_rooms", "No.")]


def test_a_member_that_the_server_has_lost_joins_again(tea: Tea, timeline: Timeline) -> None:
    """`not_joined` in a joined room means that messages are being missed."""
    assert timeline.receive(error("not_joined", action="signal")) == [Join(10, tea.epoch)]


def test_the_outbox_is_bounded(timeline: Timeline) -> None:
    """A sender that outruns the server is told, instead of filling the memory."""
    for number in range(OUTBOX_LIMIT):
        timeline.say(f"a{number}", "hi")
    with pytest.raises(OutboxFullError, match="wait for some"):
        timeline.say("more", "hi")


@given(data=st.data(), own=st.sets(st.integers(1, 12)), since=st.integers(0, 12))
def test_any_order_and_any_copies_end_the_same(
    data: st.DataObject, own: set[int], since: int
) -> None:
    """Once all of a room's frames have come, everything is there, in order, once."""
    tea, ada = ProtocolRoom(page=12), Timeline("tea")
    for _ in range(since):
        tea.say(BOB, f"b{tea.seq}", "old")
    ada.join()
    ada.receive(tea.joined(ADA))
    for number in sorted(own):
        ada.say(f"a{number}", f"text {number}")
    ada.lose()
    ada.join()
    joined_at = data.draw(st.integers(0, 12), label="numbered before the second join")
    frames = []
    for number in range(1, 13):
        if number == joined_at + 1:
            frames.append(tea.joined(ADA, since, tea.epoch))
        sender, id_ = (ADA, f"a{number}") if number in own else (BOB, f"c{number}")
        message = tea.say(sender, id_, f"text {number}")
        assert message is not None
        if number > joined_at:
            frames.append(tea.ack(ADA, id_) if number in own else message)
    if joined_at == 12:
        frames.append(tea.joined(ADA, since, tea.epoch))
    copies = data.draw(st.lists(st.sampled_from(frames)), label="copies")
    effects = [
        effect
        for frame in data.draw(st.permutations(frames + copies), label="arrival")
        for effect in ada.receive(frame)
    ]
    assert seqs(ada) == list(range(since + 1, since + 13))
    assert [m["data"]["message"] for m in ada.delivered] == [f"text {n}" for n in range(1, 13)]
    assert {e.id for e in effects if isinstance(e, Settle)} == {f"a{number}" for number in own}
    assert (ada.unsettled, ada.hole, ada.gaps) == (None, None, [])
