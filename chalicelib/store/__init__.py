"""The table of connections, rooms, members and messages."""

from chalicelib.store.port import Departure, Store

__all__ = ["Departure", "Store"]
