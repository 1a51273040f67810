"""Apps written from Chalice's documentation alone, run as they are, and clients of other people."""
