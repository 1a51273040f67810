"""The `chalice` command, typed by itself."""

from __future__ import annotations

import click


def refuse_deploy() -> None:
    """Stop `chalice deploy` before it makes anything.

    It would leave out the table and the queue, and undo what `make deploy` does after it.

    Raises:
        ClickException: that is the command being run; the text has the line to type.
    """
    context = click.get_current_context(silent=True)
    if context is None or context.info_name != "deploy":
        return
    stage = context.params["stage"]
    raise click.ClickException(
        "`chalice deploy` makes the functions alone, without the table and the queue that they"
        f" need; nothing was made. Type: make deploy STAGE={stage}"
    )
