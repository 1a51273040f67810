"""Error messages of `python -m apigw_local`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from apigw_local.cli import main
from apigw_local.project import Project
from gateway_support.terminal import copy_app

if TYPE_CHECKING:
    from pathlib import Path

Output = pytest.CaptureFixture[str]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that could be served."""
    return copy_app(tmp_path)


def refusal(output: Output, project: Path, *options: str, **env: str) -> str:
    """Run the command, which has to end with 1, and return what it says."""
    assert main(["--project", str(project), *options], env) == 1
    return output.readouterr().err


def test_a_missing_folder_is_told(capsys: Output, tmp_path: Path) -> None:
    """The message has the folder and the flag."""
    assert f"There is no folder {tmp_path}/none: --project" in refusal(capsys, tmp_path / "none")


@pytest.mark.parametrize("needed", ["app.py", ".chalice/config.json"])
def test_what_a_project_lacks_is_told(capsys: Output, project: Path, needed: str) -> None:
    """A folder without an app, or without its settings, is no project."""
    (project / needed).unlink()

    assert f"{project} is no Chalice project: it has no {needed}." in refusal(capsys, project)


@pytest.mark.parametrize(
    ("settings", "reason"), [("{", "Expecting property name"), ('{"version": "9.0"}', "9.0")]
)
def test_settings_that_chalice_refuses_are_told(
    capsys: Output, project: Path, settings: str, reason: str
) -> None:
    """The message has the file, and Chalice's reason."""
    (project / ".chalice/config.json").write_text(settings)

    said = refusal(capsys, project)

    assert f"{project}/.chalice/config.json: " in said
    assert reason in said


def test_a_missing_template_is_told(capsys: Output, project: Path) -> None:
    """Each --resources has to be a file."""
    said = refusal(capsys, project, "--resources", "none.yaml")

    assert "There is no file none.yaml: --resources takes a CloudFormation template." in said


@pytest.mark.parametrize("kind", ["limits", "chaos"])
@pytest.mark.parametrize("by_flag", [True, False], ids=["flag", "environment"])
def test_options_that_are_not_understood_are_told(
    capsys: Output, project: Path, kind: str, *, by_flag: bool
) -> None:
    """An unknown key ends the command, whether a flag or the environment gave it."""
    given = {f"APIGW_LOCAL_{kind.upper()}": "nonsense=1"}

    said = refusal(capsys, project, *([f"--{kind}=nonsense=1"] if by_flag else []), **given)

    assert f"{kind} has no 'nonsense'. There are: " in said


def test_a_flag_goes_before_the_environment(capsys: Output, project: Path) -> None:
    """A flag hides the environment's value."""
    said = refusal(capsys, project, "--limits", "one=1", APIGW_LOCAL_LIMITS="two=2")

    assert "'one'" in said
    assert "'two'" not in said


@pytest.mark.parametrize("text", ["0", "65536", "http"])
def test_an_impossible_port_is_told(capsys: Output, project: Path, text: str) -> None:
    """The message has the range and the value, and the status is that of wrong usage."""
    with pytest.raises(SystemExit) as ended:
        main(["--project", str(project), "--ws-port", text], {})

    assert ended.value.code == 2
    assert f"a port is a number from 1 to 65535, not '{text}'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["apigw_local/__init__.py", "apigw_local.py"])
def test_a_package_of_the_projects_own_is_found(project: Path, name: str) -> None:
    """A package or module of this package's name is one that the app does not get."""
    theirs = project / name
    theirs.parent.mkdir(exist_ok=True)
    theirs.touch()

    assert Project(project, "dev").clash() == theirs


def test_a_link_to_this_package_is_no_clash(tmp_path: Path, project: Path) -> None:
    """An app that attaches this very package, or has none of that name, gets what it wants."""
    assert Project(project, "dev").clash() is None
    assert Project(copy_app(tmp_path, "echo"), "dev").clash() is None


def test_a_stage_is_read_as_chalice_reads_it(project: Path) -> None:
    """The stage chooses the environment, over what holds for all stages."""
    settings = {
        "version": "2.0",
        "app_name": "plain",
        "environment_variables": {"ONE": "all", "TWO": "all"},
        "stages": {"beta": {"environment_variables": {"TWO": "beta"}}},
    }
    (project / ".chalice/config.json").write_text(json.dumps(settings))

    environment = Project(project, "beta").config.environment_variables

    assert environment == {"ONE": "all", "TWO": "beta"}
