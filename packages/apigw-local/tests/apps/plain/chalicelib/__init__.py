"""Modules of the app."""

WELCOME = "the app's own"
