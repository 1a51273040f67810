"""Lambda functions: invocations, frozen containers, and chains of invocations."""
