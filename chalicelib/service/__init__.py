"""The use cases, one per Lambda function: load, decide, perform."""
