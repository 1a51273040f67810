"""Least privilege: each function may do what it does, and nothing else."""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from chalicelib import container, settings
from chalicelib.adapters.auth.names import user_of_subject
from chalicelib.adapters.dynamodb.items import head_key
from chalicelib.core.identity import GRACE_SECONDS
from chalicelib.core.model import RoomId
from chalicelib.core.protocol import SUBPROTOCOL
from chalicelib.graph import Graph
from infra import policies
from tests.functional.conftest import Lambdas, standing_clock
from tests.functional.issued import want_tokens
from tests.functional.test_publish import Desk
from tests.support import gateway_faults
from tests.support.jwt_issuer import ISSUER, shared
from tests.support.project import PROJECT
from tests.support.resources import TABLE
from tests.support.resources import client as aws_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalice.test import Client, HTTPResponse

    from tests.support.management_server import Connections

ADA, BOB, PLAIN = "PJqB0fHsqRcCHlw=", "PJqC1fHsqRcCHlw=", "PJqE3fHsqRcCHlw="
FUNCTIONS = {
    "on_ws_connect": "websocket_connect",
    "on_ws_message": "websocket_message",
    "on_ws_disconnect": "websocket_disconnect",
    "broadcast": "broadcast",
    "page": "api_handler",
}
# What IAM calls a batch of calls.
ACTIONS = {
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
}

Use = tuple[str, str]
"""An IAM action, and the resource that it is used on, as the end of an ARN."""


def lambdas_own(function: str) -> set[Use]:
    """Calls of Lambda in a function's name, beside it: logging, and reading its queue.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    """
    # Chalice leaves the HTTP function's own name out.
    suffix = "" if function == "api_handler" else f"-{function}"
    log = f"log-group:/aws/lambda/fanfare-dev{suffix}:*"
    own = {("logs:CreateLogStream", log), ("logs:PutLogEvents", log)}
    if function == "broadcast":
        own |= {
            (f"sqs:{action}", "fanfare-dev.fifo")
            for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
        }
    return own


def allowed(function: str) -> set[Use]:
    """Grants of a function's policy file."""
    document = json.loads((PROJECT / f".chalice/policy-dev-{function}.json").read_text())
    uses: set[Use] = set()
    for statement in document["Statement"]:
        assert statement["Effect"] == "Allow"
        actions, resource = statement["Action"], statement["Resource"].split(":", 5)[5]
        uses |= {(one, resource) for one in ([actions] if isinstance(actions, str) else actions)}
    return uses


class Recorder:
    """Chalice's test client, each invocation in a new container, noting what it uses.

    Attributes:
        uses: what each function has used, by Chalice's names.
        throttled: whether the table takes no batches.
    """

    def __init__(
        self, client: Client, connections: Connections, clock: Callable[[], float]
    ) -> None:
        self.uses: defaultdict[str, set[Use]] = defaultdict(set)
        self.throttled = False
        self.lambda_ = self.http = self
        self._client = client
        self._connections = connections
        self._clock = clock

    def invoke(self, name: str, event: dict[str, Any]) -> Any:
        """Invoke a function."""
        with self._container(FUNCTIONS[name]):
            return self._client.lambda_.invoke(name, event)

    def post(self, path: str, **request: Any) -> HTTPResponse:
        """Post something to the HTTP function."""
        with self._container("api_handler"):
            return self._client.http.post(path, **request)

    def get(self, path: str) -> int:
        """Ask the HTTP function for a path; return the status."""
        with self._container("api_handler"):
            status: int = self._client.http.get(path).status_code
            return status

    @contextmanager
    def _container(self, function: str) -> Iterator[None]:
        uses, posts = self.uses[function], len(self._connections.requests)
        graph = Graph(settings.load(), self._clock)
        self._listen(graph, uses)
        with container.fresh(graph):
            try:
                yield
            finally:
                uses |= {
                    ("execute-api:ManageConnections", f"*/api/{request.method}/@connections/*")
                    for request in self._connections.requests[posts:]
                }

    def _listen(self, graph: Graph, uses: set[Use]) -> None:
        def note(params: dict[str, Any], model: Any, **_: object) -> None:
            service = model.service_model.service_name
            uses.update(
                (f"{service}:{ACTIONS.get(model.name, model.name)}", resource)
                for resource in resources(params)
            )

        def refuse(**_: Any) -> Any:
            return AWSResponse("", 200, HTTPHeaders(), None), {"UnprocessedItems": {"all": "of it"}}

        for client in (graph.dynamodb, graph.sqs):
            client.meta.events.register("before-parameter-build", note)
        later = graph._session.get_component("event_emitter")
        later.register("before-parameter-build.ssm", note)
        if self.throttled:
            graph.dynamodb.meta.events.register("before-call.dynamodb.BatchWriteItem", refuse)


def resources(params: dict[str, Any]) -> Iterator[str]:
    """The resources that a call is about."""
    if "Name" in params:
        yield f"parameter{params['Name']}"
    if "TableName" in params:
        yield f"table/{params['TableName']}"
    yield from (f"table/{name}" for name in params.get("RequestItems", {}))
    if "QueueName" in params:
        yield params["QueueName"]
    if "QueueUrl" in params:
        yield params["QueueUrl"].rpartition("/")[2]


def go_everywhere(lambdas: Lambdas, recorder: Recorder, connections: Connections) -> None:
    """Lead every function along every one of its ways to AWS."""

    def say(**frame: object) -> None:
        lambdas.message(ADA, {"room": "tea", **frame})

    lambdas.connect(PLAIN)
    for connection_id in (ADA, BOB):
        lambdas.connect(connection_id, None, SUBPROTOCOL)
        lambdas.message(connection_id, {"action": "join", "room": "tea"})
        lambdas.broadcast()
    for frame in (
        {"action": "message", "message": "hi", "id": "1"},
        {"action": "message", "message": "hi", "id": "1", "resend": True},
        {"action": "signal", "data": 1},
        {"action": "history"},
        {"action": "who"},
        {"action": "ping"},
        {"action": "nonsense"},
    ):
        say(**frame)
        lambdas.broadcast()
    connections.acts[BOB] = [lambda exchange: exchange.reset()] * 9
    say(action="message", message="BOB has to be told again", id="2")
    lambdas.broadcast()

    say(action="message", message="can't be numbered", id="3")
    lambdas.message(PLAIN, {"action": "message", "message": "hi", "type": "chat"})
    say(action="signal", room="lobby", data=1)
    records = lambdas.queued()
    recorder.throttled = True
    broken = {**records[0], "messageId": "broken", "body": "no job"}
    with pytest.raises(Exception, match="come again"):
        lambdas.invoke_broadcast([broken, *records])
    recorder.throttled = False

    lambdas.disconnect(BOB)  # while somebody is left to be told
    say(action="leave")
    lambdas.disconnect(PLAIN)


def go_where_rooms_are_large(lambdas: Lambdas) -> None:
    """Lead the functions along the ways of a room that counts as spread over shards."""
    for room, members, offer in (("lobby", (PLAIN,), None), ("large", (ADA, BOB), SUBPROTOCOL)):
        for connection_id in members:
            lambdas.connect(connection_id, None, offer)
            lambdas.message(connection_id, {"action": "join", "room": room})
        aws_client("dynamodb").update_item(
            TableName=TABLE,
            Key=head_key(RoomId(room)),
            UpdateExpression="SET spread = :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
    lambdas.disconnect(PLAIN)
    lambdas.connect(PLAIN)
    lambdas.disconnect(PLAIN)
    for action in ("leave", "join", "who", "message"):
        lambdas.message(ADA, {"action": action, "room": "large", "message": "hi"})
    lambdas.broadcast()
    for connection_id in (ADA, BOB):
        lambdas.disconnect(connection_id)
    lambdas.broadcast()


def show_tokens(
    lambdas: Lambdas,
    recorder: Recorder,
    connections: Connections,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Lead the functions along the ways that only tokens, moderators and floods open."""
    want_tokens(monkeypatch)
    monkeypatch.setenv("FANFARE_USER_FRAMES_PER_SECOND", "1000")
    connections.ill.clear()
    desk = Desk(lambdas, connections, recorder)  # type: ignore[arg-type]  # all that it uses
    moderator = {"fanfare": {"moderate": ["*"]}}
    desk.enter(ADA, "tea", sub="ada", **moderator)
    desk.enter(BOB, "tea", sub="bob")
    lambdas.connect(PLAIN, None, shared(sub="plain"))
    for room, subject in (("tea", "bob"), ("lobby", "plain")):
        for act in ("mute", "ban", "kick"):
            user_id = user_of_subject(ISSUER, subject)
            desk.chat.send(ADA, action=act, room=room, userId=user_id, seconds=60)
    lambdas.connect(PLAIN, None, shared(sub="plain"))  # who is banned, and is forgotten
    desk.chat.say(ADA, "to be deleted")
    epoch = desk.chat.answer(ADA, action="join", room="tea")["epoch"]
    desk.chat.send(ADA, action="delete", room="tea", seq=1, epoch=epoch)
    lambdas.broadcast()
    desk.publish({"message": "fair"})
    desk.notify(user_of_subject(ISSUER, "ada"), {"message": "a word"})

    desk.chat.send(ADA, action="renew", token=shared(sub="ada", fanfare={"join": []}))
    desk.enter(BOB, "tea", sub="cat")
    desk.enter(ADA, "tea", sub="ada")
    desk.age(BOB, -GRACE_SECONDS)
    desk.chat.say(ADA, "past somebody's time")
    monkeypatch.setenv("FANFARE_CONNECTIONS_PER_USER", "1")
    connections.acts[ADA] = [gateway_faults.status(HTTPStatus.GONE)] * 3
    desk.connect(PLAIN, shared(sub="ada"))
    monkeypatch.setenv("FANFARE_FRAMES_PER_SECOND", "0.1")
    monkeypatch.setenv("FANFARE_ABUSE_SECONDS", "1")
    for _ in range(9):
        desk.chat.send(PLAIN, action="ping")


@pytest.fixture
def clock() -> Callable[[], float]:
    """A clock that stands still: where records wait for long, frames are refused."""
    return standing_clock()


@pytest.fixture
def recorder(
    client: Client,
    connections: Connections,
    clock: Callable[[], float],
    monkeypatch: pytest.MonkeyPatch,
) -> Recorder:
    """Calls of all functions, on all of their ways."""
    recorder = Recorder(client, connections, clock)
    lambdas = Lambdas(recorder, clock)  # type: ignore[arg-type]  # all of the client that it uses
    go_everywhere(lambdas, recorder, connections)
    go_where_rooms_are_large(lambdas)
    monkeypatch.setenv("FANFARE_LEAF", "1")  # so that two members are shared among workers
    for connection_id in (ADA, BOB):
        lambdas.connect(connection_id, None, SUBPROTOCOL)
        lambdas.message(connection_id, {"action": "join", "room": "coffee"})
    lambdas.broadcast()
    connections.ill[BOB] = HTTPStatus.GONE
    lambdas.message(ADA, {"action": "message", "room": "coffee", "message": "hi"})
    lambdas.broadcast()
    for path in ("/", "/page/app.js", "/client/fanfare.js", "/config.json", "/health"):
        assert recorder.get(path) == HTTPStatus.OK
    show_tokens(lambdas, recorder, connections, monkeypatch)
    return recorder


def test_each_policy_grants_what_its_function_uses_and_nothing_else(recorder: Recorder) -> None:
    """Every call that botocore made, and every post, is granted; every grant was used."""
    for function in FUNCTIONS.values():
        assert recorder.uses[function] | lambdas_own(function) == allowed(function), function


@pytest.mark.parametrize("function", FUNCTIONS.values())
def test_prod_grants_the_same_on_its_own_resources(function: str) -> None:
    """The two stages' policies differ in their names alone, so what was tried on one holds."""
    dev, prod = (
        (PROJECT / f".chalice/policy-{stage}-{function}.json").read_text()
        for stage in ("dev", "prod")
    )
    assert dev.replace("fanfare-dev", "fanfare-prod") == prod


def test_every_function_has_a_policy_of_its_own() -> None:
    """None is left to the policy that Chalice would make for all of them together."""
    config = json.loads((PROJECT / ".chalice/config.json").read_text())
    assert config["autogen_policy"] is False
    for name, stage in config["stages"].items():
        files = {key: value["iam_policy_file"] for key, value in stage["lambda_functions"].items()}
        assert files == {key: f"policy-{name}-{key}.json" for key in FUNCTIONS.values()}


def test_a_policy_is_narrowed_to_one_account_region_and_api() -> None:
    """No wildcard is left but the connection's id and the log's streams."""
    place = policies.Place("aws", "eu-central-1", "123456789012", "a1b2c3")
    assert place.narrow("arn:*:execute-api:*:*:*/api/POST/@connections/*") == (
        "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3/api/POST/@connections/*"
    )
    assert place.narrow("arn:*:dynamodb:*:*:table/fanfare-dev") == (
        "arn:aws:dynamodb:eu-central-1:123456789012:table/fanfare-dev"
    )
    assert place.narrow("arn:*:ssm:*:*:parameter/fanfare-dev/secret") == (
        "arn:aws:ssm:eu-central-1:123456789012:parameter/fanfare-dev/secret"
    )
