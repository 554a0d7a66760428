"""The Safety page, and pictures that are blurred until somebody wants to see them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from studio.detectors import wheel
from tests.ui.painting import Canvas
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


@pytest.fixture
def finds_faces(served):
    """The networks that find faces are in the studio's folder, as after their download."""
    folder = os.environ.get("STUDIO_FACE_WHEEL", "")
    if not (folder and (Path(folder) / wheel.NAME).is_file()):
        assert "STUDIO_FACE_WHEEL" not in os.environ, f"there is no {wheel.NAME} in {folder}"
        pytest.skip("STUDIO_FACE_WHEEL names no folder with the wheel")
    wheel.take_out(Path(folder) / wheel.NAME, served.studio.settings.detectors_dir)
    served.studio.safety.change({"ask_for_consent": True}, "guest:local")
    yield served
    served.studio.safety.change({"ask_for_consent": False}, "guest:local")


def test_before_a_photo_with_a_face_is_drawn_over_the_page_asks_once(visit, finds_faces, tmp_path):
    data = pytest.importorskip("skimage.data")
    Image.fromarray(data.astronaut()).save(tmp_path / "portrait.png")
    page = visit()
    Canvas(page, "image_to_image").load(tmp_path / "portrait.png")
    dialog = page.get_by_role("dialog", name="A face is in this picture")
    generate(page, "a painting")
    dialog.get_by_text("Do the people in it agree").wait_for()
    assert page.evaluate("document.activeElement.value") == "no"
    page.keyboard.press("Enter")
    page.locator(".status", has_text="nobody said that the people").wait_for()
    assert finds_faces.studio.queue.jobs() == []

    generate(page, "a painting")
    dialog.get_by_role("button", name="They agree").click()
    wait_for(page, "finished")
    generate(page, "another painting")
    page.wait_for_function("document.querySelectorAll('.strip .tile[data-id]').length >= 2")
    assert not dialog.is_visible(), "it is said once for a picture"
    kinds = [entry.what for entry in finds_faces.studio.safety.entries(9, None)]
    assert kinds[:3] == ["consent given", "consent asked", "consent asked"]
