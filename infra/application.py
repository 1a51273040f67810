"""The Chalice application of one stage, deployed and deleted by Chalice itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from chalice.app import SQSEventConfig
from chalice.cli.factory import CLIFactory
from chalice.deploy.appgraph import ApplicationGraphBuilder, DependencyBuilder
from chalice.deploy.deployer import ResultsRecorder
from chalice.utils import UI, OSUtils

from chalicelib.core.errors import SettingsError
from chalicelib.settings import Settings
from infra import deployment_package
from infra.concurrency import UNBOUNDED, Share
from infra.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from botocore.session import Session
    from chalice.app import Chalice
    from chalice.config import Config
    from chalice.deploy import models

Deployed = dict[str, dict[str, Any]]
"""Chalice's record of a stage in .chalice/deployed/: its resources by Chalice's names."""

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

    @property
    def begun(self) -> bool:
        """Whether a deployment has begun from this folder, and was not destroyed."""
        return self._record.exists()

    def settings(
        self, environment: Mapping[str, str] | None = None, region: str = "set by Lambda"
    ) -> Settings:
        """Return the settings of the functions, which would refuse to start without sound ones.

        Args:
            environment: variables for the functions, beside those in config.json.
            region: the AWS region.

        Raises:
            DeployError: naming the setting and what it takes, as prod does without tokens.
        """
        told = {**(environment or {}), **self.config.environment_variables}
        try:
            return Settings.from_env({"AWS_REGION": region, **told})
        except SettingsError as error:
            raise DeployError(
                f"The functions of stage {self._stage!r} could not start: {error}. Settings are"
                " the stage's environment_variables in .chalice/config.json; docs/security.md has"
                " those of prod."
            ) from None

    @property
    def resources(self) -> list[models.Model]:
        """Chalice's models of the resources that the stage consists of."""
        application = ApplicationGraphBuilder().build(self.config, self._stage)
        found: list[models.Model] = DependencyBuilder().build_dependencies(application)
        return found

    @property
    def share(self) -> Share:
        """Number of broadcasts that the configuration wants to run at once."""
        configured = self.config.scope(self._stage, "broadcast").reserved_concurrency
        return Share(configured, self._source.maximum_concurrency or UNBOUNDED)

    def deploy(
        self, session: Session, environment: Mapping[str, str], share: Share | None = None
    ) -> None:
        """Do what `chalice deploy` does.

        Args:
            session: the account and region.
            environment: variables for the functions, beside those in config.json.
            share: how many broadcasts may run at once, instead of the configured share.

        Raises:
            ChaliceDeploymentError: as Chalice raises it.
        """
        config = self._configured(environment)
        if share:
            stage = config.config_from_disk["stages"][self._stage]
            stage["lambda_functions"]["broadcast"]["reserved_concurrency"] = share.reserved
            self._source.maximum_concurrency = share.maximum
        deployer = self._factory.create_default_deployer(session, config, UI(self._out))
        deployment_package.use(deployer._build_stage)
        deployer.deploy(config, self._stage)

    def remember(self, deployed: Deployed) -> None:
        """Write down resources as Chalice does; none to say that a deployment has begun."""
        ResultsRecorder(OSUtils()).record_results(
            {"resources": list(deployed.values()), **_SCHEMA}, self._stage, self.config.project_dir
        )

    def forget(self) -> None:
        """Take what is remembered away."""
        self._record.unlink(missing_ok=True)

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

    @property
    def _record(self) -> Path:
        return Path(self.config.project_dir, ".chalice", "deployed", f"{self._stage}.json")

    @property
    def _source(self) -> SQSEventConfig:
        [source] = (each for each in self.app.event_sources if isinstance(each, SQSEventConfig))
        return source
