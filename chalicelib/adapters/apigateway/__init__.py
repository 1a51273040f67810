"""Posting to connections through the gateway's `@connections` API."""

from chalicelib.posting.port import Gateway, Info, Manager, Post, Poster, Reason, Report

__all__ = ["Gateway", "Info", "Manager", "Post", "Poster", "Reason", "Report"]
