"""Handlers of botocore's events, on whatever client this process makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import botocore

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.hooks import BaseEventHooks
    from botocore.session import Session


class Hook:
    """One handler of some events, on every AWS session made while it is fitted.

    A client has the handlers that its session had when the client was made.
    """

    def __init__(self, handler: Callable[..., None], *events: str) -> None:
        """Name the events.

        Args:
            handler: what is called, with the event's keywords.
            events: botocore's names, such as `before-sign.sqs`.
        """
        self._handler = handler
        self._events = events

    def fit(self) -> None:
        """Listen on every AWS session made from now on."""
        botocore.register_initializer(self._listen_to_session)

    def remove(self) -> None:
        """Listen on no further sessions."""
        botocore.unregister_initializer(self._listen_to_session)

    def listen(self, emitter: BaseEventHooks) -> None:
        """Listen on one client (its `meta.events`) or session (its `events`); twice is once."""
        for event in self._events:
            # botocore takes an id once, whatever event it comes with.
            unique_id = f"{type(self).__qualname__} {id(self)} {event}"
            emitter.register(event, self._call, unique_id=unique_id)

    def _listen_to_session(self, session: Session) -> None:
        self.listen(session.get_component("event_emitter"))

    def _call(self, **keywords: Any) -> None:
        self._handler(**keywords)  # whose result would else be the event's
