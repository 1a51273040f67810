"""Inputs of an attacker, an old client or an old version."""
