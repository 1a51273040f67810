"""The table of connections, rooms, members and messages."""

from chalicelib.store.ledger import Account, Entry
from chalicelib.store.port import Departure, Read, Store

__all__ = ["Account", "Departure", "Entry", "Read", "Store"]
