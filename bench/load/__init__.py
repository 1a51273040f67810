"""Loads on a running application: a lobby, reconnecting clients, floods."""
