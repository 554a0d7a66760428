"""Detailers among the settings, the tab that finds, the details of a picture chosen one by one."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from studio.domain.detectors import FACES, SEGMENTER
from studio.picturebook.data import unseen_scene
from studio.picturebook.world import OBJECTS
from tests.ui.painting import Canvas
from tests.ui.using import generate, pick, shown_id, status, view, wait_for


@pytest.fixture(autouse=True)
def _reads(served, engine) -> None:
    engine.read = lambda ref: served.studio.inputs.bytes(ref.removeprefix("input:"))


def _picture(served, id: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(served.studio.gallery.bytes(id))).convert("RGB"))


def _composed(page) -> np.ndarray:
    """What the view shows, pixel for pixel."""
    canvas = page.locator(".over > canvas")
    size, data = canvas.evaluate(
        """(canvas) => {
          const { width, height } = canvas;
          const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
          return [[height, width, 4], [...data]];
        }"""
    )
    return np.array(data, np.uint8).reshape(size)[..., :3]


def test_details_of_a_picture_are_kept_one_by_one(visit, served):
    page = visit()
    group = page.locator(".group[data-group=Details]")
    assert group.locator(".summary").inner_text() == "off"
    group.locator(".group-head").click()
    pick(page, page.locator("#detailers"), SEGMENTER)
    detailer = page.locator(".detailer")
    badge = page.locator(".active-badge", has_text="Details")
    assert badge.locator(".active-value").inner_text() == SEGMENTER
    detailer.get_by_role("button", name="house", exact=True).click()
    detailer.locator("[data-text=prompt] textarea").fill("a tall house")
    detailer.locator("[data-number=strength] input[type=number]").fill("0.5")
    generate(page, "a village")
    page.locator(".views [data-view=details]").click()
    page.locator(".detail-card").nth(1).wait_for()
    made = shown_id(page)
    asked = served.studio.queue.jobs()[-1].request.detailers[0]
    assert (asked.classes, asked.prompt, asked.strength) == ("house", "a tall house", 0.5)
    told = served.http.get(f"/studio/v1/images/{made}/details").json()["details"]
    assert [one["label"] for one in told] == ["house", "house"]
    after = _picture(served, made)
    assert (_composed(page) == after).all()
    keep = page.get_by_role("button", name="Keep these")
    assert keep.is_disabled()

    page.keyboard.press("2")
    page.get_by_role("button", name="1: house: as drawn anew").wait_for()
    left, top, right, bottom = told[1]["area"]
    seen = _composed(page)
    assert (seen[top:bottom, left:right] != after[top:bottom, left:right]).any()
    keep.click()
    page.wait_for_function("id => !document.querySelector('.frame img').src.endsWith(id)", arg=made)
    chosen = shown_id(page)
    assert (_picture(served, chosen) == seen).all()
    page.wait_for_function("document.querySelectorAll('.detail-card').length === 1")
    assert (_composed(page) == seen).all()
    assert status(page) == "Kept 1 of 2 details"
    page.locator(".line .undo").click()
    page.wait_for_function("id => document.querySelector('.frame img').src.endsWith(id)", arg=made)
    assert served.http.get(f"/studio/v1/images/{chosen}/details").status_code == 200

    badge.get_by_role("button").click()

    generate(page)
    wait_for(page, "finished")
    assert not served.studio.queue.jobs()[-1].request.active_detailers
    page.get_by_role("button", name="Reset all").click()
    assert detailer.count() == 0
    page.locator(".line .undo").click()
    assert detailer.count() == 1


def test_what_is_found_is_ticked_and_drawn(visit, served, tmp_path):
    scene = unseen_scene(5, count=2)
    path = tmp_path / "scene.png"
    scene.draw((128, 128)).save(path)
    page = visit()
    page.locator(".tabs a[href='#details']").click()
    detailer = page.locator(".detailer")
    assert detailer.locator(".unit-title").inner_text() == f"1. {SEGMENTER}"
    canvas = page.locator(".source.details .canvas")
    Canvas(page, "details").load(path)
    find = canvas.get_by_role("button", name="Find")
    find.click()
    boxes, words = canvas.locator(".found-box"), canvas.locator(".found-words")
    boxes.nth(1).wait_for()
    labels = [text.split()[1] for text in boxes.all_inner_texts()]
    places = [[int(float(one)) for one in _place(box)] for box in boxes.all()]
    for item in scene.boxes((128, 128)):
        at = labels.index(item["object"])
        assert np.abs(np.subtract(places[at], item["box"])).max() <= 8
    count = boxes.count()
    assert words.inner_text() == f"{count} found, {count} to be drawn."

    _stand_apart(page, canvas)
    second = boxes.nth(1).get_by_role("checkbox")
    page.mouse.move(*_middle(canvas.locator(".canvas-port")))  # over the canvas Space moves it
    second.focus()
    page.keyboard.press("Space")
    assert not second.is_checked()
    assert words.inner_text() == f"{count} found, {count - 1} to be drawn."
    canvas.get_by_role("button", name="None").click()
    generate(page)
    page.locator(".line .status", has_text="No detailer acts. Switch one on").wait_for()
    second.focus()  # the switch of the views may lie over it
    page.keyboard.press("Space")
    generate(page)
    page.locator(".detail-card").wait_for()
    assert view(page) == "details"
    request = served.studio.queue.jobs()[-1].request
    assert (request.task.kind, request.detailers[0].only) == ("details", (1,))
    sent = served.studio.inputs.bytes(request.task.image.removeprefix("input:"))
    assert sent == path.read_bytes()

    made = shown_id(page)
    page.locator(".viewer [data-action=details]").click()
    page.locator(".line .status", has_text="Sent to Details").wait_for()
    assert served.studio.queue.jobs()[-1].request.prompt == "a red house"
    boxes.first.wait_for()
    assert page.locator(".detailer-only").is_hidden()  # the numbers were of the other picture
    page.locator(".line .undo").click()
    assert page.locator(".detailer-only").is_visible()
    assert made == shown_id(page)
    absent = next(name for name in OBJECTS if name not in labels)
    detailer.locator("[data-text=classes] textarea").fill(absent)
    assert page.locator(".detailer-only").is_hidden()
    page.locator(".views [data-view=source]").click()
    find.click()
    page.locator(".found-words", has_text="Nothing was found").wait_for()
    assert boxes.count() == 0
    _kept_all_is_worked_on(page, made)


def _kept_all_is_worked_on(page, made: str) -> None:
    page.locator(".views [data-view=details]").click()
    page.get_by_role("button", name="Keep these").click()
    page.locator("body[data-view=source]").wait_for()
    working = page.evaluate("JSON.parse(localStorage.getItem('studio.working')).chain.at(-1).image")
    assert working == f"picture:{made}"
    page.locator(".line .undo").click()
    page.locator("body[data-view=details]").wait_for()


def _stand_apart(page, canvas) -> None:
    """Were the boxes in one place, their tags would stand below one another, at any zoom."""
    boxes = canvas.locator(".found-box")
    place = boxes.first.evaluate("one => [one.style.left, one.style.top]")
    boxes.nth(1).evaluate("(one, [x, y]) => Object.assign(one.style, { left: x, top: y })", place)
    for _ in range(2):
        canvas.get_by_role("button", name="Zoom in").click()
        page.wait_for_function(_APART)


_APART = """() => {
  const tags = [...document.querySelectorAll(".found-tag")];
  const all = tags.map((tag) => tag.getBoundingClientRect());
  const meet = (a, b) => a.left < b.right && a.right > b.left;
  const clash = (a, b) => meet(a, b) && a.top < b.bottom && a.bottom > b.top;
  return all.every((a, at) => all.slice(at + 1).every((b) => !clash(a, b)));
}"""


def _place(box) -> list[str]:
    return box.evaluate(
        """(box) => {
          const { left, top, width, height } = box.style;
          const [x, y, wide, high] = [left, top, width, height].map(parseFloat);
          return [x, y, x + wide, y + high];
        }"""
    )


def _middle(place) -> tuple[float, float]:
    box = place.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_detector_that_is_not_here_says_what_it_would_download(visit, served):
    page = visit()
    page.locator(".group[data-group=Details] .group-head").click()
    pick(page, page.locator("#detailers"), "BlazeFace")
    known = served.http.get("/studio/v1/detectors").json()["detectors"]
    faces = next(one for one in known if one["name"] == FACES)
    assert not faces["installed"]
    words = page.locator(".detailer .unit-weights-words").inner_text()
    assert f"{faces['size_bytes'] / 1e6:.1f} MB" in words and faces["license"] in words
    assert page.locator(".active-badge", has_text="Details").inner_text().endswith("incomplete")
    generate(page)
    page.locator(".line .status", has_text=f"Detailer 1: {FACES} is not here yet").wait_for()
    assert served.studio.queue.jobs() == []
