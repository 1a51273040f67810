"""One suite per port, for every adapter."""
