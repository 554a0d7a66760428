"""A real Chromium on the real page, with the fake engine behind it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from studio.engine.fake import FakeEngine
from studio.store.finding import Filters
from studio.web import create_app
from tests.conftest import Served, servers

STEP_S = 0.005
"""A step of the fake engine where nobody acts while it draws; with `slow`, SLOW_S."""
SLOW_S = 0.1
FRAME = ("*/assets/*", "*/theme.css*")
"""Addresses of what Gradio's frame is made of."""


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
            # The first for containers; the second keeps the browser's own calls home away; the
            # third spares a processor that draws every frame itself the moves between two states.
            args=[
                "--no-sandbox",
                "--disable-background-networking",
                "--force-prefers-reduced-motion",
            ],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """What `npm install axe-core` puts into node_modules/axe-core/axe.min.js."""
    path = os.environ.get("STUDIO_AXE")
    if not path:
        pytest.skip("STUDIO_AXE does not say where axe.min.js is (npm install axe-core)")
    return Path(path).read_text("utf-8")


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


def newest(served: Served) -> set[str]:
    """Ids of the newest pictures, those in the trash too."""
    library = served.studio.library
    found = [library.page(Filters(trashed=trashed), 200).rows for trashed in (False, True)]
    return {row.id for rows in found for row in rows}


@pytest.fixture
def served(one_studio: Served) -> Iterator[Served]:
    """The studio without a job, nor a picture that another test made. A module whose tests change
    models or settings starts one for each test, by a `served` of its own."""
    before = newest(one_studio)
    yield one_studio
    for job in one_studio.studio.queue.jobs():
        one_studio.studio.queue.delete(job.id)
    for id in newest(one_studio) - before:
        one_studio.studio.library.erase(id)


@pytest.fixture
def slow(served: Served) -> Iterator[Callable[[], None]]:
    """The engine draws slowly enough to act meanwhile; once this is called, the rest at once."""
    engine, quick_s = served.engine, served.engine.step_s
    engine.step_s = SLOW_S
    yield lambda: setattr(engine, "step_s", 0.0)
    engine.step_s = quick_s


@pytest.fixture(scope="module")
def known_visitors(browser) -> Iterator[dict]:
    """Pages of a module's visitors by the window they have, to be used again: the browser need
    neither start a process for them nor fetch again what it has."""
    pages: dict = {}
    yield pages
    for page in pages.values():
        page.context.close()


@pytest.fixture
def visit(request, browser, served: Served, known_visitors: dict) -> Iterator[Callable]:
    """Opens the page as a new visitor: `visit(width=390)`; `visit(context=page.context)` opens
    another tab of the same visitor. No error may reach the browser's console.

    Gradio's frame comes with `visit(frame=True)` alone. Its scripts cost more than all else of a
    visit, and the page is whole before they run; what happens when they do, test_page.py shows."""
    used, tabs, errors = [], [], []
    failed = request.session.testsfailed

    def note(error) -> None:
        errors.append(str(error))

    def open_page(width=1440, height=900, context=None, frame=False, **options):
        kind = (width, height, frame, repr(sorted(options.items())))
        if context is not None:
            page = open_tab(context, frame)
            tabs.append(page)
        else:
            page = known_visitors.pop(kind, None) or open_tab(
                browser.new_context(viewport={"width": width, "height": height}, **options), frame
            )
            used.append((kind, page))
            forget(page, served.url)
        page.on("pageerror", note)
        page.goto(served.url)
        page.locator("#generate").wait_for()
        page.locator(".welcome button").first.wait_for(state="attached")
        if frame:
            page.locator(".studio-frame #studio").wait_for(state="attached")
        return page

    yield open_page
    for page in tabs:
        page.close()
    keep = "one_studio" in request.fixturenames and request.session.testsfailed == failed
    for kind, page in used:
        if keep and kind not in known_visitors and not page.is_closed():
            leave(page)
            page.remove_listener("pageerror", note)
            known_visitors[kind] = page
        else:
            page.context.close()
    assert errors == []


def open_tab(context, frame: bool):
    page = context.new_page()
    page.set_default_timeout(15_000)
    if not frame:
        send = context.new_cdp_session(page).send
        send("Network.enable")
        send("Network.setBlockedURLs", {"urls": FRAME})
    return page


def leave(page) -> None:
    """Undo what a test did to a page beside using it."""
    page.unroute_all()
    page.context.set_offline(False)
    page.context.clear_permissions()
    page.goto("about:blank")


def forget(page, url: str) -> None:
    """Make of a visitor one who was never here: nothing of the studio at `url` is kept."""
    page.context.clear_cookies()
    everything = {"origin": url, "storageTypes": "local_storage,indexeddb"}
    page.context.new_cdp_session(page).send("Storage.clearDataForOrigin", everything)
