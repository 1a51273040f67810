"""Chalice project: its folder, its settings of a stage, and its app."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from chalice.cli.factory import CLIFactory, UnknownConfigFileVersion
from chalice.deploy.validate import ExperimentalFeatureError, validate_routes

from apigw_local.console.formatter import LineFormatter
from apigw_local.errors import LocalError, ProjectError

if TYPE_CHECKING:
    from chalice.app import Chalice

_PACKAGE = Path(__file__).resolve().parent


class Project:
    """Chalice project and one of its stages.

    Attributes:
        folder: the folder of its `app.py`.
        config: Chalice's view of `.chalice/config.json`.
    """

    def __init__(self, folder: Path, stage: str) -> None:
        """Read the project's settings; nothing of its code runs yet.

        Raises:
            LocalError: the folder holds no Chalice project, or its settings are not right.
        """
        self.folder = folder.resolve()
        if not self.folder.is_dir():
            raise LocalError(f"There is no folder {folder}: --project takes the one with app.py.")
        for needed in ("app.py", ".chalice/config.json"):
            if not (self.folder / needed).is_file():
                raise LocalError(
                    f"{self.folder} is no Chalice project: it has no {needed}. Run this there, or"
                    " name the project's folder with --project."
                )
        # Its environment is `enter`'s to set, before boto3 is led to the local AWS.
        factory = CLIFactory(str(self.folder), environ={})
        try:
            self.config = factory.create_config_obj(chalice_stage_name=stage)
        except (RuntimeError, UnknownConfigFileVersion) as error:
            raise LocalError(f"{self.folder / '.chalice' / 'config.json'}: {error}") from error

    def enter(self) -> None:
        """Set this process up for the project: its folder, its environment, its modules.

        Modules are found as `chalice local` finds them: in the project's folder first, and not
        in the folder where the command was typed.
        """
        os.chdir(self.folder)
        os.environ.update(self.config.environment_variables)
        os.environ["AWS_CHALICE_CLI_MODE"] = "true"
        found = sys.path if sys.flags.safe_path else sys.path[1:]  # the first is where -m was typed
        sys.path[:] = [str(self.folder), *found]

    def load(self) -> Chalice:
        """Import the app.

        Raises:
            ProjectError: that fails, or the app is one that `chalice deploy` would refuse.
        """
        try:
            app = self.config.chalice_app
        except ExperimentalFeatureError as error:
            raise ProjectError(f"{self.folder / 'app.py'}: {error}") from error
        except BaseException as error:  # an app that calls sys.exit() is to be mended too
            raise ProjectError(
                f"{self.folder / 'app.py'} can't be imported:\n\n{self._trace(error)}"
            ) from error
        try:
            validate_routes(app.routes)
        except ValueError as error:
            raise ProjectError(f"{self.folder / 'app.py'}: {error}") from error
        return app

    def clash(self) -> Path | None:
        """Return the project's own package or module `apigw_local`, hidden by this one, or None."""
        for name in ("apigw_local/__init__.py", "apigw_local.py"):
            theirs = self.folder / name
            if theirs.exists() and not theirs.resolve().is_relative_to(_PACKAGE):
                return theirs
        return None

    def _trace(self, error: BaseException) -> str:
        if isinstance(error.__context__, SyntaxError):
            error = error.__context__  # Chalice has made a RuntimeError of it
        return LineFormatter(self.folder).traceback(error)
