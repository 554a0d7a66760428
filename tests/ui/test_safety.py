"""The Safety page, and pictures that are blurred until somebody wants to see them."""

from __future__ import annotations

import pytest

from tests.ui.using import generate, shown, wait_for


@pytest.fixture
def judged(served):
    """The studio with a filter that finds everything; its rules are as they were afterwards."""
    safety = served.studio.safety
    was = safety.score
    safety.score = lambda image: 0.93
    yield served
    safety.change({"filter": "off", "forbidden_words": []}, "guest:local")
    safety.score = was


def test_the_owner_forbids_words_and_blurs_and_a_click_shows(visit, judged):
    page = visit()
    page.evaluate("location.hash = 'safety'")
    page.get_by_label("Blur, until a click").check()
    page.get_by_label("Forbidden words or phrases, one a line").fill("gore\nsevered head")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved. It holds from now on.").wait_for()
    page.locator(".safety-log td", has_text="rules changed").wait_for()

    page.get_by_role("link", name="Text to image").click()
    generate(page, "a severed  head")
    page.locator(".status", has_text='holds "severed head"').wait_for()
    generate(page)
    wait_for(page, "finished")
    page.reload()
    page.locator(".frame .veil").wait_for()
    assert shown(page).endswith("?veil=1")
    page.locator(".frame .veil").click()
    page.locator(".frame .veil").wait_for(state="detached")
    assert not shown(page).endswith("?veil=1")
