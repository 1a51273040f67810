"""The handlers, through Chalice's test client."""
