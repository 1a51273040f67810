"""Posting to connections through the gateway's `@connections` API."""

from chalicelib.posting.port import Info, Manager, Post, Poster, Reason, Report

__all__ = ["Info", "Manager", "Post", "Poster", "Reason", "Report"]
