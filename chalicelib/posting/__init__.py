"""Posting to connections through the gateway's `@connections` API."""

from chalicelib.posting.port import Post, Poster, Reason, Report

__all__ = ["Post", "Poster", "Reason", "Report"]
