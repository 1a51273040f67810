"""Adapters: each speaks to one technology, through a client that is passed in."""
