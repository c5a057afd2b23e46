"""The Chromium the pages are tried in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser")
"""The first one draws the same and spends half the time on it: it has no windows, menus and profiles."""


def _path() -> str:
    """The program's path."""
    found = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if found is None:
        raise FileNotFoundError(f"none of {', '.join(_PROGRAMS)} is installed; make test installs one")
    return found


@contextmanager
def chromium() -> Iterator[Any]:
    """The browser, started, and ended with the context; to be used where no other Playwright runs."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_path(), args=_OPTIONS)
        try:
            yield browser
        finally:
            browser.close()
