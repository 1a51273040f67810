"""The chat through `chalice local`: real sockets, the embedded AWS, nothing replaced."""

from __future__ import annotations

import json
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from chalicelib.adapters.dynamodb.items import member_item, members_pk
from chalicelib.core.limits import HANDSHAKE_SECONDS
from chalicelib.core.model import LOBBY, ApiStage, Connection, ConnectionId, Protocol, User, UserId
from chalicelib.core.shards import WHOLE
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

    from tests.support.application import Fanfare


@pytest.fixture
def table(fanfare: Fanfare) -> DynamoDBClient:
    """The embedded DynamoDB of the running application."""
    return boto3.client("dynamodb", endpoint_url=fanfare.aws_endpoint)


def keys(table: DynamoDBClient) -> set[str]:
    """The sort keys of the lobby's members."""
    answer = table.query(
        TableName="fanfare-dev",
        KeyConditionExpression="pk = :room AND begins_with(sk, :members)",
        ExpressionAttributeValues={
            ":room": {"S": members_pk(LOBBY, WHOLE)},
            ":members": {"S": "M#"},
        },
    )
    return {item["sk"]["S"] for item in answer["Items"]}


@pytest.fixture
def lobby(fanfare: Fanfare, table: DynamoDBClient) -> Iterator[str]:
    """The WebSocket URL of an application whose lobby is empty, and is left empty."""
    wait_until(lambda: not keys(table))
    yield fanfare.websocket_url
    wait_until(lambda: not keys(table))


def say(client: ClientConnection, text: str) -> None:
    """Send one message of the plain form."""
    client.send(json.dumps({"action": "message", "message": text, "type": "chat"}))


def hear(client: ClientConnection) -> Any:
    """Receive one frame."""
    return json.loads(client.recv(timeout=10))


def test_a_plain_client_talks_and_listens(lobby: str) -> None:
    """A client that knows only the URL, one frame to send and `data.data` to show works."""
    with connect(f"{lobby}?username=Ada") as ada, connect(f"{lobby}?username=Bob") as bob:
        say(ada, "hi")
        data = hear(bob)
        assert f"{data['data']['username']}: {data['data']['message']}" == "Ada: hi"
        say(bob, "hello")
        assert hear(ada)["data"]["message"] == "hello"


def test_everyone_else_gets_every_message_once_in_order(lobby: str) -> None:
    """Ten clients, three of them talking: no message lost, doubled, echoed or out of order."""
    with ExitStack() as stack:
        clients = [
            stack.enter_context(connect(f"{lobby}?username=c{number}")) for number in range(10)
        ]
        talkers = clients[:3]
        heard: dict[int, list[str]] = {number: [] for number in range(10)}

        def listen(number: int) -> None:
            expected = 3 * 8 - (8 if number < 3 else 0)
            while len(heard[number]) < expected:
                heard[number].append(hear(clients[number])["data"]["message"])

        threads = [threading.Thread(target=listen, args=(number,)) for number in range(10)]
        for thread in threads:
            thread.start()
        for count in range(8):
            for number, talker in enumerate(talkers):
                say(talker, f"{number}:{count}")
        for thread in threads:
            thread.join(timeout=30)
        for number in range(10):
            others = [str(talker) for talker in range(3) if talker != number]
            texts = sorted(f"{talker}:{count}" for talker in others for count in range(8))
            assert sorted(heard[number]) == texts
        say(talkers[0], "last")
        assert hear(talkers[1])["data"]["message"] == "last"
        with pytest.raises(TimeoutError):
            talkers[0].recv(timeout=0.2)


def test_bad_input_is_answered_and_the_socket_stays_open(lobby: str) -> None:
    """A coded error comes back for a bad frame, and the next good one goes through."""
    with connect(f"{lobby}?username=Ada") as ada, connect(f"{lobby}?username=Bob") as bob:
        for frame, code in (
            ("not json", "bad_json"),
            ('{"action":"dance"}', "unknown_action"),
            ('{"action":"message","message":1}', "bad_frame"),
            (json.dumps({"action": "message", "message": "x" * 20_000}), "too_large"),
        ):
            ada.send(frame)
            assert hear(ada)["code"] == code
        say(ada, "still here")
        assert hear(bob)["data"]["message"] == "still here"


def test_a_frame_above_the_gateways_limit_closes_the_socket(lobby: str) -> None:
    """More than 32 KB in a frame never reaches the function: the gateway closes with 1009."""
    with connect(lobby) as client:
        client.send("x" * 33_000)
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


def test_a_killed_client_is_forgotten(lobby: str, table: DynamoDBClient) -> None:
    """A client whose socket dies without a close frame leaves nothing behind."""
    with connect(f"{lobby}?username=Ada") as ada, connect(f"{lobby}?username=Eve") as eve:
        wait_until(lambda: len(keys(table)) == 2)
        eve.socket.shutdown(2)
        say(ada, "anybody there?")
        wait_until(lambda: len(keys(table)) == 1)


def test_a_connection_that_answers_410_is_forgotten(lobby: str, table: DynamoDBClient) -> None:
    """A post's 410 cleans up the table if `$disconnect` never came."""
    now = int(time.time())
    connection = Connection(
        ConnectionId("AAAAAAAAAAAAAAA="),
        User(UserId("nobody"), "Ghost"),
        Protocol.PLAIN,
        # So long ago that its handshake must be over.
        (now - HANDSHAKE_SECONDS - 1) * 1000,
        ApiStage("local", "local"),
    )
    item = member_item(LOBBY, connection, 0)
    ghost = item["sk"]["S"]
    table.put_item(TableName="fanfare-dev", Item={**item, "expires_at": {"N": str(now + 3600)}})
    with connect(f"{lobby}?username=Ada") as ada:
        wait_until(lambda: len(keys(table)) == 2)
        say(ada, "anybody there?")
        wait_until(lambda: len(keys(table)) == 1)
        assert ghost not in keys(table)
