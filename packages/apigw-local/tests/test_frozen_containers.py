"""Handlers in processes that stand still between invocations."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from chalice.cli.factory import CLIFactory
from websockets.sync.client import connect

from apigw_local.aws.ministack_process import wait_for_exit
from apigw_local.faults import FaultSettings
from apigw_local.gateway import Gateway
from apigw_local.lambda_ import invocation_chain
from apigw_local.lambda_.frozen_containers import FrozenContainers
from apigw_local.lambda_.functions import Functions
from apigw_local.lambda_.invocation import Configuration, FunctionError
from apigw_local.sqs.event_source_mapping import EventSourceMapping
from apps.frozen.app import app
from gateway_support.scripted import QUIET_SECONDS, WAIT_SECONDS, MakeQueue, counts, send
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

PROJECT = Path(__file__).parent / "apps/frozen"
SCHEDULED: dict[str, Any] = {
    **dict.fromkeys(("version", "account", "region", "detail-type", "source", "time", "id"), ""),
    "detail": {},
    "resources": [],
}

# A container's first invocation waits for a Python process that imports boto3 and Chalice.
COLD_SECONDS = 20.0

Start = Callable[..., Future[Any]]
Work = Callable[..., Any]
MakeContainers = Callable[..., FrozenContainers]


@pytest.fixture
def functions() -> Iterator[Functions]:
    """The app's functions, frozen."""
    found = make_functions(FaultSettings(frozen=True))
    yield found
    found.shutdown(0)


def make_functions(fault_settings: FaultSettings) -> Functions:
    """The app's functions as its config describes them."""
    return Functions(app, CLIFactory(str(PROJECT), environ={}).create_config_obj(), fault_settings)


@pytest.fixture
def start(functions: Functions) -> Start:
    """Invokes the SQS function with one record for each body."""
    return lambda *bodies: functions.sqs()[0].function.invoke(records(*bodies))


@pytest.fixture
def work(start: Start) -> Work:
    """Does the same and waits for the result."""
    return lambda *bodies: start(*bodies).result(COLD_SECONDS)


@pytest.fixture
def make_containers() -> Iterator[MakeContainers]:
    """Makes the containers of the SQS function, outside of `Functions`."""
    made = []

    def make(*, project: Path = PROJECT, timeout: float = 60, **options: Any) -> FrozenContainers:
        containers = FrozenContainers(
            project, "work", Configuration("work", 128, timeout), {}, **options
        )
        made.append(containers)
        return containers

    yield make
    for containers in made:
        containers.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket that handlers may connect to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(WAIT_SECONDS)
        yield server


def records(*bodies: str) -> dict[str, Any]:
    """An event of SQS, as far as the app looks at it."""
    return {"Records": [{"body": body, "receiptHandle": ""} for body in bodies]}


def meet(start: Start, listener: socket.socket) -> tuple[socket.socket, Future[Any]]:
    """Start an invocation that lasts until the socket is closed."""
    invocation = start(f"meet {port(listener)}")
    meeting, _ = listener.accept()
    return meeting, invocation


def port(listener: socket.socket) -> int:
    """The port of a socket."""
    number: int = listener.getsockname()[1]
    return number


def answers(peer: socket.socket, seconds: float) -> bool:
    """Return whether the handler's thread echoes within a time."""
    peer.settimeout(seconds)
    try:
        return peer.recv(100) == b"anybody there?"
    except TimeoutError:
        return False


def test_nothing_goes_on_between_invocations(
    start: Start, work: Work, listener: socket.socket
) -> None:
    """A thread that a handler leaves stands still, goes on with the next invocation, and stops."""
    work(f"linger {port(listener)}")
    peer, _ = listener.accept()
    with peer:
        peer.sendall(b"anybody there?")
        assert not answers(peer, QUIET_SECONDS)

        meeting, invocation = meet(start, listener)
        assert answers(peer, WAIT_SECONDS)
        meeting.close()
        invocation.result(WAIT_SECONDS)

        peer.sendall(b"anybody there?")
        assert not answers(peer, QUIET_SECONDS)


def test_without_chaos_threads_go_on(listener: socket.socket) -> None:
    """Unless time is frozen, handlers run in this process and what they leave goes on."""
    found = make_functions(FaultSettings())
    function = found.sqs()[0].function
    result = function.invoke(records(f"linger {port(listener)}")).result(WAIT_SECONDS)
    assert result["pid"] == os.getpid()
    assert result["greeting"] is None
    peer, _ = listener.accept()
    with peer:
        peer.sendall(b"anybody there?")
        assert answers(peer, WAIT_SECONDS)


def test_a_container_is_used_again(work: Work, start: Start, listener: socket.socket) -> None:
    """Invocations one after the other share a process and its globals; two at once do not."""
    first = work("run")
    second = work("run")
    assert first["pid"] != os.getpid()
    assert second == {**first, "invocations": 2}

    meeting, invocation = meet(start, listener)
    beside = work("run")
    meeting.close()
    assert beside == {**first, "pid": beside["pid"]}
    assert invocation.result(WAIT_SECONDS) == {**first, "invocations": 3}
    assert beside["pid"] != first["pid"]


def test_environment_is_that_of_the_function(work: Work) -> None:
    """A function has its own variables, and does not look like `chalice local`."""
    result = work("run")
    assert (result["greeting"], result["cli"]) == ("to work", False)


def test_an_exception_leaves_the_container(work: Work) -> None:
    """The error is the traceback from the app's first frame on; the process goes on."""
    first = work("run")
    with pytest.raises(FunctionError) as failure:
        work("fail because")
    lines = str(failure.value).splitlines()
    assert lines[1].startswith(f'  File "{PROJECT / "app.py"}"')
    assert lines[-1] == "ValueError: because"
    assert work("run") == {**first, "invocations": 3}


def test_a_process_that_ends_is_replaced(work: Work) -> None:
    """A handler that ends its process has failed, and the next invocation is a cold start."""
    first = work("run")
    with pytest.raises(FunctionError, match=r"frozen-dev-work: .* with exit code 7"):
        work("exit 7")
    assert work("run") == {**first, "pid": work("run")["pid"]}


def test_timeout_kills_the_container(make_containers: MakeContainers) -> None:
    """A handler that outlives its function's timeout is ended, and its process with it."""
    containers = make_containers(timeout=0.2)
    first = containers.run(records("run"), "")
    with pytest.raises(FunctionError, match=r"work: Task timed out after 0\.20 seconds"):
        containers.run(records("hang"), "")
    with pytest.raises(ProcessLookupError):
        os.kill(first["pid"], 0)
    assert containers.run(records("run"), "")["pid"] != first["pid"]


def test_an_app_that_fails_to_load_fails_its_invocations(
    make_containers: MakeContainers, tmp_path: Path
) -> None:
    """An error that keeps app.py from being imported is an error of the function."""
    (tmp_path / "app.py").write_text("raise SystemExit(3)")
    containers = make_containers(project=tmp_path)
    with pytest.raises(FunctionError, match="its process ended early, with exit code 3"):
        containers.run({}, "")


def test_as_many_run_as_may(make_containers: MakeContainers, listener: socket.socket) -> None:
    """An invocation waits while every container is busy."""
    containers = make_containers(most=1)
    with ThreadPoolExecutor(2) as callers:
        first = callers.submit(containers.run, records(f"meet {port(listener)}"), "")
        meeting, _ = listener.accept()
        second = callers.submit(containers.run, records("run"), "")
        meeting.close()
        assert second.result(COLD_SECONDS) == {**first.result(), "invocations": 2}


def test_output_is_out_before_time_stops(capfd: pytest.CaptureFixture[str], work: Work) -> None:
    """A handler's output is on the terminal when it has returned."""
    work("print hello")
    assert capfd.readouterr().out == "hello"


def test_shutdown_ends_containers(functions: Functions, work: Work) -> None:
    """No process is left, whether it stands still or not."""
    container = work("run")["pid"]
    assert functions.shutdown(WAIT_SECONDS)
    with pytest.raises(ProcessLookupError):
        os.kill(container, 0)


def test_a_frozen_container_ends_with_its_parent() -> None:
    """A parent that is killed leaves no process behind that stands still for ever."""
    program = f"""
import time
from test_frozen_containers import FaultSettings, make_functions, records
function = make_functions(FaultSettings(frozen=True)).sqs()[0].function
print(function.invoke(records("run")).result()["pid"], flush=True)
time.sleep({WAIT_SECONDS})
"""
    command = [sys.executable, "-c", program]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        container = int(parent.stdout.readline())
        parent.kill()
        wait_for_exit(container)


def test_every_kind_of_function_runs_frozen(
    sqs: SQSClient, make_queue: MakeQueue, functions: Functions
) -> None:
    """WebSocket, SQS and scheduled functions run in processes of their own."""
    pids = {functions.schedules()["tick"].function.invoke(SCHEDULED).result(COLD_SECONDS)}

    gateway = Gateway(functions, stage="api", port=0)
    gateway.start()
    with connect(gateway.url) as client:
        client.send("hi")
        pids.add(int(client.recv(timeout=COLD_SECONDS)))
    gateway.stop()

    queue_url = make_queue()
    function = functions.sqs()[0].function
    mapping = EventSourceMapping(sqs, queue_url, function)
    mapping.start()
    send(sqs, queue_url, "room", "run")
    wait_until(lambda: function.counters.invocations == 1 and counts(sqs, queue_url) == (0, 0))
    mapping.stop(1)
    pids.add(function.invoke(records("run")).result(COLD_SECONDS)["pid"])

    assert len(pids) == 3
    assert os.getpid() not in pids


def test_messages_carry_their_chain_out_of_a_container(
    aws: dict[str, Any],
    sqs: SQSClient,
    make_queue: MakeQueue,
    work: Work,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A message of a frozen handler counts its invocation."""
    names = {"endpoint_url": "AWS_ENDPOINT_URL", "region_name": "AWS_DEFAULT_REGION"}
    for key, value in aws.items():
        monkeypatch.setenv(names.get(key, key.upper()), value)
    queue_url = make_queue()
    work(f"send {queue_url}")
    answer = sqs.receive_message(QueueUrl=queue_url, MessageSystemAttributeNames=["All"])
    event = {"Records": [{"attributes": m["Attributes"]} for m in answer["Messages"]]}
    assert invocation_chain.length(event, "work") == 1
