"""The rates of an account: of new connections, and of all requests."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus

from apigw_local.gateway import Quotas
from apigw_local.gateway.quotas import Throttle, TokenBucket
from gateway_support.serving import WAIT_SECONDS, Served

Serve = Callable[..., Served]

UNKNOWN = "AAAAAAAAAAAAAAA="


def few(burst: int) -> Quotas:
    """Limits that let so many requests pass, and hardly any after them."""
    return Quotas(requests_per_second=0.001, requests_burst=burst)


@settings(deadline=None)
@given(
    rate=st.floats(0, 1000),
    burst=st.integers(1, 20),
    gaps=st.lists(st.floats(0, 1), max_size=100),
)
def test_no_more_pass_than_burst_and_rate_allow(rate: float, burst: int, gaps: list[float]) -> None:
    """In any stretch of time at most the burst passes, and what flows in meanwhile."""
    bucket = TokenBucket(rate, burst, 0)
    now = 0.0
    passed: list[float] = []
    for gap in gaps:
        now += gap
        if bucket.take(now):
            passed.append(now)
        stretches = (now - first for first in passed)
        for number, seconds in enumerate(stretches):
            assert len(passed) - number <= burst + rate * seconds + 1e-6


@settings(deadline=None)
@given(rate=st.integers(1, 1000), burst=st.integers(1, 20), count=st.integers(1, 200))
def test_a_steady_rate_is_never_refused(rate: int, burst: int, count: int) -> None:
    """Requests no faster than the rate always pass, after a burst too."""
    bucket = TokenBucket(rate, burst, 0)
    assert all(bucket.take(0) for _ in range(burst))
    assert not bucket.take(0)
    assert all(bucket.take((number + 1) * 1.001 / rate) for number in range(count))


def test_rates_are_those_of_aws() -> None:
    """500 connect at once, and 5,000 requests pass, the connects among them."""
    throttle = Throttle(Quotas(), 0)
    assert sum(throttle.admits_connection(0) for _ in range(600)) == 500
    assert sum(throttle.admits_request(0) for _ in range(6_000)) == 4_500
    assert sum(throttle.admits_connection(0.1) for _ in range(600)) == 50
    assert sum(throttle.admits_request(0.1) for _ in range(6_000)) == 950


@pytest.mark.parametrize(
    "quotas",
    [
        Quotas(new_connections_per_second=0.001, new_connections_burst=2),
        few(2),
    ],
    ids=["new connections", "requests"],
)
def test_throttled_upgrade_is_429(serve: Serve, quotas: Quotas) -> None:
    """One connect too many is refused with 429 and runs no function; the others go on."""
    served = serve(quotas=quotas)
    clients = [served.connected()[0] for _ in range(2)]
    with pytest.raises(InvalidStatus) as refused:
        served.connect()
    assert refused.value.response.status_code == 429
    assert json.loads(refused.value.response.body) == {"message": "Too Many Requests"}
    assert served.saw_nothing("$connect")
    assert all(client.ping().wait(WAIT_SECONDS) for client in clients)


def test_throttled_message_is_an_error_frame(serve: Serve) -> None:
    """A message too many reaches no function, and closes nothing, which is inferred."""
    served = serve(quotas=few(3))
    client, connection_id = served.connected()
    for _ in range(3):
        client.send("hello")
    frame = json.loads(client.recv(timeout=WAIT_SECONDS))
    assert (frame["message"], frame["connectionId"]) == ("Too Many Requests", connection_id)
    assert client.ping().wait(WAIT_SECONDS)
    served.stop()
    assert [served.event("$default")["body"] for _ in range(2)] == ["hello"] * 2
    assert served.saw_nothing("$default")


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.post_to_connection(ConnectionId=UNKNOWN, Data=b"hello"),
        lambda client: client.get_connection(ConnectionId=UNKNOWN),
        lambda client: client.delete_connection(ConnectionId=UNKNOWN),
    ],
    ids=["post", "get", "delete"],
)
def test_throttled_call_is_limit_exceeded(serve: Serve, call: Callable[[Any], Any]) -> None:
    """Messages and calls of all kinds share one rate; beyond it botocore raises."""
    served = serve(quotas=few(3))
    client, _ = served.connected()
    client.send("hello")
    served.event("$default")
    management = served.management()
    with pytest.raises(management.exceptions.GoneException):
        management.get_connection(ConnectionId=UNKNOWN)
    with pytest.raises(management.exceptions.LimitExceededException) as limited:
        call(management)
    assert limited.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
