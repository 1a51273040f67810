"""Log size of an invocation: the bytes that `python -m planning.cost` assumes."""

from __future__ import annotations

import json
import re
from statistics import mean
from typing import TYPE_CHECKING

import pytest

from chalicelib.adapters import telemetry
from chalicelib.core.protocol import SUBPROTOCOL
from planning import quotas
from tests.support.project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.functional.conftest import Lambdas

    Taken = Callable[[], int]

ADA = "PJqB0fHsqRcCHlw="
BOB = "PJqC1fHsqRcCHlw="
REQUEST = "8f507cfc-8b3b-4697-b07a-ac58fc914c95"

LAMBDA_BYTES = len(
    f"START RequestId: {REQUEST} Version: $LATEST\nEND RequestId: {REQUEST}\n"
    f"REPORT RequestId: {REQUEST}\tDuration: 15.74 ms\tBilled Duration: 16 ms\t"
    "Memory Size: 512 MB\tMax Memory Used: 96 MB\t\n"
)
"""Lambda's own lines (https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html)."""


def access_bytes() -> int:
    """The gateway's line for a frame, in the format of infra/merge.json."""
    merge = json.loads((PROJECT / "infra/merge.json").read_text())
    stage = merge["Resources"]["WebsocketAPIStage"]["Properties"]
    values = {
        "requestTime": "24/Nov/2026:09:30:00 +0000",
        "eventType": "MESSAGE",
        "routeKey": "$default",
        "status": "200",
        "connectionId": ADA,
        "requestId": "GXLKJfX4FiAFjRQ=",
        "identity.sourceIp": "203.0.113.117",
        "integrationStatus": "200",
        "integrationLatency": "25",
        "error.message": "-",
    }
    line = re.sub(
        r"\$context\.([\w.]+)",
        lambda variable: values[variable[1]],
        stage["AccessLogSettings"]["Fn::If"][1]["Format"],
    )
    return len(line) + 1


@pytest.fixture
def taken(
    lambdas: Lambdas, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Taken:
    """Two members of the room `tea`, and a function that takes the bytes logged since."""
    formatter = telemetry.logger.registered_handler.formatter
    assert formatter is not None

    def take() -> int:
        lines = [
            formatter.format(one) for one in caplog.records if one.name == telemetry.logger.name
        ]
        caplog.clear()
        metrics = [line for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
        return LAMBDA_BYTES + sum(len(line) + 1 for line in lines + metrics)

    for connection_id in (ADA, BOB):
        lambdas.connect(connection_id, None, SUBPROTOCOL)
        lambdas.message(connection_id, {"action": "join", "room": "tea"})
    lambdas.broadcast()
    take()
    return take


def test_what_clients_do_logs_as_much_as_the_bill_says(lambdas: Lambdas, taken: Taken) -> None:
    """A ping logs the least, since it counts nothing."""
    access = access_bytes()
    lambdas.message(ADA, {"action": "ping", "rooms": ["tea"]})
    assert taken() + access == pytest.approx(quotas.PING_LOG_BYTES, rel=0.1)
    sizes = []
    lambdas.message(ADA, {"action": "message", "room": "tea", "message": "hi"})
    sizes.append(taken() + access)
    lambdas.disconnect(BOB)
    sizes.append(taken() + access)
    lambdas.connect(BOB, None, SUBPROTOCOL)
    sizes.append(taken() + access)
    assert mean(sizes) == pytest.approx(quotas.CALL_LOG_BYTES, rel=0.1)


def test_a_broadcast_logs_as_much_as_the_bill_says(lambdas: Lambdas, taken: Taken) -> None:
    """Between a batch of one message and a full one lies the average."""
    sizes = []
    for messages in (1, 10):
        for number in range(messages):
            said = {
                "action": "message",
                "room": "tea",
                "message": "hi",
                "id": f"{messages}{number}",
            }
            lambdas.message(ADA, said)
        records = lambdas.queued()
        taken()
        lambdas.invoke_broadcast(records)
        sizes.append(taken())
    assert sizes[0] < quotas.BROADCAST_LOG_BYTES < sizes[1]
    assert mean(sizes) == pytest.approx(quotas.BROADCAST_LOG_BYTES, rel=0.1)
