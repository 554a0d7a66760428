"""Selecting by a click in a real browser: by colour, against OpenCV's flood, and by a segmenter."""

from __future__ import annotations

import io
import re

import cv2
import numpy as np
import pytest
from PIL import Image

from studio.picturebook.vocabulary import CLASSES
from studio.picturebook.world import Scene
from tests.ui.painting import Canvas, assert_same

SIZE = (320, 240)
NONE = {"detectors": []}


@pytest.fixture
def scene():
    return Scene.random(np.random.default_rng(3))


@pytest.fixture
def canvas(visit, tmp_path, scene):
    """The inpaint canvas with that scene on it, before anybody told of a detector."""
    scene.draw(SIZE).save(tmp_path / "scene.png")
    page = visit()
    page.route("**/studio/v1/detectors", lambda route: route.fulfill(json=NONE))
    canvas = Canvas(page, "inpaint")
    canvas.load(tmp_path / "scene.png")
    return canvas


def flooded(picture: np.ndarray, x: int, y: int, tolerance: int) -> np.ndarray:
    """What is connected to (x, y) and near it in every channel."""
    part = np.zeros((picture.shape[0] + 2, picture.shape[1] + 2), np.uint8)
    flags = 4 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY | 255 << 8
    near = (tolerance,) * 3
    cv2.floodFill(picture.copy(), part, (x, y), 0, near, near, flags)
    return part[1:-1, 1:-1]


def click(canvas: Canvas, where: np.ndarray, key: str | None = None) -> tuple[int, int]:
    """On a pixel well within `where`, with a key held; returns it. At the right border the buttons
    of the view lie over the picture."""
    places = np.argwhere(cv2.erode(where.astype(np.uint8), np.ones((7, 7)))[:, :280])
    y, x = places[len(places) // 3]
    if key:
        canvas.page.keyboard.down(key)
    [(u, v)] = canvas.stroke((x + 0.5, y + 0.5))
    if key:
        canvas.page.keyboard.up(key)
    return int(u), int(v)


def test_a_click_selects_what_is_like_a_pixel(canvas, scene, served):
    picture, truth = np.asarray(scene.draw(SIZE)), scene.segmentation(SIZE)
    sky, ground, tree = (truth == CLASSES.index(one) for one in ("sky", scene.ground, "tree"))
    canvas.page.keyboard.press("w")
    first = flooded(picture, *click(canvas, sky), 32)
    assert_same(canvas.stored(served), first)
    second = flooded(picture, *click(canvas, ground), 32)
    both = np.maximum(first, second)
    assert_same(canvas.stored(served), both)
    both = np.minimum(both, 255 - flooded(picture, *click(canvas, sky, "Alt"), 32))
    assert_same(canvas.stored(served), both)
    canvas.button("Remove").click()
    both = np.maximum(both, flooded(picture, *click(canvas, sky, "Shift"), 32))
    assert_same(canvas.stored(served), both)
    for _ in range(4):
        canvas.button("Undo").click()
    assert canvas.source()["mask"] is None

    canvas.button("Add").click()
    box = canvas.root.get_by_label("Tolerance, levels of a channel")
    box.fill("12")
    box.press("Enter")
    canvas.button("Selection").click()
    canvas.root.get_by_role("switch", name="Contiguous").click()
    canvas.button("Selection").click()
    x, y = click(canvas, tree)
    apart = np.abs(picture.astype(int) - picture[y, x]).max(2)
    everywhere = np.where(apart <= 12, 255, 0)
    assert (everywhere > flooded(picture, x, y, 12)).any()
    assert_same(canvas.stored(served), everywhere)


def test_a_click_selects_a_thing_where_there_is_a_segmenter(canvas, scene, served):
    page, truth = canvas.page, scene.segmentation(SIZE)
    house, tree = (truth == CLASSES.index(one) for one in ("house", "tree"))
    page.keyboard.press("w")
    things = canvas.root.get_by_role("button", name="Object", exact=True)
    assert things.is_disabled() and "YOLO network" in things.get_attribute("title")
    page.keyboard.press("o")  # so that the other tool stays
    assert canvas.root.get_attribute("data-tool") == "select"
    page.unroute_all()
    page.locator("nav.tabs a[href='#outpaint']").click()
    page.locator("nav.tabs a[href='#inpaint']").click()
    things.and_(page.locator(":enabled")).wait_for()
    canvas.root.locator(".canvas-port").focus()
    page.keyboard.press("o")
    x, y = click(canvas, house)
    canvas.root.locator(".canvas-note", has_text=re.compile(r"^house, \d")).wait_for()
    asked = {"image": canvas.source()["image"], "x": x, "y": y}
    ref = served.http.post("/studio/v1/select", json=asked).json()["mask"]
    kept = served.http.get(f"/studio/v1/uploads/{ref.removeprefix('input:')}").content
    one = canvas.stored(served)
    assert (np.asarray(Image.open(io.BytesIO(kept))) == one).all()
    assert (one[house] > 0).mean() > 0.6 and (one[~house] > 0).mean() < 0.05
    click(canvas, tree)
    canvas.root.locator(".canvas-note", has_text=re.compile(r"^tree, \d")).wait_for()
    assert (canvas.stored(served) > 0).sum() > (one > 0).sum()
    canvas.button("Undo").click()
    assert_same(canvas.stored(served), one)
    canvas.button("Mask").click()
    canvas.button("Grow").click()
    assert (canvas.stored(served) > 0).sum() > (one > 0).sum()
