"""Links among the documents lead to files and headings that are there."""

from __future__ import annotations

import re

import pytest

from tests.support.project import PROJECT

DOCUMENTS = [*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")]
LINKS = [
    (document.relative_to(PROJECT).as_posix(), path, anchor)
    for document in DOCUMENTS
    for path, anchor in re.findall(
        r"\]\((?!https?:)([\w./-]*)(?:#([\w-]+))?\)", document.read_text()
    )
]


@pytest.mark.parametrize(("document", "path", "anchor"), LINKS)
def test_a_link_leads_somewhere(document: str, path: str, anchor: str) -> None:
    """To a file, and to a heading in it by the name that GitHub gives it."""
    source = PROJECT / document
    target = source.parent / path if path else source
    assert target.exists()
    if anchor:
        headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
        names = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
        assert anchor in names
