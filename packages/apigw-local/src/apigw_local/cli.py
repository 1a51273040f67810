"""Command line: `python -m apigw_local --project DIR` runs a Chalice project unchanged."""

from __future__ import annotations

import argparse
import logging
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import chalice.local
from chalice.cli import reloader
from chalice.cli.filewatch.stat import StatWorkerProcess

from apigw_local import devserver, options, reload
from apigw_local.errors import LocalError, ProjectError
from apigw_local.project import Project
from apigw_local.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_COMMAND = "python -m apigw_local"


def main(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """Serve a project until Ctrl-C, anew after each change of its files.

    It runs twice, as `chalice local` does: the first process starts a worker, which serves, and
    starts the next worker after a change.

    Args:
        arguments: the arguments after the command.
        env: the environment.

    Returns:
        The exit status: 0, or 1 if the project can't be served.
    """
    parsed = _parser().parse_args(arguments)
    texts = {"APIGW_LOCAL_LIMITS": parsed.limits, "APIGW_LOCAL_CHAOS": parsed.chaos}
    flags = {name: text for name, text in texts.items() if text is not None}
    try:
        project = Project(parsed.project, parsed.stage)
        given = replace(
            options.from_environment({**env, **flags}),
            command=_COMMAND,
            websocket_port=parsed.ws_port,
            resources=tuple(_existing(path) for path in parsed.resources),
            verbose=parsed.verbose,
        )
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1
    if "CHALICE_WORKER" not in env and (theirs := project.clash()):
        print(
            f"{theirs} is not what runs this app: `import apigw_local` gives"
            f" {Path(__file__).parent}, in the app too.",
            file=sys.stderr,
        )
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    reload.install()
    sys.argv = [sys.executable, *sys.orig_argv[1:]]  # the reloader's command for its workers
    server = partial(_server, project, Runtime(project.config, given), parsed.host, parsed.port)
    return reloader.run_with_reloader(
        server, dict(env), str(project.folder), worker_process_cls=StatWorkerProcess
    )


def _server(
    project: Project, runtime: Runtime, host: str, port: int
) -> chalice.local.LocalDevServer:
    """Load the project in this process, a worker of the reloader's."""
    devserver.install(partial(devserver.DevServer, runtime=runtime))
    try:
        project.enter()
        runtime.prepare()
        app = project.load()
    except ProjectError as error:
        devserver.stand_by(error)
    except LocalError as error:
        devserver.give_up(str(error))
    return chalice.local.create_local_server(app, project.config, host, port)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise LocalError(f"There is no file {path}: --resources takes a CloudFormation template.")
    return path.resolve()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_COMMAND,
        description="Run a Chalice project on this machine: HTTP routes, WebSockets, queues, and"
        " an AWS of its own.",
    )
    add = parser.add_argument
    add("--project", type=Path, default=Path(), metavar="DIR", help="its folder (here)")
    add("--stage", default="dev", metavar="NAME", help="of .chalice/config.json (dev)")
    add("--host", default="127.0.0.1", metavar="ADDRESS", help="to listen on (127.0.0.1)")
    add("--port", type=_port, default=8000, help="of the HTTP routes (8000)")
    add("--ws-port", type=_port, metavar="PORT", help="of the WebSocket API (the one above)")
    add(
        "--resources",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a CloudFormation template to create, JSON or YAML; again for another (resources.json"
        " or infra/resources.json)",
    )
    add("--limits", metavar="TEXT", help="quotas to change, such as idle_seconds=60")
    add("--chaos", metavar="TEXT", help="faults to inject, such as seed=1,lost_disconnect_rate=0.1")
    add("--verbose", action="store_true", help="show the whole event of each invocation")
    return parser


def _port(text: str) -> int:
    if text.isdecimal() and 0 < int(text) < 2**16:
        return int(text)
    raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, not {text!r}")
