"""What can keep the local runtime from starting."""


class LocalError(Exception):
    """The local runtime can't start; the text tells the developer why and what to do."""
