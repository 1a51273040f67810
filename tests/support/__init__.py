"""Fakes, builders and processes that several kinds of tests share."""
