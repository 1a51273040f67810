"""The app's Lambda functions, without a gateway."""

import threading
from typing import Any

import pytest
from chalice.app import Chalice, SQSEvent, WebsocketEvent
from chalice.config import Config

from apigw_local.lambda_.functions import Function, Functions
from apigw_local.lambda_.invocation import FunctionError


def functions(app: Chalice, **config: Any) -> Functions:
    """The app's functions in the stage `dev`."""
    return Functions(app, Config(config_from_disk={"app_name": "chat", **config}))


def function(handler: Any, **config: Any) -> Function:
    """An SQS function; Chalice hands its result on as it is."""
    app = Chalice("chat")
    app.on_sqs_message(queue="jobs.fifo", name="work")(handler)
    return functions(app, **config).sqs()[0].function


def test_sources_are_those_of_the_decorators() -> None:
    """Queues come by name or ARN, with the decorator's batch size and concurrency."""
    app = Chalice("chat")

    @app.on_sqs_message(queue="jobs.fifo", batch_size=10, maximum_concurrency=5)
    def work(event: SQSEvent) -> None: ...

    @app.on_sqs_message(queue_arn="arn:aws:sqs:us-east-1:123456789012:other", name="renamed")
    def other(event: SQSEvent) -> None: ...

    found = functions(app, lambda_functions={"work": {"lambda_timeout": 30}}).sqs()
    assert [(s.function.name, s.queue, s.batch_size, s.maximum_concurrency) for s in found] == [
        ("work", "jobs.fifo", 10, 5),
        ("renamed", "arn:aws:sqs:us-east-1:123456789012:other", 1, None),
    ]
    assert [source.function.timeout for source in found] == [30, 60]


def test_websocket_functions_have_their_deployed_names() -> None:
    """A route's function goes by Chalice's name for it, whatever the handler is called."""
    app = Chalice("chat")

    @app.on_ws_connect()
    def hello(event: WebsocketEvent) -> None: ...

    found = functions(app)
    connect = found.websocket("$connect")
    assert connect is not None
    assert connect.name == "websocket_connect"
    assert found.websocket("$default") is None


def test_context_is_that_of_lambda() -> None:
    """The context names the deployed function and counts down its timeout."""
    contexts: list[Any] = []

    def work(event: SQSEvent) -> None:
        contexts.append(event.context)

    worker = function(work, lambda_timeout=10, lambda_memory_size=512)
    for _ in range(2):
        worker.invoke({"Records": []}).result(5)
    first, second = contexts
    assert first.function_name == "chat-dev-work"
    assert first.memory_limit_in_mb == 512
    assert first.invoked_function_arn == (
        "arn:aws:lambda:us-east-1:123456789012:function:chat-dev-work"
    )
    assert 9_000 < first.get_remaining_time_in_millis() <= 10_000
    assert first.aws_request_id != second.aws_request_id


def test_event_and_result_pass_through_json() -> None:
    """The handler gets a copy, and its result is what JSON makes of it."""
    event = {"Records": [], "numbers": (1, 2)}

    def work(seen: SQSEvent) -> Any:
        seen.to_dict()["Records"].append("changed")
        return {1: (seen.to_dict()["numbers"],)}

    assert function(work).invoke(event).result(5) == {"1": [[1, 2]]}
    assert event == {"Records": [], "numbers": (1, 2)}


def test_exception_becomes_function_error(caplog: pytest.LogCaptureFixture) -> None:
    """The error carries the traceback, which is logged too."""

    def work(event: SQSEvent) -> None:
        raise ValueError(len(list(event)))

    with pytest.raises(FunctionError, match="ValueError: 0"):
        function(work).invoke({"Records": []}).result(5)
    assert "ValueError: 0" in caplog.text


@pytest.mark.parametrize("result", [{1, 2}, b"bytes", object()])
def test_unserialisable_result_is_a_function_error(result: Any) -> None:
    """Lambda returns JSON, so what JSON cannot carry is the function's error."""
    with pytest.raises(FunctionError, match="not JSON serializable"):
        function(lambda _: result).invoke({"Records": []}).result(5)


def test_shutdown_waits_for_what_is_in_flight() -> None:
    """Shutdown says whether the invocations ended in time."""
    go_on = threading.Event()
    app = Chalice("chat")
    app.on_sqs_message(queue="jobs", name="work")(lambda _: go_on.wait(5))
    found = functions(app)
    futures = [found.sqs()[0].function.invoke({"Records": []}) for _ in range(3)]
    assert not found.shutdown(0.01)
    go_on.set()
    assert found.shutdown(5)
    assert all(future.done() for future in futures)
