"""Servers of docs/protocol.md for the tests of clients."""
