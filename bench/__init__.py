"""Measurements of a running Fanfare."""
