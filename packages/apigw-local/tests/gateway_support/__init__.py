"""Gateways, terminals and clients for the tests of the local gateway."""
