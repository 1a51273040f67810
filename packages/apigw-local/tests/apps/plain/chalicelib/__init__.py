"""The guest's own modules."""

WELCOME = "the guest's own"
