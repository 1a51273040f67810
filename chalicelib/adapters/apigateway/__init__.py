"""Posts to connections through API Gateway's `@connections` API."""
