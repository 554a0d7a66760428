"""A real Chromium on the real page, with the fake engine behind it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest

from studio.app import create_app
from studio.engine.fake import FakeEngine
from tests.conftest import Served

STEP_S = 0.1
"""A step of the fake engine in most tests: slow enough to act while it runs."""


def chromium() -> str | None:
    """The browser to test with, as the README says."""
    named = os.environ.get("STUDIO_CHROMIUM")
    if named:
        return named
    return shutil.which("chromium") or shutil.which("google-chrome")


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


@pytest.fixture
def served(serve: Callable[..., Served]) -> Served:
    """The studio with its page."""
    return serve(FakeEngine(step_s=STEP_S, fail_on="break now"), app=create_app)


@pytest.fixture
def visit(browser, served: Served) -> Iterator[Callable]:
    """Opens the page as a new visitor: `visit(width=390)`; `visit(context=page.context)` opens
    another tab of the same visitor. No error may reach the browser's console."""
    contexts, errors = [], []

    def open_page(width: int = 1440, height: int = 900, context=None, **options):
        if context is None:
            context = browser.new_context(viewport={"width": width, "height": height}, **options)
            contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(served.url)
        page.locator("#generate").wait_for()
        page.locator(".welcome button").first.wait_for(state="attached")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []
