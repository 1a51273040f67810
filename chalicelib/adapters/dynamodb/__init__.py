"""The DynamoDB table of connections, rooms, members and messages."""
