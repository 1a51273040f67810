"""Faults at the gateway: their effect on callers, clients and functions, and their repetition."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from websockets.sync.client import connect

from apigw_local.faults import FaultInjector, FaultSettings
from gateway_support.serving import Served
from tests.support.waiting import wait_until

Serve = Callable[..., Served]
POSTS = 30


def posts(served: Served) -> tuple[list[str], list[str]]:
    """Post numbers to a client: how each call ended, and which ones the client got."""
    client, connection_id = served.connected()
    management = served.management()
    outcomes = []
    for number in range(POSTS):
        try:
            management.post_to_connection(ConnectionId=connection_id, Data=f"{number}".encode())
            outcomes.append("ok")
        except ClientError as error:
            outcomes.append(str(error.response["ResponseMetadata"]["HTTPStatusCode"]))
        except ConnectionClosedError:
            outcomes.append("reset")
    management.delete_connection(ConnectionId=connection_id)
    return outcomes, [str(frame) for frame in client]


def test_without_chaos_every_post_arrives(serve: Serve) -> None:
    """Nothing goes wrong, and nothing is counted, unless it was asked for."""
    served = serve()
    assert posts(served) == (["ok"] * POSTS, [f"{number}" for number in range(POSTS)])
    assert not served.gateway.faults.counts


@pytest.mark.parametrize(
    ("fault_settings", "kind", "outcome", "arrives"),
    [
        (FaultSettings(seed=5, throttled_post_rate=0.3), "throttled_post", "429", False),
        (FaultSettings(seed=5, failed_post_rate=0.3), "failed_post", "500", True),
        (FaultSettings(seed=5, reset_post_rate=0.3), "reset_post", "reset", True),
    ],
)
def test_posts_go_wrong_at_their_rate(
    serve: Serve,
    fault_settings: FaultSettings,
    kind: str,
    outcome: str,
    arrives: bool,  # noqa: FBT001 - parametrised
) -> None:
    """A throttled post reaches nobody; one that fails or is reset has reached the client."""
    served = serve(fault_settings=fault_settings)
    outcomes, frames = posts(served)
    assert set(outcomes) == {"ok", outcome}
    assert served.gateway.faults.counts == {kind: outcomes.count(outcome)}
    assert frames == [f"{n}" for n in range(POSTS) if arrives or outcomes[n] == "ok"]
    assert posts(serve(fault_settings=fault_settings)) == (outcomes, frames), (
        "the same seed decided otherwise"
    )


def test_throttled_post_is_a_limit_exceeded(serve: Serve) -> None:
    """The error in botocore is the one of AWS."""
    served = serve(fault_settings=FaultSettings(throttled_post_rate=1))
    _, connection_id = served.connected()
    management = served.management()
    with pytest.raises(management.exceptions.LimitExceededException):
        management.post_to_connection(ConnectionId=connection_id, Data=b"hi")


def test_a_slow_connect_is_not_there_yet(serve: Serve) -> None:
    """`$connect` has run, and posts are answered 410 until the client hears of it."""
    served = serve(fault_settings=FaultSettings(connect_latency_seconds=600))
    with ThreadPoolExecutor(1) as clients:
        client = clients.submit(connect, served.gateway.url, compression=None)
        connection_id = served.event("$connect")["requestContext"]["connectionId"]
        management = served.management()
        with pytest.raises(management.exceptions.GoneException):
            management.post_to_connection(ConnectionId=connection_id, Data=b"hi")
        assert not client.done()
        served.gateway.stop()  # ends the wait, and the client is let in and closed
        with client.result() as open_then:
            assert list(open_then) == []
    assert served.event("$disconnect")["requestContext"]["connectionId"] == connection_id


def test_posts_take_their_latency(serve: Serve) -> None:
    """The client has the frame while the caller still waits for its answer."""
    served = serve(fault_settings=FaultSettings(post_latency_seconds=0.2))
    client, connection_id = served.connected()
    started = time.monotonic()
    served.management().post_to_connection(ConnectionId=connection_id, Data=b"hi")
    assert 0.2 <= time.monotonic() - started < 2
    assert client.recv(timeout=0) == "hi"


def disconnected(served: Served) -> list[bool]:
    """Close clients one after the other: whose `$disconnect` ran."""
    ids = []
    for _ in range(POSTS):
        client, connection_id = served.connected()
        client.close()
        ids.append(connection_id)
    served.gateway.stop()
    seen = set()
    while not served.saw_nothing("$disconnect"):
        seen.add(served.event("$disconnect")["requestContext"]["connectionId"])
    assert served.gateway.faults.lost_disconnects == set(ids) - seen
    return [connection_id in seen for connection_id in ids]


def test_disconnects_get_lost(serve: Serve) -> None:
    """`$disconnect` runs for all but those on record as lost; the same seed loses the same."""
    fault_settings = FaultSettings(seed=1, lost_disconnect_rate=0.4)
    ran = disconnected(serve(fault_settings=fault_settings))
    assert 0 < ran.count(False) < POSTS
    assert disconnected(serve(fault_settings=fault_settings)) == ran
    assert all(disconnected(serve()))


def test_disconnect_comes_late(serve: Serve) -> None:
    """A late `$disconnect` keeps the connection gone meanwhile."""
    served = serve(
        fault_settings=FaultSettings(late_disconnect_rate=1, late_disconnect_seconds=0.3)
    )
    client, connection_id = served.connected()
    client.close()
    closed = time.monotonic()
    management = served.management()
    with pytest.raises(management.exceptions.GoneException):
        management.get_connection(ConnectionId=connection_id)
    served.event("$disconnect")
    assert time.monotonic() - closed > 0.25
    assert served.gateway.faults.counts == {"late_disconnect": 1}


def test_late_disconnect_is_not_lost_when_the_gateway_stops(serve: Serve) -> None:
    """A `$disconnect` that is still late runs when the gateway stops."""
    served = serve(
        fault_settings=FaultSettings(late_disconnect_rate=1, late_disconnect_seconds=600)
    )
    client, _ = served.connected()
    client.close()
    wait_until(lambda: served.gateway.faults.counts["late_disconnect"] == 1)
    assert served.saw_nothing("$disconnect")
    served.gateway.stop()
    assert not served.saw_nothing("$disconnect")


def test_messages_overtake_each_other(serve: Serve) -> None:
    """Invocations start in the order of their seeded delays, not in that of the messages."""
    fault_settings = FaultSettings(seed=124, reorder_seconds=0.5)
    twin = FaultInjector(fault_settings)
    twin.start_delay()  # $connect has the first
    delays = {f"{number}": twin.start_delay() for number in range(4)}
    overtaken = sorted(delays, key=lambda body: delays[body])
    assert overtaken == ["3", "1", "2", "0"], "each 0.1 s apart with this seed"

    served = serve(fault_settings=fault_settings)
    client, _ = served.connected()
    for body in delays:
        client.send(body)
    assert [served.event("$default")["body"] for _ in delays] == overtaken
