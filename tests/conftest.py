"""The running application, for every kind of test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.application import Fanfare
from tests.support.project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def fanfare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fanfare]:
    """The application under `chalice local`, started once, on a copy of the project."""
    app = Fanfare(PROJECT, tmp_path_factory.mktemp("fanfare"))
    app.start()
    yield app
    app.stop()


@pytest.fixture(scope="session")
def page_url(fanfare: Fanfare) -> str:
    """URL of the page that the running application serves."""
    return fanfare.page_url
