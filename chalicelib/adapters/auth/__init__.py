"""Authentication of clients: by their own word, or by a signed token."""
