"""What can go wrong on AWS, made to happen here: how often, and decided anew at each occasion."""

from __future__ import annotations

import random
import threading
from collections import Counter
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class Chaos:
    """The faults to inject: none by default, but for what AWS may do at any time.

    Attributes:
        seed: the same seed gives the same decisions, kind by kind, in the order of occasions.
        connect_latency_seconds: how much later a client hears what `$connect` has decided. Until
            then the connection does not exist, and posts to it are answered 410.
        reserved_routes: whether a message whose value is `$connect` or `$disconnect` selects that
            route. The route with "the routeKey exactly matching the evaluated value" is used, says
            the page, and makes no exception; nobody has shown it. If not, it selects `$default`.
            https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-routes.html
        post_latency_seconds: how much later calls of `@connections` are answered.
        throttled_post_rate: the share of posts that are answered 429, the client getting nothing.
        failed_post_rate: the share of the others that are answered 500 although the client gets
            them, so that a caller that tries again delivers twice.
        reset_post_rate: the share of the rest whose TCP connection is reset instead of an
            answer, although the client gets them.
        lost_disconnect_rate: the share of connections whose `$disconnect` never runs. Its
            delivery is best effort:
            https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html
        late_disconnect_rate: the share of the others whose `$disconnect` runs late.
        late_disconnect_seconds: how late; at once when the gateway stops.
        duplicate_delivery_rate: the share of a queue's batches that come again after the
            function has succeeded, as when the deletion of a batch fails. Batches with a record
            that has come before are left alone.
            https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
        delayed_delivery_rate: the share of a queue's batches that reach the function late.
        delayed_delivery_seconds: how late; their visibility timeouts run meanwhile.
        reorder_seconds: up to how much later each invocation starts, so that the messages of
            one connection overtake each other.
        report_batch_item_failures: whether queues are read with `ReportBatchItemFailures`.
            Lambda ignores an answer's `batchItemFailures`, and deletes the whole batch, unless
            the mapping was made with it, which Chalice does not offer.
        stop_recursive_loops: whether a batch at the end of a chain of 16 invocations of its
            function is kept from it, as Lambda does unless the function allows recursion; it
            comes again until it is a dead letter.
            https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
        frozen: whether handlers run in processes that stand still between invocations, so that
            what a handler leaves running goes on only with the next one.
            https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
    """

    seed: int = 0
    connect_latency_seconds: float = 0
    reserved_routes: bool = True
    post_latency_seconds: float = 0
    throttled_post_rate: float = 0
    failed_post_rate: float = 0
    reset_post_rate: float = 0
    lost_disconnect_rate: float = 0
    late_disconnect_rate: float = 0
    late_disconnect_seconds: float = 5
    duplicate_delivery_rate: float = 0
    delayed_delivery_rate: float = 0
    delayed_delivery_seconds: float = 5
    reorder_seconds: float = 0
    report_batch_item_failures: bool = False
    stop_recursive_loops: bool = False
    frozen: bool = False


NO_CHAOS = Chaos()


class PostFault(Enum):
    """What becomes of a post that has gone wrong."""

    THROTTLED = "throttled_post"
    FAILED = "failed_post"
    RESET = "reset_post"


class Faults:
    """Decides what goes wrong, occasion by occasion; others carry it out.

    Each kind of fault draws from random numbers of its own, so that the decisions of one kind
    don't depend on how often another is asked. Safe to use from any thread.

    Attributes:
        chaos: what it decides by.
        counts: how often each kind was decided on, e.g. `{"reset_post": 3}`.
        lost_disconnects: the ids of connections whose `$disconnect` was lost.
    """

    def __init__(self, chaos: Chaos = NO_CHAOS) -> None:
        self.chaos = chaos
        self.counts: Counter[str] = Counter()
        self.lost_disconnects: set[str] = set()
        self._streams: dict[str, random.Random] = {}
        self._lock = threading.Lock()

    def post(self) -> PostFault | None:
        """Decide what becomes of a post, None for what should."""
        chaos = self.chaos
        if self._strikes("throttled_post", chaos.throttled_post_rate):
            return PostFault.THROTTLED
        if self._strikes("failed_post", chaos.failed_post_rate):
            return PostFault.FAILED
        if self._strikes("reset_post", chaos.reset_post_rate):
            return PostFault.RESET
        return None

    def loses_disconnect(self, connection_id: str) -> bool:
        """Decide whether a connection's `$disconnect` is lost."""
        lost = self._strikes("lost_disconnect", self.chaos.lost_disconnect_rate)
        if lost:
            self.lost_disconnects.add(connection_id)
        return lost

    def disconnect_delay(self) -> float:
        """Decide how late a `$disconnect` that is not lost runs, in seconds."""
        late = self._strikes("late_disconnect", self.chaos.late_disconnect_rate)
        return self.chaos.late_disconnect_seconds if late else 0

    def repeats_delivery(self) -> bool:
        """Decide whether a batch that was processed comes again."""
        return self._strikes("duplicate_delivery", self.chaos.duplicate_delivery_rate)

    def delivery_delay(self) -> float:
        """Decide how late a batch reaches its function, in seconds."""
        late = self._strikes("delayed_delivery", self.chaos.delayed_delivery_rate)
        return self.chaos.delayed_delivery_seconds if late else 0

    def start_delay(self) -> float:
        """Decide how late an invocation starts, in seconds."""
        if not self.chaos.reorder_seconds:
            return 0
        return self._draw("reorder") * self.chaos.reorder_seconds

    def _strikes(self, kind: str, rate: float) -> bool:
        if not rate:
            return False
        strikes = self._draw(kind) < rate
        if strikes:
            with self._lock:
                self.counts[kind] += 1
        return strikes

    def _draw(self, kind: str) -> float:
        with self._lock:
            if kind not in self._streams:
                name = f"{self.chaos.seed} {kind}"
                self._streams[kind] = random.Random(name)  # noqa: S311 - repeatable is the point
            return self._streams[kind].random()
