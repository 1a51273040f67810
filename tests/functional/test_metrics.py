"""Every metric of the catalogue, seen where CloudWatch would read it: in the functions' output."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib import container
from chalicelib.core.ports.meter import Metric
from chalicelib.core.protocol import SUBPROTOCOL
from tests.support import gateway_faults, resources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chalice.test import Client

    from tests.functional.conftest import Lambdas
    from tests.support.management_server import Connections

ADA = "PJqB0fHsqRcCHlw="
BOB = "PJqC1fHsqRcCHlw="
HI = {"action": "message", "room": "tea", "message": "hi"}


def open_both(lambdas: Lambdas) -> None:
    """Let two clients into the room `tea`."""
    for connection_id in (ADA, BOB):
        lambdas.connect(connection_id, None, SUBPROTOCOL)
        lambdas.message(connection_id, {"action": "join", "room": "tea"})
    lambdas.broadcast()


def said(lambdas: Lambdas) -> list[dict[str, Any]]:
    """Let one of them say something, and return the records of the queue."""
    lambdas.message(ADA, HI)
    return lambdas.queued()


def everything_is_well(lambdas: Lambdas, _: Connections) -> None:
    """A message is told, and a client leaves."""
    open_both(lambdas)
    lambdas.invoke_broadcast(said(lambdas))
    lambdas.disconnect(BOB)


def clients_err(lambdas: Lambdas, _: Connections) -> None:
    """A handshake and a frame are refused."""
    lambdas.connect(ADA, {"session": "short"})
    lambdas.message(ADA, "no json")


def a_client_is_gone(lambdas: Lambdas, connections: Connections) -> None:
    """Its socket ended without a `$disconnect`."""
    open_both(lambdas)
    connections.acts[BOB] = [gateway_faults.status(HTTPStatus.GONE)]
    lambdas.invoke_broadcast(said(lambdas))


def a_client_does_not_read(lambdas: Lambdas, connections: Connections) -> None:
    """The gateway answers 429 for it alone; its retries are used up."""
    open_both(lambdas)
    connections.acts[BOB] = [gateway_faults.status(HTTPStatus.TOO_MANY_REQUESTS)] * 30
    lambdas.invoke_broadcast(said(lambdas))
    lambdas.broadcast()


def a_token_is_over(lambdas: Lambdas, _: Connections) -> None:
    """A client speaks long after its token's end."""
    open_both(lambdas)
    table = resources.client("dynamodb")
    key = {"pk": {"S": f"C#{ADA}"}, "sk": {"S": "C"}}
    item = table.get_item(TableName=resources.TABLE, Key=key)["Item"]
    table.put_item(TableName=resources.TABLE, Item=item | {"until": {"N": "1700000000"}})
    lambdas.message(ADA, HI)


def an_answer_gets_lost(lambdas: Lambdas, connections: Connections) -> None:
    """A post is delivered, but its answer is not: it is sent again."""
    open_both(lambdas)
    connections.acts[BOB] = [gateway_faults.reset_after]
    lambdas.invoke_broadcast(said(lambdas))


def a_record_is_no_job(lambdas: Lambdas, _: Connections) -> None:
    """It goes to the dead letters."""
    open_both(lambdas)
    [record] = said(lambdas)
    lambdas.invoke_broadcast([record | {"body": "no job"}])


def the_table_is_away(lambdas: Lambdas, _: Connections) -> None:
    """A room can't be numbered, and its record comes again."""
    open_both(lambdas)
    records = said(lambdas)
    resources.client("dynamodb").delete_table(TableName=resources.TABLE)
    with pytest.raises(Exception, match="come again"):
        lambdas.invoke_broadcast(records)


def the_queue_is_away(lambdas: Lambdas, _: Connections) -> None:
    """Nobody can be told that somebody has left."""
    open_both(lambdas)
    sqs = resources.client("sqs")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=resources.QUEUE)["QueueUrl"])
    lambdas.disconnect(BOB)


def the_gateway_is_asked_too_much(lambdas: Lambdas, connections: Connections) -> None:
    """It answers 429, and the poster of boto3 can't tell for whom."""
    open_both(lambdas)
    connections.acts[BOB] = [gateway_faults.status(HTTPStatus.TOO_MANY_REQUESTS)] * 30
    with pytest.MonkeyPatch.context() as patch, container.fresh():
        patch.setenv("FANFARE_POSTER", "boto3")
        lambdas.invoke_broadcast(said(lambdas))


STORIES: dict[Callable[[Lambdas, Connections], None], set[Metric]] = {
    everything_is_well: {
        Metric.CONNECTIONS_OPENED,
        Metric.CONNECTIONS_CLOSED,
        Metric.MESSAGES_ACCEPTED,
        Metric.QUEUE_WAIT,
        Metric.MESSAGES_NUMBERED,
        Metric.POSTS,
        Metric.DELIVERED,
        Metric.POSTS_PER_MESSAGE,
        Metric.FANOUT_TIME,
        Metric.DELAY,
    },
    clients_err: {Metric.HANDSHAKES_REFUSED, Metric.FRAMES_REFUSED},
    a_client_is_gone: {Metric.GONE},
    a_client_does_not_read: {
        Metric.FAILED,
        Metric.SLOW_CONSUMERS,
        Metric.RETRIES_QUEUED,
        Metric.GIVEN_UP,
    },
    a_token_is_over: {Metric.CONNECTIONS_CUT},
    an_answer_gets_lost: {Metric.POST_RETRIES, Metric.POSSIBLE_DUPLICATES},
    a_record_is_no_job: {Metric.RECORDS_BURIED},
    the_table_is_away: {Metric.RECORDS_DELAYED},
    the_queue_is_away: {Metric.ERRORS_SWALLOWED},
    the_gateway_is_asked_too_much: {Metric.THROTTLED},
}


def titles(metrics: Iterable[Metric]) -> set[str]:
    """Their names in CloudWatch."""
    return {metric.title for metric in metrics}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_story_tells_its_metrics(
    story: Callable[[Lambdas, Connections], None],
    client: Client,  # noqa: ARG001 - keeps the resources
    lambdas: Lambdas,
    connections: Connections,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Events of clients, posts and records are counted under their own names."""
    story(lambdas, connections)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line]
    seen = {name for line in lines if "_aws" in line for name in line}
    assert titles(STORIES[story]) <= seen


def test_no_metric_is_without_a_story() -> None:
    """The catalogue holds nothing that is never emitted; cold starts depend on the process."""
    told = set().union(*STORIES.values())
    assert set(Metric) - told == {Metric.COLD_STARTS}
