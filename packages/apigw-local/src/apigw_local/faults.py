"""Fault injection: settings, and the decision on each occasion."""

from __future__ import annotations

import random
import threading
from collections import Counter
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class FaultSettings:
    """Settings of fault injection: none by default, but for what AWS may do at any time.

    Attributes:
        seed: the same seed gives the same decisions, kind by kind, in the order of occasions.
        connect_latency_seconds: the delay of `$connect`'s answer to the client. Until
            then the connection does not exist, and posts to it are answered 410.
        reserved_routes: whether a message whose value is `$connect` or `$disconnect` selects that
            route. The route with "the routeKey exactly matching the evaluated value" is used, says
            the page, and makes no exception; nobody has shown it. If not, it selects `$default`.
            https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-routes.html
        post_latency_seconds: the delay of answers to calls of `@connections`.
        throttled_post_rate: the share of posts that are answered 429, the client getting nothing.
        failed_post_rate: the share of the others that are answered 500 although the client gets
            them, so that a caller that tries again delivers twice.
        reset_post_rate: the share of the rest whose TCP connection is reset instead of an
            answer, although the client gets them.
        lost_disconnect_rate: the share of connections whose `$disconnect` never runs. Its
            delivery is best effort:
            https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html
        late_disconnect_rate: the share of the others whose `$disconnect` runs late.
        late_disconnect_seconds: its delay; at once when the gateway stops.
        duplicate_delivery_rate: the share of a queue's batches that come again after the
            function has succeeded, as when the deletion of a batch fails. Batches with a record
            that has come before are left alone.
            https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
        delayed_delivery_rate: the share of a queue's batches that reach the function late.
        delayed_delivery_seconds: their delay; visibility timeouts run meanwhile.
        reorder_seconds: the greatest delay of an invocation's start, so that the messages of
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


NO_FAULTS = FaultSettings()


class PostFault(Enum):
    """Faults of a post."""

    THROTTLED = "throttled_post"
    FAILED = "failed_post"
    RESET = "reset_post"


class FaultInjector:
    """Injector of faults: decides on each occasion; its callers carry the decision out.

    Each kind of fault draws from random numbers of its own, so that the decisions of one kind
    don't depend on how often another is asked. Safe to use from any thread.

    Attributes:
        settings: the settings in force.
        counts: injected faults by kind, e.g. `{"reset_post": 3}`.
        lost_disconnects: the ids of connections whose `$disconnect` was lost.
    """

    def __init__(self, fault_settings: FaultSettings = NO_FAULTS) -> None:
        self.settings = fault_settings
        self.counts: Counter[str] = Counter()
        self.lost_disconnects: set[str] = set()
        self._streams: dict[str, random.Random] = {}
        self._lock = threading.Lock()

    def post(self) -> PostFault | None:
        """Decide on the fault of a post, None for a post without one."""
        settings = self.settings
        if self._strikes("throttled_post", settings.throttled_post_rate):
            return PostFault.THROTTLED
        if self._strikes("failed_post", settings.failed_post_rate):
            return PostFault.FAILED
        if self._strikes("reset_post", settings.reset_post_rate):
            return PostFault.RESET
        return None

    def loses_disconnect(self, connection_id: str) -> bool:
        """Decide whether a connection's `$disconnect` is lost."""
        lost = self._strikes("lost_disconnect", self.settings.lost_disconnect_rate)
        if lost:
            self.lost_disconnects.add(connection_id)
        return lost

    def disconnect_delay(self) -> float:
        """Decide on the delay of a `$disconnect` that is not lost, in seconds."""
        late = self._strikes("late_disconnect", self.settings.late_disconnect_rate)
        return self.settings.late_disconnect_seconds if late else 0

    def repeats_delivery(self) -> bool:
        """Decide whether a batch that was processed comes again."""
        return self._strikes("duplicate_delivery", self.settings.duplicate_delivery_rate)

    def delivery_delay(self) -> float:
        """Decide on the delay of a batch, in seconds."""
        late = self._strikes("delayed_delivery", self.settings.delayed_delivery_rate)
        return self.settings.delayed_delivery_seconds if late else 0

    def start_delay(self) -> float:
        """Decide on the delay of an invocation's start, in seconds."""
        if not self.settings.reorder_seconds:
            return 0
        return self._draw("reorder") * self.settings.reorder_seconds

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
                name = f"{self.settings.seed} {kind}"
                self._streams[kind] = random.Random(name)  # noqa: S311 - repeatable is the point
            return self._streams[kind].random()
