"""One room of a client: performs what its timeline asks for, and keeps its timers."""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from fanfare_client.effects import AskHistory, Deliver, Gap, Join, Rejected, Send, Settle
from fanfare_client.timeline import State, Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable

    from fanfare_client.effects import Effect, Frame
    from fanfare_client.socket import Timing

HISTORY_LIMIT: Final = 100
QUESTIONS: Final = {"history": "history", "who": "who", "left": "leave"}
"""The action that each type of answer belongs to."""


class ClientError(Exception):
    """A client can't do what it was asked."""


class RefusedError(ClientError):
    """The server refused a frame for good; `code` is the protocol's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Watch:
    """Calls back when one and the same thing has been waited for too long."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._key: Hashable = None
        self._timer: asyncio.TimerHandle | None = None

    def on(self, key: Hashable, seconds: float) -> None:
        """Wait for that, or for nothing (None); what is waited for already keeps its start."""
        if key == self._key:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._key, self._timer = key, None
        if key is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._fire)

    def _fire(self) -> None:
        self._key = self._timer = None
        self._call()


class Room:
    """One room that a client has joined, or is joining.

    Attributes:
        entered: set once the server has answered the first join, or `error` tells why not.
        error: why this room is of no more use; None while it is.
    """

    def __init__(
        self,
        name: str,
        timing: Timing,
        send: Callable[[Frame], None],
        publish: Callable[[Frame], None],
    ) -> None:
        self.name = name
        self.timeline = Timeline(name)
        self.entered = asyncio.Event()
        self.error: ClientError | None = None
        self._timing = timing
        self._send = send
        self._publish = publish
        self._member = asyncio.Event()
        self._settled: dict[str, asyncio.Future[int]] = {}
        # One question of a kind at a time, since an answer does not say what it answers.
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._answers: dict[str, asyncio.Future[Frame]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._reorder = Watch(lambda: self._perform(self.timeline.on_reorder_timeout()))
        self._answer, self._ack, self._pause = Watch(self.join), Watch(self.join), Watch(self.join)

    def join(self) -> None:
        """Join, or join again to catch up."""
        if self.error is None:
            self._perform(self.timeline.join())

    def resumption(self) -> Frame:
        """Return the frame that joins over another connection, while this one goes on."""
        return self._join_frame(self.timeline.frontier, self.timeline.epoch)

    def join_later(self, seconds: float) -> None:
        """Join again after a pause, since the server could not do something now."""
        self._pause.on("pause", seconds)

    def lose(self) -> None:
        """Note that the connection is gone."""
        self.timeline.lose()
        self._perform([])
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(TimeoutError())

    def close(self, error: ClientError) -> None:
        """End it: whoever still waits here gets the error."""
        self.error = error
        self.lose()
        self.entered.set()
        for settled in self._settled.values():
            if not settled.done():
                settled.set_exception(error)
        for task in self._tasks:
            task.cancel()

    def receive(self, frame: Frame) -> None:
        """Take one object of this room from the server."""
        self._answer_question(frame)
        self._perform(self.timeline.receive(frame))
        if frame["type"] in ("presence", "signal"):
            self._publish(frame)

    def learn(self, epoch: str, seq: int) -> None:
        """Take how far the room has come."""
        self._perform(self.timeline.learn(epoch, seq))

    async def say(self, text: str) -> int:
        """Send a message, and return its seq when it is settled.

        Raises:
            RefusedError: the server refused it for good.
            OutboxFullError: too many wait already.
        """
        self._check()
        id_ = secrets.token_urlsafe(9)
        effects = self.timeline.say(id_, text)
        settled: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._settled[id_] = settled
        self._perform(effects)
        try:
            return await settled
        finally:
            del self._settled[id_]

    async def ask(self, action: str, **fields: object) -> Frame:
        """Ask until there is an answer, over as many connections as it takes.

        Raises:
            RefusedError: the server refused the question for good.
        """
        while True:
            await self._member.wait()
            self._check()
            with suppress(TimeoutError):
                return await self._ask_once(action, **fields)

    def _check(self) -> None:
        if self.error is not None:
            raise self.error

    async def _ask_once(self, action: str, **fields: object) -> Frame:
        async with self._turns[action]:
            answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
            self._answers[action] = answer
            self._send({"action": action, "room": self.name, **fields})
            async with asyncio.timeout(self._timing.answer):
                return await answer

    def _answer_question(self, frame: Frame) -> None:
        match frame:
            case {"type": "error", "retry": "never", "action": str(action)}:
                answer: Frame | RefusedError = RefusedError(frame["code"], frame["message"])
            case {"type": str(kind)} if kind in QUESTIONS:
                action, answer = QUESTIONS[kind], frame
            case _:
                return
        waiting = self._answers.get(action)
        if waiting is None or waiting.done():
            return
        if isinstance(answer, RefusedError):
            waiting.set_exception(answer)
        else:
            waiting.set_result(answer)

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Join(since, epoch):
                    self._send(self._join_frame(since, epoch))
                case AskHistory(after):
                    self._spawn(self._read_on(after))
                case Send(id_, text, resend):
                    frame = {"action": "message", "room": self.name, "message": text, "id": id_}
                    self._send({**frame, "resend": True} if resend else frame)
                case Deliver(message):
                    self._publish(message)
                case Gap(reason):
                    self._publish({"type": "gap", "room": self.name, "reason": reason})
                case Settle(id_, seq) if id_ in self._settled and not self._settled[id_].done():
                    self._settled[id_].set_result(seq)
                case Rejected(id_, code, message):
                    self._reject(id_, RefusedError(code, message))
        self._follow()

    def _reject(self, id_: str | None, error: RefusedError) -> None:
        if id_ is None:
            self.close(error)
        elif id_ in self._settled and not self._settled[id_].done():
            self._settled[id_].set_exception(error)

    def _follow(self) -> None:
        """Bring the timers and the waiting in line with the timeline."""
        timeline, timing = self.timeline, self._timing
        away = timeline.state is State.AWAY
        self._reorder.on(timeline.hole, timing.reorder)
        self._answer.on(timeline.asked, timing.answer)
        self._ack.on(None if away else timeline.unsettled, timing.answer)
        if away:
            self._pause.on(None, 0)
        if self.error is not None:
            self._member.set()
        elif timeline.state in (State.AWAY, State.JOINING):
            self._member.clear()
        else:
            self._member.set()
            self.entered.set()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read_on(self, after: int) -> None:
        # An answer that does not come is the timeline's affair: it will be asked again.
        with suppress(TimeoutError, RefusedError):
            await self._ask_once("history", after=after, limit=HISTORY_LIMIT)

    def _join_frame(self, since: int | None, epoch: str | None) -> Frame:
        frame: Frame = {"action": "join", "room": self.name}
        return frame if epoch is None else {**frame, "since": since, "epoch": epoch}
