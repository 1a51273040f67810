"""The command line: `python -m infra deploy --stage dev`."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from infra import logs
from infra.deploy import deploy, destroy, plan, urls
from infra.errors import DeployError, told
from infra.forget import forget
from infra.package import package
from infra.queues import redrive
from infra.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE_MS: Final = 60_000


def say(text: str) -> None:
    """Write a line, at once also where the output is a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run_deploy(stage: Stage, options: argparse.Namespace) -> None:
    """Bring a stage up to date, or tell what would be done."""
    if options.dry_run:
        plan(stage, say)
        return
    deploy(stage, say)
    run_url(stage, options)


def run_url(stage: Stage, _: argparse.Namespace) -> None:
    """Write the page's URL and the WebSocket API's, one a line."""
    for url in urls(stage):
        say(url)


def run_logs(stage: Stage, options: argparse.Namespace) -> None:
    """Write what the functions have logged."""
    read = logs.follow if options.follow else logs.read
    since = int(time.time() * 1000) - options.minutes * MINUTE_MS
    for event in read(stage.client("logs"), stage.functions, since):
        say(logs.line(event))


def run_redrive(stage: Stage, _: argparse.Namespace) -> None:
    """Give the dead letters another try."""
    outputs = stage.stack.outputs()
    result = redrive(stage.client("sqs"), outputs["DeadLetterQueueUrl"], outputs["QueueUrl"])
    say(f"Dead letters put back into the queue: {result.moved}")
    if result.left:
        say(
            f"Still there: {result.left}, which somebody has received, and are out of reach until"
            " the visibility timeout has passed. Try again then."
        )


def run_forget(stage: Stage, options: argparse.Namespace) -> None:
    """Erase a user's data: texts, names, connections."""
    forget(stage, options.user, say)


def run_destroy(stage: Stage, _: argparse.Namespace) -> None:
    """Take away everything of a stage."""
    destroy(stage, say)
    say(f"Nothing of stage {stage.name} is left.")


def run_package(stage: Stage, options: argparse.Namespace) -> None:
    """Write one CloudFormation template of everything, and the zip."""
    package(stage, options.out)
    say(f"Written: {options.out}/sam.json and {options.out}/deployment.zip")


def main(arguments: list[str]) -> int:
    """Run one command; return the exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `make url | head -1` is no error
    logging.getLogger("botocore").setLevel(logging.WARNING)
    try:
        with told(options.stage):
            options.run(Stage(options.stage, say), options)
    except DeployError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra", description=__doc__)
    commands = parser.add_subparsers(required=True)

    def command(
        name: str, run: Callable[[Stage, argparse.Namespace], None]
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=run.__doc__, description=run.__doc__)
        added.add_argument("--stage", default="dev", help="a stage of .chalice/config.json")
        added.set_defaults(run=run)
        return added

    command("deploy", run_deploy).add_argument(
        "--dry-run", action="store_true", help="tell what Chalice would do, and do nothing"
    )
    command("url", run_url)
    reading = command("logs", run_logs)
    reading.add_argument("--minutes", type=int, default=10, help="how far to look back")
    reading.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    command("redrive", run_redrive)
    forgetting = command("forget", run_forget)
    forgetting.add_argument("--user", default="", help="the user's id, as others' frames show it")
    command("destroy", run_destroy)
    command("package", run_package).add_argument(
        "--out", type=Path, default=Path("build"), help="the folder to write to"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
