"""Disconnect: the handler of `$disconnect`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.core.record import Record

if TYPE_CHECKING:
    from chalicelib.core.events import GatewayEvent
    from chalicelib.core.ports.store import Store
    from chalicelib.service.presence import PresenceNotifier


class DisconnectHandler(Record, frozen=True):
    """Forgets the connection and its places in rooms, and tells the rooms.

    `$disconnect` is best effort
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html),
    so what it misses is forgotten at the next post's 410, or by the table's TTL.
    """

    store: Store
    notifier: PresenceNotifier

    def handle(self, event: GatewayEvent) -> None:
        """Run the use case for a `$disconnect` event.

        Raises:
            UnavailableError: the table did not answer; a 410 or TTL will do what is left.
        """
        context = event.request_context
        departures = self.store.forget(context.connection_id)
        self.notifier.left(departures)
