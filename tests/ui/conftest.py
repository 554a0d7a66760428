"""A real Chromium on the real page, with the fake engine behind it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from studio.app import create_app
from studio.engine.fake import FakeEngine
from tests.conftest import Served, servers

STEP_S = 0.1
"""A step of the fake engine in most tests: slow enough to act while it runs."""


def chromium() -> str | None:
    """The browser to test with, as the README says: Chromium without its own windows where it is
    installed, which takes a quarter of the seconds less."""
    names = ("chromium-headless-shell", "chromium", "google-chrome")
    named = os.environ.get("STUDIO_CHROMIUM")
    return named or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator:
    path = chromium()
    if path is None:
        reason = "no Chromium found: install chromium, or set STUDIO_CHROMIUM to its path"
        if os.environ.get("STUDIO_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            # The first for containers; the second keeps the browser's own calls home away.
            args=["--no-sandbox", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def engine() -> FakeEngine:
    """What the studio of a module draws with; a module may have its own."""
    return FakeEngine(step_s=STEP_S, fail_on="break now")


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Further models of a module's studio; a module may have its own."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def one_studio(
    tmp_path_factory: pytest.TempPathFactory, engine: FakeEngine, models_dir: Path
) -> Iterator[Served]:
    """The studio with its page, for all tests of a module."""
    with servers(tmp_path_factory.mktemp("studio")) as start:
        yield start(engine, app=create_app, models_dir=(models_dir,))


@pytest.fixture
def served(one_studio: Served) -> Iterator[Served]:
    """The studio without a job. A module whose tests change models or settings starts one for each
    test, by a `served` of its own."""
    yield one_studio
    for job in one_studio.studio.queue.jobs():
        one_studio.studio.queue.delete(job.id)


@pytest.fixture(scope="module")
def known_visitors(browser) -> Iterator[dict]:
    """Visitors of a module by the window they have: what the browser fetched from a studio once
    it need not fetch again."""
    contexts: dict = {}
    yield contexts
    for context in contexts.values():
        context.close()


@pytest.fixture
def visit(request, browser, served: Served, known_visitors: dict) -> Iterator[Callable]:
    """Opens the page as a new visitor: `visit(width=390)`; `visit(context=page.context)` opens
    another tab of the same visitor. No error may reach the browser's console."""
    contexts, pages, errors = [], [], []
    shared = "one_studio" in request.fixturenames

    def visitor(width: int, height: int, **options):
        viewport = {"width": width, "height": height}
        kind = (width, height, *sorted(options.items()))
        here = [page.context for page in pages]
        if shared and known_visitors.get(kind) not in here:
            if kind not in known_visitors:
                known_visitors[kind] = browser.new_context(viewport=viewport, **options)
            return known_visitors[kind]
        contexts.append(browser.new_context(viewport=viewport, **options))
        return contexts[-1]

    def open_page(width: int = 1440, height: int = 900, context=None, **options):
        new = context is None
        context = visitor(width, height, **options) if new else context
        page = context.new_page()
        pages.append(page)
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        if new and context in known_visitors.values():
            forget(page, served.url)
        page.goto(served.url)
        page.locator("#generate").wait_for()
        page.locator(".welcome button").first.wait_for(state="attached")
        return page

    yield open_page
    for page in pages:
        page.close()
    for context in contexts:
        context.close()
    assert errors == []


def forget(page, url: str) -> None:
    """Make of a visitor one who was never here: nothing of the studio at `url` is kept."""
    page.goto(f"{url}/healthz")
    page.evaluate(
        """async () => {
          localStorage.clear();
          sessionStorage.clear();
          for (const { name } of await indexedDB.databases()) {
            await new Promise((done) => {
              const request = indexedDB.deleteDatabase(name);
              request.onsuccess = request.onerror = request.onblocked = done;
            });
          }
        }"""
    )
    page.context.clear_cookies()
