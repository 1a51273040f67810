"""Debian's Chromium under Playwright, which would otherwise bring a browser of its own."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Quiet: a browser under test has nothing to ask of the network. No sandbox: it needs user
# namespaces, which containers seldom grant, and the only page visited is ours.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find() -> str | None:
    """The path of the first Chromium on PATH, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def running(executable: str) -> Iterator[Browser]:
    """A headless browser, closed at the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()
