"""The table of connections, rooms, members and messages."""

from chalicelib.store.ledger import Account, Entry
from chalicelib.store.port import Departure, Store

__all__ = ["Account", "Departure", "Entry", "Store"]
