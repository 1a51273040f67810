"""Interfaces that the use cases call and the adapters implement."""
