"""Everything that the status shows, as it is now."""

import asyncio
from collections import Counter
from dataclasses import asdict
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from apigw_local.gateway.activity_log import Journal
from apigw_local.gateway.api import Api
from apigw_local.gateway.connection import Connection
from apigw_local.gateway.responses import iso
from apigw_local.lambda_.functions import Function
from apigw_local.sqs.event_source_mapping import EventSourceMapping


async def snapshot(api: Api) -> dict[str, Any]:
    """Look at everything, which waits for SQS to tell the queues' depths."""
    queues = await asyncio.gather(*(asyncio.to_thread(_queue, each) for each in api.mappings))
    faults = (api.faults, api.functions.faults, *(mapping.faults for mapping in api.mappings))
    return {
        "stage": api.stage,
        "started_at": iso(api.journal.started_at),
        "connections": [_connection(each) for each in api.connections],
        "functions": [_function(each) for each in api.functions],
        "queues": queues,
        "schedules": [
            {"name": name, "expression": schedule.expression}
            for name, schedule in api.functions.schedules().items()
        ],
        "counts": {
            **_counts(api.journal),
            "chaos": dict(sum((each.counts for each in faults), start=Counter())),
        },
        "limits": asdict(api.limits),
        "chaos": asdict(api.faults.chaos),
    }


def _connection(connection: Connection) -> dict[str, Any]:
    return {
        "id": connection.id,
        "since": iso(connection.client.connected_at / 1000),
        "last_active": iso(connection.last_active),
        "source": connection.client.source_ip,
    }


def _function(function: Function) -> dict[str, Any]:
    return {
        "name": function.name,
        "in_flight": function.tally.in_flight,
        "invocations": function.tally.invocations,
        "failures": function.tally.failures,
    }


def _queue(mapping: EventSourceMapping) -> dict[str, Any]:
    try:
        return asdict(mapping.depth())
    except (BotoCoreError, ClientError) as error:
        return {"error": str(error)}


def _counts(journal: Journal) -> dict[str, Any]:
    calls: dict[str, dict[str, int]] = {}
    for (method, status), count in sorted(journal.calls.counts.items()):
        calls.setdefault(method, {})[str(status)] = count
    return {
        "connects": {str(int(status)): n for status, n in sorted(journal.connects.items())},
        "messages": dict(journal.messages),
        "calls": calls,
        "closes": {str(int(code)): n for code, n in sorted(journal.closes.items())},
    }
