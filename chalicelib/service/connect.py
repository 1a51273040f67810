"""Connect: the handler of `$connect`."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from chalicelib.core import events, protocol
from chalicelib.core.errors import FrameError, HandshakeError
from chalicelib.core.model import LOBBY, ApiStage, Connection, Protocol
from chalicelib.core.ports.authenticator import HandshakeCredentials
from chalicelib.core.record import Record

if TYPE_CHECKING:
    from chalicelib.core.events import GatewayEvent
    from chalicelib.core.identity import Patterns
    from chalicelib.core.model import RoomHead
    from chalicelib.core.origin_policy import OriginPolicy
    from chalicelib.core.ports.authenticator import Authenticator
    from chalicelib.core.ports.store import Store
    from chalicelib.service.connection_quota import ConnectionQuota
    from chalicelib.service.member_cache import MemberCount
    from chalicelib.service.presence import PresenceNotifier
    from chalicelib.service.sanction_check import SanctionCheck

ORIGIN_SHOWN: Final = 200
"""Characters of a refused origin that the log shows: a header may have thousands."""


class ConnectHandler(Record, frozen=True):
    """Keeps the connection, and makes it a member of the lobby if it speaks the plain form.

    Nothing is posted from here: until `$connect` has returned, the gateway answers 410 to every
    post (https://repost.aws/knowledge-center/410-gone-api-gateway).
    """

    store: Store
    notifier: PresenceNotifier
    authenticator: Authenticator
    origins: OriginPolicy
    private: Patterns
    token_in_query: bool
    connection_quota: ConnectionQuota
    sanction_check: SanctionCheck
    member_count: MemberCount

    def handle(self, event: GatewayEvent) -> Connection:
        """Run the use case for a `$connect` event.

        Raises:
            HandshakeError: the client is not let in.
            UnavailableError: the connection could not be kept, so the handshake must fail.
        """
        context = event.request_context
        origin = events.header(event, "origin")
        if not self.origins.allow(origin, context.domain_name):
            shown = (origin or "")[:ORIGIN_SHOWN]
            raise HandshakeError(HTTPStatus.FORBIDDEN, f"the origin {shown!r} is not allowed")
        offered = events.offered_subprotocols(event)
        identity = self.authenticator.authenticate(self._credentials(event, offered))
        asked = {*offered, (event.query_string_parameters or {}).get("protocol")}
        v1 = protocol.SUBPROTOCOL in asked
        connection = Connection(
            id=context.connection_id,
            user=identity.user,
            protocol=Protocol.V1 if v1 else Protocol.PLAIN,
            connected_at=context.connected_at,
            api_stage=ApiStage(context.api_id, context.stage),
            rights=identity.rights,
            until=identity.until,
        )
        if not v1 and not identity.rights.may_join(LOBBY, self.private):
            raise HandshakeError(HTTPStatus.FORBIDDEN, "the plain form's room is not theirs")
        self.connection_quota.admit(connection)
        self.store.add(connection)
        if not v1:
            head = self._enter_lobby(connection)
            self.notifier.joined(connection, LOBBY, self.member_count.of(LOBBY, head))
        return connection

    def _enter_lobby(self, connection: Connection) -> RoomHead:
        try:
            return self.sanction_check.enter(connection, LOBBY)[1]
        except FrameError as refusal:
            self.store.forget(connection.id)
            raise HandshakeError(HTTPStatus.FORBIDDEN, refusal.code) from None

    def _credentials(self, event: GatewayEvent, offered: list[str]) -> HandshakeCredentials:
        """Gather what the client shows.

        A token comes among the subprotocols, which no access log holds; in the query only where a
        setting allows it.
        """
        query = event.query_string_parameters or {}
        tokens = [offer for offer in offered if offer != protocol.SUBPROTOCOL]
        from_query = query.get("token") if self.token_in_query else None
        return HandshakeCredentials(
            token=tokens[0] if tokens else from_query,
            session=query.get("session"),
            username=query.get("username", ""),
        )
