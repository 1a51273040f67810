"""The set-up of `make`, before it does what it is asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.project import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

LINE: Final = "Setting up .venv (once; about {})\n"
TOOLS: Final = ("make", "sh", "touch", "mkdir", "cp")
STUB: Final = """\
#!/bin/sh
echo "$0 $*" >> "$CALLS"
case "$*" in
  *"venv --"*)
    mkdir -p .venv/bin; cp "$STUBS/python3" .venv/bin/python; cp "$STUBS/chalice" .venv/bin ;;
  *"pip install"*) exit "${BROKEN:-0}" ;;
esac
"""


class Machine:
    """A checkout, and a path with nothing on it but stubs of Python, and of uv where it is there.

    Args:
        folder: for both.
        installer: `uv`, or `pip` for a machine that has no uv.
    """

    def __init__(self, folder: Path, installer: str) -> None:
        self.project, self._calls = folder / "project", folder / "calls"
        self._path = folder / "bin"
        self.project.mkdir()
        self._path.mkdir()
        for path in [PROJECT / "Makefile", *PROJECT.glob("requirements*.txt")]:
            shutil.copy(path, self.project)
        for tool in TOOLS:
            (self._path / tool).symlink_to(shutil.which(tool) or tool)
        stubs = {"python3": STUB, "chalice": "#!/bin/sh\necho served\n"}
        for name, text in (stubs | ({"uv": STUB} if installer == "uv" else {})).items():
            (self._path / name).write_text(text)
            (self._path / name).chmod(0o755)

    def make(self, target: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Type `make` and a target."""
        own = {"PATH": str(self._path), "STUBS": str(self._path), "CALLS": str(self._calls)}
        return subprocess.run(
            ["make", "--no-print-directory", target],
            cwd=self.project,
            env={key: os.environ[key] for key in ("HOME", "LANG") if key in os.environ}
            | own
            | variables,
            check=False,
            capture_output=True,
            text=True,
        )

    def calls(self, word: str) -> list[str]:
        """The calls of stubs with that word in them."""
        return [line for line in self._calls.read_text().splitlines() if word in line]


@pytest.fixture(params=["uv", "pip"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    """One with uv, and one without."""
    return Machine(tmp_path, request.param)


def test_make_run_says_one_line_and_installs_what_running_takes(machine: Machine) -> None:
    """By its hashes, without what tests take, and once."""
    assert machine.make("run").stdout == LINE.format("half a minute") + "served\n"
    [install] = machine.calls("--requirement ")
    assert "--require-hashes --requirement requirements-run.txt" in install
    assert machine.make("run").stdout == "served\n"
    assert machine.calls("--requirement ") == [install]


def test_what_tests_take_is_added_to_the_environment_that_is_there(machine: Machine) -> None:
    """It is not made anew."""
    machine.make("run")
    assert machine.make(".venv/.ready").stdout == LINE.format("a minute")
    assert len(machine.calls("venv --")) == 1
    assert (
        "--require-hashes --requirement requirements-dev.txt" in machine.calls("--requirement ")[1]
    )


def test_an_environment_for_tests_is_one_to_run_in(machine: Machine) -> None:
    """So `make run` after `make test` has nothing to set up."""
    machine.make(".venv/.ready")
    assert machine.make("run").stdout == "served\n"


def test_a_set_up_that_failed_is_done_again(machine: Machine) -> None:
    """`make` fails with it, and does not take the environment for a whole one next time."""
    broken = machine.make("run", BROKEN="7")
    assert broken.returncode
    assert "served" not in broken.stdout
    assert machine.make("run").stdout == LINE.format("half a minute") + "served\n"


@pytest.mark.parametrize(("installer", "wanted"), [("uv", "bin/uv pip"), ("pip", "python -m pip")])
def test_uv_installs_where_it_is_there(installer: str, wanted: str, tmp_path: Path) -> None:
    """Else pip does, which every Python has."""
    machine = Machine(tmp_path, installer)
    machine.make("run")
    assert all(wanted in call for call in machine.calls(" install "))
    assert bool(machine.calls("bin/uv ")) == (installer == "uv")
