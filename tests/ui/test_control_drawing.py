"""The sheet that control pictures are drawn on: scribbles, areas in class colours, maps gone over,
the region where a unit acts."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from studio.picturebook.control_palette import PALETTE
from tests.ui.units import PREFIX, Sheet, Unit, edges_picture, nets
from tests.ui.using import generate, wait_for


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory):
    return nets(tmp_path_factory.mktemp("nets"))


@pytest.fixture
def unit(visit) -> Unit:
    page = visit()
    page.locator(".tabs a[href='#controlnet']").click()
    return Unit(page)


def sent(served, page):
    """The units of a picture just made."""
    generate(page)
    wait_for(page, "finished")
    return served.studio.queue.jobs()[-1].request.controls


def kept(served, ref: str) -> np.ndarray:
    data = served.studio.inputs.bytes(ref.removeprefix("input:"))
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_a_scribble_is_white_strokes_on_black(served, unit):
    page = unit.page
    unit.choose_net("scribble")
    unit.act("draw").click()
    sheet = Sheet(page)
    sheet.line((0.2, 0.5), (0.8, 0.5))
    page.keyboard.press("e")
    sheet.line((0.5, 0.4), (0.5, 0.6))
    page.keyboard.press("b")
    sheet.line((0.2, 0.2), (0.8, 0.2))
    page.keyboard.press("Control+z")
    sheet.use()
    unit.wait_for_map("none")
    [control] = sent(served, page)
    assert control.preprocessor == "none"
    drawing = kept(served, control.image)
    size = drawing.shape[0]
    assert drawing.shape == (512, 512, 3)  # four times the picture, for a steady hand
    assert (drawing[size // 2, size // 3] == 255).all()
    assert (drawing[size // 2, size // 2] == 0).all()  # where it was erased
    assert (drawing[size // 5] == 0).all()  # what was undone
    rows = np.flatnonzero((drawing == 255).all(2).any(1))
    assert 8 <= rows.max() - rows.min() <= 16
    assert (drawing.max(2) == drawing.min(2)).all()
    page.reload()
    page.locator("body.ready").wait_for()
    page.locator(".views [data-view=source]").click()
    unit.act("draw").click()
    again = Sheet(page)
    again.line((0.2, 0.8), (0.8, 0.8))
    again.use()
    [control] = sent(served, page)
    more = kept(served, control.image)
    assert (more[size // 2, size // 3] == 255).all()
    assert (more[size * 4 // 5, size // 2] == 255).all()


def test_a_drawing_goes_to_the_net_for_scribbles_unless_that_is_undone(served, unit):
    page = unit.page
    unit.wait_for_net("canny")
    unit.act("draw").click()
    sheet = Sheet(page)
    sheet.line((0.2, 0.5), (0.8, 0.5))
    sheet.use()
    unit.wait_for_net("scribble")
    unit.root.locator(".unit-turned").get_by_role("button", name="Undo").click()
    unit.wait_for_net("canny")
    [control] = sent(served, page)
    assert (control.controlnet, control.preprocessor) == (f"{PREFIX}-canny", "none")


def test_areas_have_the_colours_of_their_classes_alone(served, unit):
    page = unit.page
    unit.choose_net("segmentation")
    unit.act("draw").click()
    sheet = Sheet(page)
    assert sheet.root.locator(".control-swatch").all_inner_texts() == list(PALETTE)
    sheet.button("meadow").click()
    sheet.line((0.0, 0.6), (1.0, 0.62))
    page.keyboard.press("g")
    sheet.line((0.5, 0.9))
    sheet.button("house").click()
    page.keyboard.press("r")
    sheet.line((0.3, 0.3), (0.6, 0.7))
    sheet.button("sun").click()
    page.keyboard.press("b")
    sheet.line((0.8, 0.2))
    sheet.use()
    unit.wait_for_map("segmentation")
    [control] = sent(served, page)
    assert control.preprocessor == "segmentation"
    drawing = kept(served, control.image)
    found = {
        tuple(int(one) for one in colour) for colour in np.unique(drawing.reshape(-1, 3), axis=0)
    }
    assert found == {PALETTE[name] for name in ("sky", "meadow", "house", "sun")}
    size = drawing.shape[0]
    assert tuple(drawing[size // 2, size * 9 // 20]) == PALETTE["house"]
    assert tuple(drawing[size - 1, size // 2]) == PALETTE["meadow"]
    assert {tuple(colour) for colour in unit_map(unit)} <= {tuple(c) for c in found}


def unit_map(unit: Unit) -> np.ndarray:
    unit.page.locator(".views [data-view=source]").click()
    unit.wait_for_map("segmentation")
    return np.unique(unit.map().reshape(-1, 3), axis=0)


def test_a_map_is_gone_over_and_then_taken_as_it_is(served, unit, tmp_path):
    page = unit.page
    unit.load(edges_picture(tmp_path / "box.png"))
    unit.choose_net("canny")
    unit.wait_for_map("canny")
    before = unit.map()
    unit.act("edit-map").click()
    sheet = Sheet(page)
    page.keyboard.press("r")
    page.keyboard.down("Alt")  # draws with black
    sheet.line((0.05, 0.05), (0.95, 0.4))
    page.keyboard.up("Alt")
    sheet.use()
    unit.wait_for_map("none")
    after = unit.map()
    height = before.shape[0]
    assert (before[: height * 3 // 8] > 0).any()
    assert (after[: height * 3 // 8] == 0).all()
    assert np.array_equal(after[height // 2 :], before[height // 2 :])
    [control] = sent(served, page)
    assert (control.preprocessor, control.settings) == ("none", {})
    assert np.array_equal(kept(served, control.image), after)


def test_a_drawing_is_not_lost_by_a_slip(unit):
    page = unit.page
    unit.choose_net("scribble")
    unit.act("draw").click()
    sheet = Sheet(page)
    sheet.button("Cancel").click()
    sheet.root.wait_for(state="detached")
    unit.act("draw").click()
    sheet = Sheet(page)
    sheet.line((0.2, 0.5), (0.8, 0.5))
    sheet.button("Cancel").click()
    assert "Cancel once more" in sheet.root.locator(".canvas-note").inner_text()
    assert sheet.root.is_visible()
    sheet.button("Cancel").click()
    sheet.root.wait_for(state="detached")
    assert unit.root.locator(".unit-picture").get_attribute("data-state") == "empty"


def test_a_unit_acts_where_its_region_is_white(served, unit, tmp_path):
    page = unit.page
    unit.load(edges_picture(tmp_path / "box.png"))
    unit.choose_net("canny")
    unit.root.locator("summary").click()
    unit.act("paint-region").click()
    sheet = Sheet(page)
    assert sheet.root.get_by_label("Picture shows through").is_visible()
    page.keyboard.press("r")
    sheet.line((0.0, 0.0), (0.5, 1.0))
    sheet.use()
    [control] = sent(served, page)
    region = kept(served, control.mask)
    width = region.shape[1]
    assert (region[:, : width * 2 // 5] == 255).all()
    assert (region[:, width * 3 // 5 :] == 0).all()


def test_colours_of_a_map_are_picked_from_it(served, unit, tmp_path):
    page = unit.page
    unit.load(edges_picture(tmp_path / "box.png"))
    unit.choose_net("canny")
    unit.preprocessor.select_option("none")
    unit.wait_for_map("none")
    unit.act("edit-map").click()
    sheet = Sheet(page)
    assert sheet.root.locator(".control-swatch").count() == 3  # the picture has three colours
    page.keyboard.press("p")
    sheet.line((0.35, 0.35))
    page.keyboard.press("b")
    sheet.line((0.9, 0.1))
    sheet.use()
    page.wait_for_function(
        "document.querySelector('.unit-picture figcaption span').textContent === 'Drawing'"
    )
    unit.wait_for_map("none")
    picture = unit.picture()
    assert tuple(picture[12, 115]) == (255, 240, 200)
