"""Use cases: the Lambda functions, the requests of clients, and what they share."""
