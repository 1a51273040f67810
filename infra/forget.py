"""Forgetting a user of a deployed stage."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chalicelib.core.errors import FrameError, UnavailableError
from chalicelib.core.jobs import QueueDepth
from chalicelib.core.model import UserId
from chalicelib.core.protocol import check_user_id
from chalicelib.graph import Graph
from infra.errors import DeployError

if TYPE_CHECKING:
    from chalicelib.service.erasure import Erased
    from infra.stage import Say, Stage


def forget(stage: Stage, user: str, say: Say) -> Erased:
    """Erase a user's data, and tell what was erased and what may come later.

    Raises:
        DeployError: that is no user's id, or AWS failed half-way.
    """
    if not user:
        raise DeployError(
            f"Which user? make forget STAGE={stage.name} USER=<user id>, as others' frames show"
            " it. Nothing was done."
        )
    try:
        check_user_id(user)
    except FrameError as error:
        raise DeployError(f"USER is {user!r}: {error} Nothing was done.") from None
    known = stage.addresses.environment if stage.addresses else {}
    settings = stage.application.settings(known, stage.identity["region"])
    say(
        f"Reading the whole table {settings.table} in account {stage.identity['account']},"
        " at most 4 MB a second"
    )
    try:
        erased = Graph(settings).erasure().erase(UserId(user))
    except UnavailableError as error:
        raise DeployError(
            f"{error} Part of it may be done. Run the command again: it erases the rest."
        ) from error
    _tell(erased, user, say)
    return erased


def _tell(erased: Erased, user: str, say: Say) -> None:
    if erased.messages or erased.connections or erased.items:
        say(f"Messages erased: {erased.messages}")
        say(f"Connections closed and forgotten: {len(erased.connections)}")
        say(f"Other items deleted: {erased.items}")
    else:
        say(f"The table has nothing of a user {user}.")
    moment = datetime.fromtimestamp(erased.before, UTC)
    say(f"Erased is what was accepted before {moment:%Y-%m-%d %H:%M:%S} UTC.")
    if erased.waiting != QueueDepth():
        say(
            f"Not what waited then: {erased.waiting.queued} records in the queue and"
            f" {erased.waiting.dead_letters} dead letters, of anybody. Run the command again when"
            " they are carried out."
        )
    if not erased.absent:
        say("The user has been there after that: withdraw its access, and run the command again.")
