"""The licences of what ships, as the packages themselves tell them: `python -m infra.licences`."""

from __future__ import annotations

import re
from importlib.metadata import metadata
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parent.parent
PAGE: Final = PROJECT / "docs/licences.md"
CLASSIFIER: Final = "License :: OSI Approved :: "

HEAD: Final = """\
# Licences

What the functions' zip holds besides Fanfare itself, which is under the [MIT licence](../LICENSE).
The page holds nothing of others.
`make licences` writes this list, from what the packages tell of themselves.

| package | version | licence |
|---|---|---|
"""


def shipped(requirements: str) -> list[str]:
    """Return the packages that ship: those that are pinned, and Chalice, which packs itself."""
    return sorted({"chalice", *re.findall(r"^([a-z0-9-]+)==", requirements, re.MULTILINE)})


def licence(package: str) -> str:
    """Return the licence of an installed package: SPDX where it says so, else its own words."""
    told = metadata(package).json
    classifiers = [
        value.removeprefix(CLASSIFIER)
        for value in told.get("classifier", [])
        if value.startswith(CLASSIFIER)
    ]
    return str(told.get("license_expression") or told.get("license") or " AND ".join(classifiers))


def page(requirements: str) -> str:
    """Return the list as Markdown."""
    rows = (
        f"| {package} | {metadata(package)['Version']} | {licence(package)} |\n"
        for package in shipped(requirements)
    )
    return HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page((PROJECT / "requirements.txt").read_text()))
