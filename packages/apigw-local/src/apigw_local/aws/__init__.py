"""Emulated AWS: its process, its resources, and the clients' way to it."""
