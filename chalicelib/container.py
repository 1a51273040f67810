"""Container: builds the object graph on first use, once; importing it imports little.

On Lambda `app.py` prepares it at once, but for the function that serves the page: that needs no
AWS client, and does not wait for one.
"""

from __future__ import annotations

import gc
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from chalicelib import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.graph import Graph
    from chalicelib.service.use_cases import UseCases

_lock: Final = threading.Lock()


@contextmanager
def fresh(graph: Graph | None = None) -> Iterator[None]:
    """Let the block begin with this graph or none, as a new container does, and leave none behind.

    Args:
        graph: what `graph` is to return in the block; None lets it build one.
    """
    _kept.clear()
    _kept.extend([graph] if graph else [])
    try:
        yield
    finally:
        _kept.clear()


def graph() -> Graph:
    """Return this container's graph.

    The lock matters where handlers share a process, as they do locally.
    """
    with _lock:
        if not _kept:
            from chalicelib.graph import Graph

            _kept.append(Graph(settings.load()))
        return _kept[0]


def use_cases() -> UseCases:
    """Return the use cases of this container's graph."""
    return graph().use_cases


def prepare(*, posts: bool) -> None:
    """Build this container's graph, and what its first call would build.

    The garbage collector waits meanwhile: an import makes a great many objects that stay, and each
    collection would go through them all. Those after it leave them out.

    Args:
        posts: whether the function posts in most of its calls.
    """
    gc.disable()
    try:
        graph().prepare(posts=posts)
        gc.freeze()
    finally:
        gc.enable()


_kept: Final[list[Graph]] = []
