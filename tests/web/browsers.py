"""Real browsers for the console's tests: a page that fails its test if the browser complains about anything."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from consoles import ROOT, Console, build_site, running_console
from playwright.sync_api import Browser, Page, sync_playwright

PATIENCE_MS = 10_000

OpenPage = Callable[..., Page]


class Complaints:
    """What the browser complained about: errors on its console, in scripts, and against the policy."""

    def __init__(self) -> None:
        self._seen: list[str] = []
        self._expected: list[str] = []

    def expect(self, pattern: str) -> None:
        """This one belongs to the test, as `status of 502`; a regular expression."""
        self._expected.append(pattern)

    def watch(self, page: Page) -> None:
        """Listen to a page."""
        page.on(
            "console", lambda message: self._seen.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: self._seen.append(f"{error}\n{error.stack}"))

    @property
    def unexpected(self) -> list[str]:
        """Those that no test asked for."""
        return [one for one in self._seen if not any(re.search(pattern, one) for pattern in self._expected)]


@pytest.fixture(scope="session")
def site() -> None:
    """The console's pages are built from what is in `web/` now."""
    build_site()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium. For each module of its own, since it keeps an event loop in this thread."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "tests in a browser need Chromium: see scripts/services.sh"
    with sync_playwright() as playwright:
        # Containers and root have no sandbox; the pages are our own.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def console(site: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """One that the tests of a module share."""
    with running_console(tmp_path_factory.mktemp("console")) as running:
        yield running


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture
def open_page(
    browser: Browser, complaints: Complaints, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[OpenPage]:
    """Opens a page in a profile of its own; takes what `Browser.new_context` takes.

    1280 × 800, light, English, without motion, unless it is told otherwise. A test that fails leaves pictures.
    """
    pages: list[Page] = []

    def open_it(**options: Any) -> Page:
        usual = {"viewport": {"width": 1280, "height": 800}, "locale": "en-US", "reduced_motion": "reduce"}
        page = browser.new_context(**{**usual, **options}).new_page()
        page.set_default_timeout(PATIENCE_MS)
        complaints.watch(page)
        pages.append(page)
        return page

    yield open_it
    if request.session.testsfailed:
        for number, page in enumerate(pages):
            page.screenshot(path=tmp_path / f"page-{number}.png")
    for page in pages:
        page.context.close()
    assert complaints.unexpected == []


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """A page as most people have it."""
    return open_page()


@pytest.fixture(scope="session")
def axe_source() -> str:
    return (ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def axe(axe_source: str) -> Callable[[Page], None]:
    """Has axe-core look for what keeps people from using a page as it is now; fails on what is serious."""

    def check(page: Page) -> None:
        page.evaluate(axe_source)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        serious = [
            f"{one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes'][:5]]}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
        ]
        assert serious == []

    return check
