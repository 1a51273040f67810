"""The project, deployed as a user deploys it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import boto3

from tests.support import checkout, strict
from tests.support.project import PROJECT

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.support.checkout import Checkout


class Deployment:
    """Stage dev of a checkout, on an emulated AWS, by the lines of the documents.

    Attributes:
        endpoint: the emulated AWS.
        page: the page's URL, as `make deploy` has printed it.
        websocket: the WebSocket API's.
    """

    def __init__(self, checkout: Checkout, endpoint: str) -> None:
        self.endpoint = endpoint
        self._checkout = checkout
        self.page, self.websocket = self.deploy()

    def deploy(self) -> list[str]:
        """Deploy, also again, and return the URLs that it prints."""
        return self.run("deploy").splitlines()[-2:]

    def run(self, target: str) -> str:
        """Type the documented line for a target of `make`, and return what it prints."""
        return self.type(checkout.documented()[target])

    def type(self, line: str) -> str:
        """Type a line, and return what it prints."""
        finished = self._checkout.type(line, **checkout.account(self.endpoint))
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    def interrupted(self, target: str, after: int) -> None:
        """Type a line that somebody interrupts after so many calls that change something."""
        interrupt(self._checkout, self.endpoint, target, after)

    def lose_record(self) -> None:
        """Put what docs/deploy.md says in the place of what Chalice remembers."""
        document = (PROJECT / "docs/deploy.md").read_text()
        [empty] = re.findall(r"put `({.*?})` there", document)
        self._record.write_text(empty)

    def client(self, service: str) -> Any:
        """Make a client of the emulated AWS."""
        return boto3.client(service, endpoint_url=self.endpoint)  # type: ignore[call-overload]

    def deployed(self, name: str) -> Any:
        """Chalice's record of one of its resources."""
        remembered = json.loads(self._record.read_text())
        return next(each for each in remembered["resources"] if each["name"] == name)

    @property
    def _record(self) -> Path:
        return self._checkout.project / ".chalice/deployed/dev.json"


def type_documented(
    there: Checkout, endpoint: str, target: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Type the documented line for a target, with the documented variables and no others."""
    line = checkout.documented()[target]
    return there.type(line, **checkout.account(endpoint), **variables)


def interrupt(there: Checkout, endpoint: str, target: str, after: int) -> None:
    """Type a line that somebody interrupts after so many calls that change something."""
    finished = type_documented(there, endpoint, target, **{strict.INTERRUPT: str(after)})
    assert finished.returncode, finished.stdout
    assert "failed with" not in finished.stderr
    assert "Traceback" not in finished.stderr
