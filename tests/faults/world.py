"""Everything together: clients, gateway, functions, queue and table, moved one call at a time."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from chalicelib.adapters.auth.anonymous import AnonymousAuthenticator
from chalicelib.core.errors import BatchError, UnavailableError
from chalicelib.core.events import EventType, GatewayEvent, QueueEvent, RequestContext
from chalicelib.core.fanout import Fanout
from chalicelib.core.identity import Identity, Rights
from chalicelib.core.limits import Limits
from chalicelib.core.model import ConnectionId, RoomId, User, UserId
from chalicelib.core.protocol import SUBPROTOCOL
from chalicelib.service.runtime import Runtime
from chalicelib.service.use_cases import Adapters, UseCases
from tests.faults.client import Client
from tests.faults.lambdas import Invocation, Killed
from tests.faults.services import FifoQueue, Gateway, Socket
from tests.support.fake_meter import FakeMeter

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.core.events import QueueRecord
    from chalicelib.core.ports.authenticator import HandshakeCredentials
    from chalicelib.core.ports.store import Store

ROOMS = ("tea", "coffee")
START = 1_795_543_903.0
REMAINING = 30.0
WINDOW = 40
"""Messages among which the queue looks for work; SQS looks at 120,000."""

UNLIMITED = Limits(frames=1e6, joins=1e6, user_frames=0)
"""Here the clock stands still for as long as a history goes on."""


class TrustingAuthenticator:
    """Takes a token for what it says: a user, and the rooms that the user may join."""

    def __init__(self, new_id: Callable[[], str], clock: Callable[[], float]) -> None:
        self._anonymous = AnonymousAuthenticator(lambda: UserId(new_id()))
        self._clock = clock

    def authenticate(self, credentials: HandshakeCredentials) -> Identity:
        """See `Authenticator`; whoever shows no token may moderate everywhere."""
        if credentials.token is None:
            identity = self._anonymous.authenticate(credentials)
            return replace(identity, rights=Rights(moderate=("*",)))
        user_id, _, granted = credentials.token.partition(" ")
        user = User(UserId(user_id), "whoever")
        return Identity(user, Rights(join=tuple(granted.split())), int(self._clock()) + 3600)


class World:
    """The whole system over one store.

    Attributes:
        invocations: the functions that run, each held after one of its AWS calls.
        store: the store that the functions use; every call of it is announced.
        observer: the same store, for looking at it without being held.
    """

    def __init__(
        self,
        make_store: Callable[[Callable[[], float]], tuple[Store, Store]],
        fanout: Fanout = Fanout(),  # noqa: B008 - frozen
        limits: Limits = UNLIMITED,
    ) -> None:
        self.now = START
        self.store, self.observer = make_store(lambda: self.now)
        self.queue = FifoQueue(lambda: self.now, WINDOW)
        self.gateway = Gateway(self._on_message)
        self.clients: list[Client] = []
        self.invocations: list[Invocation] = []
        self._ids = itertools.count(1)
        self._moment = itertools.count(1)
        self._of: dict[ConnectionId, list[Invocation]] = {}
        self._numbered: dict[tuple[str, int], int] = {}
        self._left: dict[tuple[ConnectionId, str], int] = {}
        self._wire(fanout, limits)

    def _wire(self, fanout: Fanout, limits: Limits) -> None:
        self.meter = FakeMeter()
        runtime = Runtime(self.meter, lambda: self.now, self._new_id, lambda _: None)
        authenticator = TrustingAuthenticator(self._new_id, lambda: self.now)
        adapters = Adapters(self.store, self.queue, lambda _: self.gateway, authenticator)
        # Two containers, each with a cache of its own: which one a batch meets is chance.
        self.containers = [
            UseCases(adapters, runtime, limits=limits, fanout=fanout) for _ in range(2)
        ]

    def _new_id(self) -> str:
        return f"id-{next(self._ids)}"

    # What clients do

    def new_client(self) -> Client:
        """Let somebody come, with a connection."""
        client = Client(f"c{len(self.clients)}", self._frame)
        self.clients.append(client)
        self.connect(client)
        return client

    def connect(self, client: Client) -> None:
        """Open a connection; `$connect` returns before anything else can happen on it."""
        connection_id = ConnectionId(f"{client.name}-{next(self._ids)}=")
        event = GatewayEvent(
            self._context(connection_id),
            headers={"Sec-WebSocket-Protocol": SUBPROTOCOL},
            query_string_parameters={"username": client.name, "session": client.session},
        )
        self._start(lambda: self.containers[0].connect.handle(event)).finish()
        self.tidy()
        self.gateway.sockets[connection_id] = Socket()
        client.open(connection_id)

    def drop(self, client: Client, *, told: bool) -> None:
        """Cut a connection; whether `$disconnect` comes of it is another matter."""
        if client.connection is None:
            return
        event = GatewayEvent(self._context(client.connection))
        del self.gateway.sockets[client.connection]
        client.lose()
        if told:
            self._start(lambda: self.containers[0].disconnect.handle(event))

    def leave(self, client: Client, room: str) -> None:
        """Leave a room in peace: with nothing of one's own on the way, which could come later."""
        timeline = client.timelines.get(room)
        if client.connection is None or timeline is None or timeline.asked is not None:
            return
        connection_id = client.connection
        if any(not one.over for one in self._of.get(connection_id, [])):
            return
        client.leave(room)
        self._start_leave(connection_id, room)

    def may_join(self, client: Client, room: str) -> bool:
        """Whether a client may join: not while its leave is on the way."""
        return client.connection is not None and room not in client.leaving

    def read(self, client: Client, place: int) -> None:
        """Let a client read one of the objects that have arrived; they may overtake each other."""
        inbox = self.inbox(client)
        if inbox:
            client.read(inbox.pop(place % len(inbox)))

    def inbox(self, client: Client) -> list[Any]:
        """Frames that have arrived at a client unread."""
        return self.gateway.sockets[client.connection].inbox if client.connection else []

    # What functions do

    def work(self, container: int, most: int) -> Invocation | None:
        """Let a broadcast begin with a batch from the queue, if there is one."""
        records = self.queue.receive(most)
        if not records:
            return None
        return self._start(lambda: self._invoke_broadcast(container, records))

    def requests(self) -> list[Invocation]:
        """The functions that serve clients, rather than the queue."""
        ours = {one for of in self._of.values() for one in of if not one.over}
        return [one for one in self.invocations if one in ours]

    def step(self, invocation: Invocation, error: BaseException | None = None) -> None:
        """Let an invocation go on to its next AWS call, or let the last one fail."""
        invocation.resume(error)
        if invocation.at == "UpdateItem":
            self._observe_numbers()
        self.tidy()

    def finish(self, invocation: Invocation) -> None:
        """Let an invocation run to its end."""
        while not invocation.over:
            self.step(invocation)

    def kill(self, invocation: Invocation) -> None:
        """Let an invocation die where it stands."""
        self.step(invocation, Killed())

    def tidy(self) -> None:
        """Put away what is over, and make sure that it ended as a function may."""
        for invocation in [one for one in self.invocations if one.over]:
            self.invocations.remove(invocation)
            if not isinstance(invocation.error, None | Killed | BatchError | UnavailableError):
                raise invocation.error

    def settle(self, *, ping: bool) -> None:
        """Let everything heal: no more faults, every client back, every timer run out.

        With `ping`, clients ask whether the newest messages have passed them by. That is for posts
        that failed too often, and must not be needed for anything else.

        Raises:
            AssertionError: it does not come to rest.
        """
        self.gateway.failures.clear()
        for client in self.clients:
            if client.connection is None:
                self.connect(client)
        for _ in range(60):
            self.run_all()
            for client in self.clients:
                while inbox := self.inbox(client):
                    client.read(inbox.pop(0))
            if self._at_rest():
                return
            self.now += 1
            for client in self.clients:
                client.wait()
                if ping:
                    client.ping()
        raise AssertionError("it does not come to rest")

    def run_all(self) -> None:
        """Let every function run to its end, and the queue run dry."""
        while self.invocations or not self.queue.empty():
            for invocation in list(self.invocations):
                self.finish(invocation)
            self.tidy()
            self.queue.time_out()
            self.work(0, 10)

    def _at_rest(self) -> bool:
        for client in self.clients:
            for room, timeline in client.timelines.items():
                head = self.observer.head(RoomId(room))
                behind = timeline.frontier < head.seq or timeline.epoch != head.epoch
                if behind or timeline.unsettled or timeline.asked is not None:
                    return False
        return not self.invocations and self.queue.empty()

    def _invoke_broadcast(self, container: int, records: list[QueueRecord]) -> None:
        self.containers[container].broadcast.handle(QueueEvent(records), REMAINING)
        # The event source mapping deletes what a function has returned from without an error.
        self.queue.delete(records)

    def _frame(self, connection_id: ConnectionId, body: str) -> None:
        frame = json.loads(body)
        if frame["action"] == "join":
            self._left.pop((connection_id, frame["room"]), None)
        if connection_id in self.gateway.sockets and frame["action"] != "leave":
            event = GatewayEvent(self._context(connection_id), body=body)
            self._start(lambda: self.containers[0].message.handle(event), connection_id)

    def _start_leave(self, connection_id: ConnectionId, room: str) -> None:
        body = json.dumps({"action": "leave", "room": room})
        event = GatewayEvent(self._context(connection_id), body=body)

        def run() -> None:
            if self.containers[0].message.handle(event) is None:
                self._left[connection_id, room] = next(self._moment)

        self._left.pop((connection_id, room), None)
        self._start(run, connection_id)

    def _start(
        self, run: Callable[[], object], connection_id: ConnectionId | None = None
    ) -> Invocation:
        invocation = Invocation(run)
        self.invocations.append(invocation)
        if connection_id:
            self._of.setdefault(connection_id, []).append(invocation)
        return invocation

    def _context(self, connection_id: ConnectionId) -> RequestContext:
        return RequestContext(
            event_type=EventType.MESSAGE,
            connection_id=connection_id,
            api_id="a1b2c3d4e5",
            stage="api",
            connected_at=int(self.now * 1000),
        )

    def _observe_numbers(self) -> None:
        for room in ROOMS:
            head = self.observer.head(RoomId(room))
            for seq in range(head.seq, 0, -1):
                if (room, seq) in self._numbered:
                    break
                self._numbered[room, seq] = next(self._moment)

    def _on_message(self, connection_id: ConnectionId, message: Any) -> None:
        left = self._left.get((connection_id, message["room"]))
        numbered = self._numbered[message["room"], message["seq"]]
        assert left is None or numbered < left, "posted to somebody who had left before"
