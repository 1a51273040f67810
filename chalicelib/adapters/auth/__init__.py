"""Who opens a connection: by their own word, or by a token that somebody trusted has signed."""

from chalicelib.auth.port import Authenticator, Credentials

__all__ = ["Authenticator", "Credentials"]
