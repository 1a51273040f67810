"""The application and its parts under `chalice local`."""
