"""The embedded AWS's life: shared by the workers of one run, and not a moment longer than it."""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from apigw_local.aws.emulator import Emulator
from apigw_local.errors import LocalError
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def owner() -> Iterator[subprocess.Popen[bytes]]:
    """A process that does nothing until it is ended."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def accepts(host: str, endpoint: str) -> bool:
    """Return whether something listens on a host at an endpoint's port."""
    with closing(socket.socket()) as client:
        return client.connect_ex((host, urlsplit(endpoint).port)) == 0


def test_a_second_worker_finds_it(tmp_path: Path) -> None:
    """The workers of one project and owner share one emulator, and so what is in it."""
    first = Emulator(tmp_path, os.getpid()).endpoint()
    second = Emulator(tmp_path, os.getpid()).endpoint()

    assert second == first


def test_another_run_has_its_own(tmp_path: Path, owner: subprocess.Popen[bytes]) -> None:
    """Two runs of one project at a time share nothing."""
    ours = Emulator(tmp_path, os.getpid()).endpoint()
    theirs = Emulator(tmp_path, owner.pid).endpoint()

    assert theirs != ours


def test_it_dies_with_its_owner(tmp_path: Path, owner: subprocess.Popen[bytes]) -> None:
    """Once the owner is killed, the emulator is gone and its folder with it."""
    emulator = Emulator(tmp_path, owner.pid)
    endpoint = emulator.endpoint()

    owner.kill()

    wait_until(lambda: not accepts("127.0.0.1", endpoint))
    wait_until(lambda: not emulator.folder.exists())


def test_it_is_started_anew_when_it_has_died(
    tmp_path: Path, owner: subprocess.Popen[bytes]
) -> None:
    """An address that a dead emulator has left behind is not taken for a living one's."""
    emulator = Emulator(tmp_path, owner.pid)
    emulator.folder.mkdir()
    (emulator.folder / "address").write_text('{"port": 1}')

    assert accepts("127.0.0.1", emulator.endpoint())


def test_it_listens_on_the_loopback_address_only(tmp_path: Path) -> None:
    """Other machines can't reach it: it isn't bound to every address."""
    endpoint = Emulator(tmp_path, os.getpid()).endpoint()

    assert accepts("127.0.0.1", endpoint)
    assert not accepts("127.0.0.2", endpoint)


def test_failing_to_start_is_reported(tmp_path: Path, owner: subprocess.Popen[bytes]) -> None:
    """An emulator that ends at once (its owner is gone) is an error, not a long wait."""
    owner.kill()
    owner.wait()

    with pytest.raises(LocalError, match="MiniStack ended with code 0"):
        Emulator(tmp_path, owner.pid).endpoint()
