"""Use cases of one container, built on its adapters: the one place that connects them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.core.auth_settings import AuthMode, AuthSettings
from chalicelib.core.fanout import Fanout
from chalicelib.core.limits import LIMITS, Limits
from chalicelib.core.record import Record
from chalicelib.service.backlog import Backlog
from chalicelib.service.broadcast import BroadcastHandler
from chalicelib.service.connect import ConnectHandler
from chalicelib.service.connection_quota import ConnectionQuota
from chalicelib.service.connections import ConnectionCloser
from chalicelib.service.delivery import Delivery
from chalicelib.service.disconnect import DisconnectHandler
from chalicelib.service.history import RoomReader
from chalicelib.service.http_publish import HttpPublisher, PublisherCheck, UserNotifier
from chalicelib.service.member_cache import LastCount, MemberCache, MemberCount
from chalicelib.service.membership import Membership
from chalicelib.service.message import MessageHandler
from chalicelib.service.moderation import Moderation
from chalicelib.service.presence import PresenceNotifier
from chalicelib.service.rate_limiter import RateLimiter
from chalicelib.service.sanction_check import SanctionCheck
from chalicelib.service.sending import MessageSender
from chalicelib.service.tokens import TokenExpiry, TokenRenewal

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.core.model import ApiStage
    from chalicelib.core.ports.authenticator import Authenticator
    from chalicelib.core.ports.job_queue import JobQueue
    from chalicelib.core.ports.poster import ManagementApi
    from chalicelib.core.ports.store import Store
    from chalicelib.service.runtime import Runtime


class Adapters(Record, frozen=True):
    """The services that the use cases call, each behind its port.

    Attributes:
        store: the table.
        job_queue: the queue of the broadcast.
        poster: returns the `@connections` API of an API and stage.
        authenticator: checks the credentials of a handshake.
    """

    store: Store
    job_queue: JobQueue
    poster: Callable[[ApiStage], ManagementApi]
    authenticator: Authenticator


class UseCases:
    """One container's use cases, with the caches that they share.

    Args:
        adapters: the services that they call.
        runtime: clock, ids, meter and sleep.
        limits: bounds of a connection and a user.
        auth: who gets in.
        fanout: the shape of the tree of broadcasts.
        reports_failures: whether the broadcast returns failed records instead of raising.
    """

    def __init__(
        self,
        adapters: Adapters,
        runtime: Runtime,
        *,
        limits: Limits = LIMITS,
        auth: AuthSettings = AuthSettings(),  # noqa: B008 - frozen
        fanout: Fanout = Fanout(),  # noqa: B008 - frozen
        reports_failures: bool = False,
    ) -> None:
        store, job_queue, poster = adapters.store, adapters.job_queue, adapters.poster
        authenticator, clock, meter = adapters.authenticator, runtime.clock, runtime.meter
        member_count = MemberCount(store, clock=clock)
        backlog = Backlog(store, clock)
        sanction_check = SanctionCheck(store, clock)
        self.notifier = PresenceNotifier(member_count, job_queue, runtime)
        self.closer = ConnectionCloser(store, self.notifier, poster, meter)
        self.rate_limiter = RateLimiter(store, limits, clock)
        self.connection_quota = ConnectionQuota(store, self.closer, poster, limits, clock)
        self.message_sender = MessageSender(store, job_queue, backlog, runtime)
        self.membership = Membership(
            store,
            self.notifier,
            sanction_check,
            member_count,
            self.rate_limiter.charge_reads,
            auth.private,
            limits.page,
        )
        self.connect = ConnectHandler(
            store,
            self.notifier,
            authenticator,
            auth.origins,
            auth.private,
            auth.token_in_query,
            self.connection_quota,
            sanction_check,
            member_count,
        )
        self.message = MessageHandler(
            self.rate_limiter,
            poster,
            self.message_sender,
            self.membership,
            RoomReader(store, self.rate_limiter.charge_reads, limits.page),
            TokenRenewal(store, self.membership, authenticator, runtime),
            Moderation(store, job_queue, poster, self.membership, self.closer, runtime),
            self.closer,
            meter,
        )
        self.disconnect = DisconnectHandler(store, self.notifier)
        self.token_expiry = TokenExpiry(store, job_queue, self.closer, self.notifier, runtime)
        self.delivery = Delivery(store, job_queue, poster, self.notifier, runtime)
        self.broadcast = BroadcastHandler(
            store,
            job_queue,
            self.delivery,
            self.token_expiry,
            MemberCache(store, clock=clock),
            member_count,
            LastCount(),
            fanout,
            runtime,
            reports_failures=reports_failures,
        )
        anonymous = auth.mode is AuthMode.ANONYMOUS
        publisher_check = PublisherCheck(None if anonymous else authenticator, self.rate_limiter)
        self.http_publisher = HttpPublisher(
            publisher_check,
            job_queue,
            backlog,
            sanction_check,
            auth.private,
            limits.bounds,
            runtime,
        )
        self.user_notifier = UserNotifier(publisher_check, store, poster, limits.bounds, runtime)
