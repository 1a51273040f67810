"""Constants of the simulation and of the bill: AWS's documented figures, and measured ones.

Nothing here was measured on AWS. Prices are in `planning/cost/prices.json`.
Seconds, unless a name says otherwise.
"""

from __future__ import annotations

from typing import Final

# Documented by AWS.

# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
# One bucket for the account and Region: WebSocket messages in and posts out share it with REST.
GATEWAY_RATE: Final = 10_000.0
GATEWAY_BURST: Final = 5_000.0

# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
NEW_CONNECTIONS_PER_SECOND: Final = 500

# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html: FIFO takes 10 at most.
BATCH: Final = 10

# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
# Written of standard queues: five batches at a time, then 300 more a minute, up to 1,000. Of FIFO
# queues it only says that there are never more than message groups.
POLLERS: Final = 5
POLLERS_PER_SECOND: Final = 5.0
MOST_POLLERS: Final = 1_000

# https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html
LAMBDA_CONCURRENCY: Final = 1_000
LAMBDA_STARTS: Final = 1_000
LAMBDA_STARTS_PER_SECOND: Final = 100.0

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/burst-adaptive-capacity.html
# A room's members share a partition until DynamoDB splits it for its heat, which takes minutes.
PARTITION_READ_UNITS: Final = 3_000.0
PARTITION_WRITE_UNITS: Final = 1_000.0
READ_UNIT_BYTES: Final = 4_096

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
LONG_POLL: Final = 20

# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html
# A load balancer's capacity unit holds so much of each; what is used most of counts.
BALANCED_CONNECTIONS: Final = 3_000
BALANCED_CONNECTS: Final = 25  # a second
BALANCED_BYTES: Final = 2**30  # an hour

# Published by others.

# https://bitesizedserverless.com/bite/serverless-messaging-latency-compared/
# SQS FIFO into Lambda, from the sender's call to the handler: 1,024 messages, eu-west-1, 2022.
QUEUE_LATENCY: Final = ((0.10, 0.0219), (0.50, 0.0281), (0.90, 0.0612), (0.99, 0.645))

# Measured by this project, on one core of an AMD EPYC in November 2026; see docs/scale.md.

ENGINE_RATE: Final = 15_600.0  # posts a second over 256 open TLS sockets, each answered in 15 ms
HANDSHAKE: Final = 0.000_72  # to open one of the sockets
SOCKETS: Final = 256
MEMBER_READ: Final = 0.000_025_7  # to parse one member out of a Query's answer
MEMBER_BYTES: Final = 179  # of a member's item, with ids as long as real ones
IMPORTS: Final = 0.33  # to import the application and to build its clients
PLAIN_POST: Final = 0.0017  # of a function for each member, with boto3 in 64 threads

# Logged for an invocation: our line and metrics, Lambda's three lines, and the gateway's one.
PING_LOG_BYTES: Final = 800
CALL_LOG_BYTES: Final = 1_050  # of whatever else a client does
BROADCAST_LOG_BYTES: Final = 1_500  # 1,330 of a batch of one message, 1,640 of ten

# Assumed: AWS publishes no figures.

POST_SECONDS: Final = 0.015  # until the gateway answers a post
INVOKE: Final = 0.010  # from the gateway to the message function
PLATFORM_START: Final = 0.2  # of a cold start, before any import
TABLE_CALL: Final = 0.005  # "single-digit milliseconds"
QUEUE_CALL: Final = 0.010
INSTANCE_CONNECTIONS: Final = 10_000  # that a small instance holds
INSTANCE_DELIVERIES: Final = 5_000  # a second, with the fifth of its cores that it has all day

# This project's own: .chalice/config.json, docs/protocol.md and
# chalicelib/adapters/apigateway/rate_controller.py.

MESSAGE_GB: Final = 0.5
BROADCAST_GB: Final = 1_769 / 1_024
PING_SECONDS: Final = 240
CONNECTION_SECONDS: Final = 110 * 60  # until a client replaces its connection
THROTTLED_SHARE: Final = 0.85  # of the quota: pacing falls to 0.7 of it, and climbs to all

MONTH: Final = 730 * 3_600
