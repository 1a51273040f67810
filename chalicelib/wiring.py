"""Builds the object graph on first use, once per container; importing it imports little.

The function that serves the page needs no AWS client, and does not wait for one.
"""

from __future__ import annotations

import functools
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from chalicelib import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.graph import Graph

_lock: Final = threading.Lock()


@contextmanager
def fresh() -> Iterator[None]:
    """Let the block begin without a graph, as a new container does, and leave none behind."""
    _graph.cache_clear()
    yield
    _graph.cache_clear()


def graph() -> Graph:
    """Return this container's graph.

    The lock matters where handlers share a process, as they do locally.
    """
    with _lock:
        return _graph()


@functools.cache
def _graph() -> Graph:
    from chalicelib.graph import Graph

    return Graph(settings.load())
