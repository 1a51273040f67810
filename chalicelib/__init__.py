"""Rooms over WebSockets: the use cases, and the adapters to DynamoDB, SQS and @connections."""
