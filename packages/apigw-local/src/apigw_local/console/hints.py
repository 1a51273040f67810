"""Hints at surprises of AWS, logged when they happen here.

A text names the grounds of each claim that AWS does not document.
"""

from __future__ import annotations

from apigw_local.console.log_events import Hint

_GUIDE = "https://docs.aws.amazon.com/apigateway/latest/developerguide/"
_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/"
_QUOTAS = f"{_GUIDE}apigateway-execution-service-websocket-limits-table.html"

POST_FROM_CONNECT = Hint(
    "post from $connect",
    "A connection was posted to before its $connect handler had returned. It does not exist until"
    " then, so this is answered 410 GoneException. Let the client's first message trigger the"
    " greeting.",
    "https://repost.aws/knowledge-center/410-gone-api-gateway",
)

BODY_DROPPED = Hint(
    "body dropped",
    "A message handler returned a body, and no client gets it: Chalice makes no route response."
    " Use app.websocket_api.send().",
    f"{_GUIDE}apigateway-websocket-api-route-response.html",
)

MALFORMED_RESULT = Hint(
    "malformed result",
    "$connect returned something without a usable statusCode, and the client was refused with 502."
    " That is inferred: AWS documents only what a well-formed result does."
    ' Return {"statusCode": 200} to let a client in.',
    f"{_GUIDE}apigateway-websocket-api-route-keys-connect-disconnect.html",
)

BINARY_FRAME = Hint(
    "binary frame",
    "A client sent a binary frame, which closes its connection with 1003. Send text; bytes travel"
    " in it as base64.",
    f"{_GUIDE}websocket-api-develop-binary-media-types.html",
)

NO_SUBPROTOCOL = Hint(
    "no subprotocol",
    "A client offered subprotocols and $connect chose none. Browsers close such a connection at"
    " once. Answer with the header Sec-WebSocket-Protocol, set to one of those offered.",
    f"{_GUIDE}websocket-connect-route-subprotocol.html",
)

DISCONNECT_FAILED = Hint(
    "disconnect failed",
    "$disconnect failed, and nobody will hear of it but its log: the client is gone, and it is not"
    " run again (inferred from the invocation being synchronous). Let what it deletes expire by"
    " itself too, for $disconnect is best effort.",
    f"{_GUIDE}apigateway-websocket-api-route-keys-connect-disconnect.html",
)


def too_big(limit: int) -> Hint:
    """A client's frame or message was above a limit, in bytes."""
    return Hint(
        "too big",
        f"A client sent more than {limit:,} bytes at once, which closes its connection with 1009."
        " A frame may have 32 KB and a message 128 KB in all, but browsers and most libraries send"
        " each message as one frame.",
        _QUOTAS,
    )


def reserved_route(route_key: str) -> Hint:
    """A client's message has selected a route that the gateway itself calls."""
    return Hint(
        f"reserved route {route_key}",
        f"A client's message has {route_key!r} where the routes are selected by, and the function"
        f" of {route_key} was run with it. AWS's words allow that, and nobody has shown it. Look at"
        " eventType: it is MESSAGE. --chaos reserved_routes=off sends such messages to $default.",
        f"{_GUIDE}websocket-api-develop-routes.html",
    )


def slow_handler(function: str, seconds: float) -> Hint:
    """A function did not answer in the seconds that the gateway waits."""
    return Hint(
        "slow handler",
        f"{function} took longer than {seconds:g} s, and API Gateway waits no longer, whatever"
        " lambda_timeout says. The handler runs on, and its result is lost. Hand long work to a"
        " queue.",
        _QUOTAS,
    )


def failures_ignored(function: str) -> Hint:
    """A function reported failed records to a mapping that does not look at the answer."""
    return Hint(
        "failures ignored",
        f"{function} returned batchItemFailures, and the whole batch was deleted all the same."
        " Lambda heeds them only when the mapping was made with ReportBatchItemFailures, which"
        " `chalice deploy` cannot set. Raise an exception, or set it yourself and try that here"
        " with --chaos report_batch_item_failures=on.",
        f"{_LAMBDA}services-sqs-errorhandling.html",
    )


def recursive_loop(function: str, queue: str, invocations: int) -> Hint:
    """A function is about to be invoked once more than Lambda would in one chain."""
    return Hint(
        f"recursive loop {function}",
        f"{function} was invoked {invocations} times in one chain: by a message in {queue} that it"
        " had sent itself, when it was invoked by one that it had sent, and so on. Lambda drops the"
        " next invocation, again and again until the message is a dead letter, unless the function"
        " allows recursion (PutFunctionRecursionConfig, which `chalice deploy` does not call)."
        " --chaos stop_recursive_loops=on does the same here.",
        f"{_LAMBDA}invocation-recursion.html",
    )


def work_left(function: str, place: str) -> Hint:
    """A function returned while a thread that it had started was still busy."""
    return Hint(
        "work left",
        f"{function} returned while a thread of it went on, at {place}. Lambda freezes a container"
        " when its handler returns, and such work stands still until the next invocation, or for"
        " ever. Join the thread first. --chaos frozen=on shows what happens.",
        f"{_LAMBDA}lambda-runtime-environment.html",
    )


def queue_made(function: str, queue: str) -> Hint:
    """A queue that a function reads did not exist, and was made."""
    return Hint(
        f"queue made {queue}",
        f"{function} reads the queue {queue!r}, which no template makes, so it was made just now."
        " `chalice deploy` needs it to exist. Describe it in resources.json.",
        "https://aws.github.io/chalice/topics/events.html#sqs-events",
    )


def small_batches(function: str, size: int, most: int) -> Hint:
    """A function asks for more records at a time than it gets here."""
    return Hint(
        f"small batches {function}",
        f"{function} asks for batches of up to {size:,} records. Here they have up to {most}, as"
        " many as SQS hands out at once; on AWS a batch is gathered from several such answers.",
        f"{_LAMBDA}services-sqs-parameters.html",
    )


def no_window(function: str, queue: str, seconds: int) -> Hint:
    """A function lets Lambda wait for a batch to fill, which is not done here."""
    if queue.endswith(".fifo"):
        text = (
            f"{function} asks for a batching window of {seconds} s, which AWS refuses for a FIFO"
            f" queue such as {queue}."
        )
    else:
        text = (
            f"{function} lets Lambda wait up to {seconds} s for a batch to fill. Here it gets what"
            " there is, at once."
        )
    return Hint(f"no window {function}", text, f"{_LAMBDA}services-sqs-parameters.html")
