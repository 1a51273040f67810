"""A client of Fanfare for asyncio."""
