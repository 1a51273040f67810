"""What can keep the local runtime from starting."""


class LocalError(Exception):
    """The local runtime can't start; the text tells the developer why and what to do."""


class ProjectError(LocalError):
    """The same, for what a change of the project's own files mends."""
