"""Errors that keep the local runtime from starting."""


class LocalError(Exception):
    """Failed start; the text names the reason and the cure for the developer."""


class ProjectError(LocalError):
    """Failed start that a change of the project's own files cures."""
