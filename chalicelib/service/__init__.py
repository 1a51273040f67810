"""Use cases: one for each Lambda function and request, each a noun with one verb."""
