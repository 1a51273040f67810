"""Changes that make `chalice local` reload."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from chalice.cli.filewatch.stat import StatFileWatcher

from apigw_local import reload

if TYPE_CHECKING:
    from pathlib import Path

WATCHED = (
    "app.py",
    "chalicelib/core/numbering.py",
    "chalicelib/docs/page.html",
    "static/page/app.js",
    ".chalice/config.json",
)
IGNORED = (
    ".env",
    ".venv/lib/site.py",
    ".chalice/deployed/dev.json",
    "env/pyvenv.cfg",
    "chalicelib/__pycache__/rooms.pyc",
    "chalicelib/.rooms.py.swp",
    "chalicelib/core/numbering.py~",
    "node_modules/a/index.js",
    "tests/test_rooms.py",
)


class Project:
    """A project under the narrowed watcher, as it is in a worker that has just started."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in (*WATCHED, *IGNORED):
            self.touch(name)
        self._watcher = StatFileWatcher()
        self._watcher._seed_mtime_cache(str(root))

    def touch(self, name: str) -> None:
        """Create a file, or give it a later time."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        modified = path.stat().st_mtime + 10
        os.utime(path, (modified, modified))

    def reloads(self) -> int:
        """Let the watcher look, and return how often it asks for a reload."""
        requests: list[None] = []
        self._watcher._single_pass_poll(str(self.root), lambda: requests.append(None))
        return len(requests)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with files of every kind."""
    reload.install()
    return Project(tmp_path)


def test_a_quiet_project_does_not_reload(project: Project) -> None:
    """Nothing changes, nothing happens, also in the pass that takes over from Chalice's."""
    assert [project.reloads(), project.reloads()] == [0, 0]


@pytest.mark.parametrize("name", WATCHED)
@pytest.mark.parametrize("passes", [0, 1], ids=["first-pass", "later"])
def test_a_source_that_changes_reloads_once(project: Project, name: str, passes: int) -> None:
    """A file that is served or deployed reloads when it changes, once."""
    for _ in range(passes):
        project.reloads()

    project.touch(name)

    assert [project.reloads(), project.reloads()] == [1, 0]


@pytest.mark.parametrize("passes", [0, 1], ids=["first-pass", "later"])
def test_a_new_source_reloads(project: Project, passes: int) -> None:
    """A module that is added counts as a change."""
    for _ in range(passes):
        project.reloads()

    project.touch("chalicelib/added.py")

    assert project.reloads() == 1


def test_a_deleted_source_reloads(project: Project) -> None:
    """A module that is taken away counts as a change."""
    project.reloads()

    (project.root / "chalicelib/core/numbering.py").unlink()

    assert [project.reloads(), project.reloads()] == [1, 0]


@pytest.mark.parametrize("name", [*IGNORED, "apigw_local/__pycache__/lazy.cpython-311.pyc"])
@pytest.mark.parametrize("passes", [0, 1], ids=["first-pass", "later"])
def test_caches_tests_and_scratch_files_do_not_reload(
    project: Project, name: str, passes: int
) -> None:
    """Files of tools, editors and the interpreter cause no reload."""
    for _ in range(passes):
        project.reloads()

    project.touch(name)

    assert project.reloads() == 0
