"""The Chalice application of one stage, deployed and deleted by Chalice itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from chalice.cli.factory import CLIFactory
from chalice.deploy.deployer import ChaliceDeploymentError, ResultsRecorder
from chalice.utils import UI, OSUtils

from chalicelib.errors import SettingsError
from chalicelib.settings import Settings
from infra import deployment_package
from infra.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import TextIO

    from botocore.session import Session
    from chalice.app import Chalice
    from chalice.config import Config
    from chalice.deploy.deployer import Deployer

Deployed = dict[str, dict[str, Any]]
"""What Chalice remembers of a stage in .chalice/deployed/: its resources by Chalice's names."""

_SCHEMA: Final = {"schema_version": "2.0", "backend": "api"}


class Application:
    """One stage of the Chalice project in a folder.

    Args:
        project: the folder.
        stage: a stage of its .chalice/config.json.
        out: where Chalice writes its progress.

    Raises:
        DeployError: config.json has no such stage.
    """

    def __init__(self, project: Path, stage: str, out: TextIO) -> None:
        self._factory = CLIFactory(str(project), environ=os.environ)
        self._stage = stage
        self._out = out
        stages = self._factory.load_project_config()["stages"]
        if stage not in stages:
            raise DeployError(
                f"There is no stage {stage!r}: .chalice/config.json has {', '.join(stages)}."
            )

    @property
    def config(self) -> Config:
        """The stage's configuration."""
        return self._configured({})

    @property
    def app(self) -> Chalice:
        """The application, imported."""
        return self.config.chalice_app

    def deployed(self) -> Deployed:
        """Return what was deployed last from this folder; nothing if nothing was."""
        known = self.config.deployed_resources(self._stage)
        return {name: known.resource_values(name) for name in known.resource_names()}

    def refuse_unsound_settings(self, environment: Mapping[str, str] | None = None) -> None:
        """Stop where the functions would refuse to start, as prod does without tokens.

        Args:
            environment: variables for the functions, beside those in config.json.

        Raises:
            DeployError: naming the setting and what it takes.
        """
        told = {**(environment or {}), **self.config.environment_variables}
        try:
            Settings.from_env({"AWS_REGION": "set by Lambda", **told})
        except SettingsError as error:
            raise DeployError(
                f"The functions of stage {self._stage!r} could not start: {error}"
            ) from None

    def deploy(self, session: Session, environment: Mapping[str, str]) -> None:
        """Do what `chalice deploy` does.

        What was made before a failure is remembered, so that the next attempt goes on from there
        and does not find its own names taken.

        Args:
            session: the account and region.
            environment: variables for the functions, beside those in config.json.

        Raises:
            ChaliceDeploymentError: as Chalice raises it.
        """
        config = self._configured(environment)
        deployer = self._factory.create_default_deployer(session, config, UI(self._out))
        deployment_package.use(deployer._build_stage)
        try:
            deployer.deploy(config, self._stage)
        except ChaliceDeploymentError:
            self._remember(deployer, config)
            raise

    def plan(self, session: Session, environment: Mapping[str, str]) -> None:
        """Write what `deploy` would do, and do nothing."""
        config = self._configured(environment)
        deployer = self._factory.create_plan_only_deployer(session, config, UI(self._out))
        deployment_package.use(deployer._build_stage)
        deployer.deploy(config, self._stage)

    def delete(self, session: Session) -> None:
        """Do what `chalice delete` does."""
        deployer = self._factory.create_deletion_deployer(session, UI(self._out))
        deployer.deploy(self.config, self._stage)

    def _configured(self, environment: Mapping[str, str]) -> Config:
        return self._factory.create_config_obj(
            self._stage, user_provided_params={"environment_variables": dict(environment)}
        )

    def _remember(self, deployer: Deployer, config: Config) -> None:
        made = {value["name"]: value for value in deployer._executor.resource_values}
        known = self.deployed() | made
        if known:
            ResultsRecorder(OSUtils()).record_results(
                {"resources": list(known.values()), **_SCHEMA}, self._stage, config.project_dir
            )
