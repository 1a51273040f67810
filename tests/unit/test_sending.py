"""Sending over connections and HTTP: messages with their time, and only if the room keeps up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest
from msgspec.structs import replace

from chalicelib.core import protocol
from chalicelib.core.auth_settings import AuthMode, AuthSettings
from chalicelib.core.errors import Code, FrameError
from chalicelib.core.identity import Identity, Rights
from chalicelib.core.jobs import MessageJob, SignalJob
from chalicelib.core.limits import LIMITS
from chalicelib.core.model import Message, RoomId, User, UserId, Wait
from chalicelib.core.numbering import assign_numbers
from chalicelib.core.ports.meter import Metric
from chalicelib.core.protocol import ReadHistory, Say, Signal
from chalicelib.core.room_update import SignalSent
from chalicelib.service.backlog import MESSAGES_WAIT, SIGNALS_WAIT
from chalicelib.service.history import RoomReader
from chalicelib.service.runtime import Runtime
from chalicelib.service.use_cases import Adapters, UseCases
from tests.support.builders import START, connection
from tests.support.fake_meter import FakeMeter
from tests.support.fakes import MemoryJobQueue, MemoryPoster, MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.core.ports.authenticator import HandshakeCredentials

TEA = RoomId("tea")
NOW = START + 0.7285
MILLISECONDS = 1_795_543_903_728
OPERATOR = User(UserId("operator"), "Operator")


class Scene:
    """Ada in a room, and what she and a program say there."""

    def __init__(self) -> None:
        self.store = MemoryStore(lambda: NOW)
        self.job_queue, self.poster, self.meter = MemoryJobQueue(), MemoryPoster(), FakeMeter()
        runtime = Runtime(self.meter, lambda: NOW, lambda: "new")
        adapters = Adapters(self.store, self.job_queue, lambda _: self.poster, self)
        # Any mode but the anonymous one lets servers publish.
        self.use_cases = UseCases(adapters, runtime, auth=AuthSettings(AuthMode.HS256))
        self.store.add(connection("1"))
        self.ada, self.head = self.store.join(connection("1"), TEA)

    def authenticate(self, credentials: HandshakeCredentials) -> Identity:  # noqa: ARG002 - the port's
        """See `Authenticator`."""
        return Identity(OPERATOR, Rights(moderate=("*",)))

    def waited(self, *, messages: int = 0, signals: int = 0) -> None:
        """Note how long the newest records have waited."""
        self.store.note_signals(TEA, Wait(signals, MILLISECONDS))
        message = Message("0", TEA, "chat", "hi", OPERATOR, None, 0)
        after = assign_numbers(self.head, {}, [message]).head
        noted = replace(after, numbering=Wait(messages, MILLISECONDS))
        assert self.store.advance(TEA, self.head, noted)


@pytest.fixture
def scene() -> Scene:
    """Ada in a room."""
    return Scene()


def test_a_message_is_queued_as_it_was_said(scene: Scene) -> None:
    """With the moment in milliseconds, whose it is, and where its connection is reached."""
    ada = scene.ada
    assert scene.use_cases.message_sender.say(ada, Say(message="hi", room="tea", id="7")) is None
    message = Message(
        "7", TEA, "chat", "hi", ada.user, ada.id, MILLISECONDS, api_stage=ada.api_stage
    )
    assert scene.job_queue.jobs == [MessageJob(TEA, message.key, message)]
    assert scene.meter.values[Metric.MESSAGES_ACCEPTED] == [1]


def test_a_message_without_an_id_gets_one(scene: Scene) -> None:
    """Each a new one, so that nothing that was said twice counts as once."""
    scene.use_cases.message_sender.say(scene.ada, Say(message="hi", room="tea"))
    [job] = scene.job_queue.jobs
    assert isinstance(job, MessageJob)
    assert job.message.id == "new"


def test_a_signal_is_queued_as_it_was_sent(scene: Scene) -> None:
    """With the moment in milliseconds, by which it gets old."""
    scene.use_cases.message_sender.signal(
        scene.ada, Signal(room="tea", data=msgspec.Raw(b'{"typing":true}'))
    )
    sent = SignalSent('{"typing":true}', scene.ada.user, scene.ada.id, MILLISECONDS)
    assert scene.job_queue.jobs == [SignalJob(TEA, "new", sent)]


def test_a_published_message_is_queued_with_its_moment(scene: Scene) -> None:
    """It has no sender, and so no API to post an ack through."""
    assert (
        scene.use_cases.http_publisher.publish("token", "tea", '{"message":"hi","id":"7"}') == "7"
    )
    message = Message("7", TEA, "chat", "hi", OPERATOR, None, MILLISECONDS)
    assert scene.job_queue.jobs == [MessageJob(TEA, message.key, message)]


def test_a_notice_tells_its_moment(scene: Scene) -> None:
    """To the millisecond."""
    assert scene.use_cases.user_notifier.notify("token", "ada", '{"message":"hi"}') == ("new", 1)
    [notice] = map(json.loads, scene.poster.received[scene.ada.id])
    assert notice["timestamp"] == protocol.timestamp(MILLISECONDS)
    assert notice["timestamp"].endswith("43.728Z")


def test_a_room_that_cannot_keep_up_is_told_nothing_more(scene: Scene) -> None:
    """Neither over a connection nor otherwise; its signals go on, as they wait elsewhere."""
    scene.waited(messages=MESSAGES_WAIT + 500)
    calls: list[Callable[[], object]] = [
        lambda: scene.use_cases.message_sender.say(scene.ada, Say(message="hi", room="tea")),
        lambda: scene.use_cases.http_publisher.publish("token", "tea", '{"message":"hi"}'),
    ]
    for call in calls:
        with pytest.raises(FrameError) as refusal:
            call()
        assert (refusal.value.code, refusal.value.retry_after) == (
            Code.SLOW_DOWN,
            (MESSAGES_WAIT + 500) / 1000,
        )
    assert scene.job_queue.jobs == []
    scene.use_cases.message_sender.signal(scene.ada, Signal(room="tea", data=msgspec.Raw(b"1")))
    assert len(scene.job_queue.jobs) == 1


def test_signals_that_cannot_be_told_in_time_are_refused(scene: Scene) -> None:
    """Messages of the same room are taken."""
    scene.waited(signals=SIGNALS_WAIT + 500)
    with pytest.raises(FrameError) as refusal:
        scene.use_cases.message_sender.signal(scene.ada, Signal(room="tea", data=msgspec.Raw(b"1")))
    assert (refusal.value.code, refusal.value.retry_after) == (Code.SLOW_DOWN, 1.5)
    scene.use_cases.message_sender.say(scene.ada, Say(message="hi", room="tea"))
    assert len(scene.job_queue.jobs) == 1


def test_what_has_its_number_is_acknowledged_even_if_the_room_is_late(scene: Scene) -> None:
    """A resend is answered from history; nothing is queued for it."""
    again = Say(message="hi", room="tea", id="7", resend=True)
    scene.use_cases.message_sender.say(scene.ada, again)
    [job] = scene.job_queue.jobs
    assert isinstance(job, MessageJob)
    numbering = assign_numbers(scene.head, {}, [job.message])
    scene.store.append(numbering.fresh)
    late = replace(numbering.head, numbering=Wait(60_000, MILLISECONDS))
    assert scene.store.advance(TEA, scene.head, late)
    ack = scene.use_cases.message_sender.say(scene.ada, again)
    assert ack is not None
    assert (ack.id, ack.seq, ack.epoch) == ("7", 1, scene.head.epoch)
    assert scene.job_queue.jobs == [job]


def test_a_resend_that_has_no_number_yet_is_queued_again(scene: Scene) -> None:
    """As the same job to the queue, which drops it while it has the first."""
    for resend in (False, True):
        assert (
            scene.use_cases.message_sender.say(scene.ada, Say("hi", "tea", id="7", resend=resend))
            is None
        )
    first, second = scene.job_queue.jobs
    assert (first.id, first.group) == (second.id, second.group)


def test_no_history_is_read_beyond_the_head() -> None:
    """A message that a worker appended before it died has no number yet, and is not shown."""
    scene = Scene()
    message = Message("0", TEA, "chat", "hi", OPERATOR, None, MILLISECONDS)
    told = assign_numbers(scene.head, {}, [message])
    scene.store.append(told.fresh)
    read = RoomReader(scene.store, lambda *_: None, LIMITS.page).history
    assert read(scene.ada, ReadHistory("tea")).messages == []
    scene.store.advance(TEA, scene.head, told.head)
    assert len(read(scene.ada, ReadHistory("tea")).messages) == 1
