"""ControlNet units: what is chosen, shown and sent, what lacks, what comes back."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tests.catalog import files
from tests.ui.painting import Canvas
from tests.ui.units import PREFIX, Unit, edges_picture, nets
from tests.ui.using import generate, open_tab, pick, send_to, shown_id, status, view, wait_for


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory):
    """ControlNets, and a checkpoint that none of them fits."""
    folder = nets(tmp_path_factory.mktemp("nets"))
    files.write(folder / "lonely.safetensors", files.checkpoint(1024))
    return folder


def open_units(page) -> Unit:
    page.locator(".tabs a[href='#controlnet']").click()
    page.locator(".unit").first.wait_for()
    return Unit(page)


def badges(page) -> list[str]:
    return [words.replace("\n", " ") for words in page.locator(".active-badge").all_inner_texts()]


def last(served):
    return served.studio.queue.jobs()[-1].request


def test_a_picture_steers_and_is_seen_beside_generate(visit, served, tmp_path):
    page = visit()
    unit = open_units(page)
    assert view(page) == "source"
    unit.load(edges_picture(tmp_path / "box.png"))
    unit.choose_net(f"{PREFIX}-canny")
    assert unit.preprocessor.input_value() == "canny"
    unit.wait_for_map("canny")
    assert set(np.unique(unit.map())) == {0, 255}
    unit.set("scale", 0.8)
    unit.set("end", 0.6)
    assert badges(page) == ["Unit 1 Canny 0.8"]
    generate(page)
    wait_for(page, "finished")
    assert view(page) == "result"
    [sent] = last(served).controls
    assert last(served).task.kind == "text_to_image"
    assert (sent.controlnet, sent.preprocessor) == (f"{PREFIX}-canny", "canny")
    assert (sent.scale, sent.start, sent.end, sent.mode) == (0.8, 0, 0.6, "balanced")
    kept = served.studio.inputs.bytes(sent.image.removeprefix("input:"))
    assert kept == (tmp_path / "box.png").read_bytes()
    page.get_by_role("button", name="Take off Unit 1").click()
    assert badges(page) == []
    open_tab(page, "text_to_image")
    generate(page)
    page.wait_for_function("document.querySelectorAll('.strip .tile').length === 2")
    assert last(served).controls == ()


def test_a_preset_for_a_net_takes_the_picture_that_is_there(visit, tmp_path):
    page = visit()
    unit = open_units(page)
    unit.load(edges_picture(tmp_path / "box.png"))
    unit.choose_net(f"{PREFIX}-canny")
    unit.wait_for_map("canny")

    pick(page, page.locator("#presets"), "picturebook, scribble")
    unit.wait_for_map("scribble")
    assert badges(page) == ["Preset: picturebook, scribble", "Unit 1 Scribble 1"]
    page.get_by_role("button", name="Take off Preset").click()
    unit.wait_for_map("canny")
    assert badges(page) == ["Unit 1 Canny 1"]


def test_the_map_follows_a_slider_and_the_last_value_counts(visit, served, tmp_path):
    page = visit()
    unit = open_units(page)
    unit.load(edges_picture(tmp_path / "box.png"))
    unit.choose_net("canny")
    unit.wait_for_map("canny")
    before = unit.map()
    asked = []
    page.on("request", lambda request: request.url.endswith("/map") and asked.append(request))
    low = unit.root.locator("[data-number=low_threshold] input[type=range]")
    high = unit.root.locator("[data-number=high_threshold] input[type=range]")
    low.evaluate(_SLIDE, list(range(99, 19, -4)))
    high.evaluate(_SLIDE, list(range(199, 29, -4)))
    page.wait_for_timeout(50)
    unit.wait_for_map("canny")
    assert 1 <= len(asked) < 12  # of 63 moves
    shown = unit.map()
    assert (shown > before).any()
    body = asked[-1].post_data_json
    assert body["settings"] == {"low_threshold": 23, "high_threshold": 31}
    answer = served.http.post("/studio/v1/preprocessors/canny/map", json=body)
    wanted = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"))
    assert np.array_equal(shown, wanted)


_SLIDE = """
(track, values) => {
  for (const value of values) {
    track.value = value;
    track.dispatchEvent(new Event("input", { bubbles: true }));
  }
}
"""


def test_a_new_unit_has_the_first_net_that_fits(visit, served, tmp_path):
    page = visit()
    open_units(page).wait_for_net("canny")
    open_tab(page, "text_to_image")  # where a unit that nobody touched is none
    page.locator(".unit").wait_for(state="detached")
    unit = open_units(page)
    unit.load(edges_picture(tmp_path / "box.png"))
    unit.wait_for_map("canny")
    assert badges(page) == ["Unit 1 Canny 1"]
    generate(page)
    wait_for(page, "finished")
    [sent] = last(served).controls
    assert (sent.controlnet, sent.preprocessor) == (f"{PREFIX}-canny", "canny")


def test_what_a_unit_lacks_is_said(visit, served, tmp_path):
    page = visit()
    pick(page, page.locator("#checkpoint"), "lonely")
    unit = open_units(page)
    generate(page)
    wait_for(page, "failed")
    assert "Choose a picture, or draw one" in status(page)
    unit.load(edges_picture(tmp_path / "box.png"))
    assert badges(page) == ["Unit 1 incomplete"]
    open_tab(page, "text_to_image")
    page.locator("#generate").click()
    wait_for(page, "failed")
    assert status(page) == "ControlNet unit 1: Choose a ControlNet."
    assert served.studio.queue.jobs() == []
    unit.root.locator("[data-check=on]").uncheck()
    page.locator("#generate").click()
    wait_for(page, "finished")


_DROP = """
async ([base64, type, where]) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], "dropped.png", { type }));
  const how = { dataTransfer: data, bubbles: true, cancelable: true };
  document.querySelector(where).dispatchEvent(new DragEvent("drop", how));
}
"""


def test_pictures_are_dropped_and_bad_ones_refused(visit, tmp_path):
    page = visit()
    unit = open_units(page)
    data = base64.b64encode(edges_picture(tmp_path / "box.png", (64, 96)).read_bytes()).decode()
    page.evaluate(_DROP, [base64.b64encode(b"no picture").decode(), "image/png", ".unit-picture"])
    lack = unit.root.locator(".unit-lack")
    page.wait_for_function("document.querySelector('.unit-lack').textContent.includes('picture')")
    assert "not a picture" in lack.inner_text()
    page.evaluate(_DROP, [data, "image/png", ".unit-picture"])
    assert unit.picture().shape == (96, 64, 3)
    page.locator("#controls").click()
    page.evaluate(_DROP, [data, "image/png", ".viewer"])  # beside: for the one that has none
    assert Unit(page, 1).picture().shape == (96, 64, 3)


def test_only_nets_of_the_checkpoints_family_can_be_chosen(visit):
    page = visit()
    unit = open_units(page)
    unit.act("model").click()
    foreign = page.locator(".picker .option", has_text="foreign-canny")
    foreign.wait_for()
    assert foreign.get_attribute("aria-disabled") == "true"
    assert "the checkpoint is picturebook" in foreign.inner_text()
    assert page.locator(".picker .option").last.inner_text().startswith("foreign-canny")


def test_absent_weights_are_offered_and_a_failed_download_says_why(visit, served, tmp_path):
    page = visit()
    unit = open_units(page)
    unit.load(edges_picture(tmp_path / "box.png"))
    unit.choose_net("depth")
    assert unit.preprocessor.input_value() == "depth_anything_v2"
    words = unit.root.locator(".unit-weights-words")
    assert "99.2 MB from depth-anything/Depth-Anything-V2-Small-hf" in words.inner_text()
    assert "not here yet" in unit.root.locator(".unit-lack").inner_text()
    generate(page)
    wait_for(page, "failed")
    assert "Download it, or choose another" in status(page)
    open_units(page)
    page.locator(".views [data-view=source]").click()
    unit.act("download").click()
    unit.root.locator(".unit-weights-words.objection").wait_for()
    unit.preprocessor.select_option("openpose")
    assert "non-commercial purposes only" in words.inner_text()
    unit.preprocessor.select_option("none")
    assert not words.is_visible()
    generate(page)
    wait_for(page, "finished")


def test_units_survive_a_reload_and_are_no_more_than_four(visit, served, tmp_path):
    page = visit()
    first = open_units(page)
    first.load(edges_picture(tmp_path / "box.png"))
    first.choose_net("canny")
    first.set("low_threshold", 50)
    for _ in range(3):
        page.locator("#controls").click()
    assert page.locator("#controls").is_disabled()
    second = Unit(page, 1)
    second.choose_net("scribble")
    second.set("start", 0.7)
    second.set("end", 0.5)
    assert second.number("start").input_value() == "0.49"
    page.reload()
    page.locator("body.ready").wait_for()
    assert page.locator(".unit").count() == 4
    first.wait_for_map("canny")
    assert badges(page) == ["Unit 1 Canny 1"]
    assert second.number("start").input_value() == "0.49"
    first.act("remove").click()
    assert page.locator(".unit").count() == 3
    assert badges(page) == []


def test_units_come_back_with_the_settings_of_a_result(visit, served, tmp_path):
    page = visit()
    unit = open_units(page)
    unit.load(edges_picture(tmp_path / "box.png"))
    unit.choose_net("canny")
    unit.set("high_threshold", 180)
    unit.root.locator("[data-menu=mode] select").select_option("control")
    generate(page)
    wait_for(page, "finished")
    asked = last(served)
    page.locator(".views [data-view=source]").click()
    unit.act("remove").click()
    open_tab(page, "text_to_image")
    page.locator(".strip .tile").first.click()
    use = page.get_by_role("button", name="Use these settings")
    use.click()
    page.locator("body[data-tab=controlnet]").wait_for()
    unit.wait_for_map("canny")
    page.locator(".line").get_by_role("button", name="Undo").click()
    page.locator("body[data-tab=text-to-image]").wait_for()
    assert badges(page) == []
    use.click()
    unit.wait_for_map("canny")
    page.locator("#generate").click()
    page.wait_for_function("document.querySelectorAll('.strip .tile').length === 2")
    assert last(served).controls == asked.controls
    page.locator(".views [data-view=source]").click()
    page.evaluate("document.querySelector('#settings [data-action=reset-all]').click()")
    assert badges(page) == []
    assert page.locator(".unit").count() == 1  # off, not lost


def test_the_map_that_led_a_result_is_laid_over_it(visit, served, tmp_path):
    page = visit()
    unit = open_units(page)
    unit.load(edges_picture(tmp_path / "box.png"))
    unit.choose_net("canny")
    page.locator("#controls").click()
    other = Unit(page, 1)
    other.load(edges_picture(tmp_path / "other.png", (96, 96)))
    other.choose_net("scribble")
    unit.wait_for_map("canny")
    map = unit.map()
    generate(page)
    wait_for(page, "finished")
    id = shown_id(page)
    page.locator(".views [data-view=maps]").click()
    over = page.locator(f".over img[src$='/images/{id}/control/1']")
    over.wait_for()
    answer = served.http.get(f"/studio/v1/images/{id}/control/1")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB")), map)
    assert page.get_by_role("slider", name="Map and result").is_visible()
    page.get_by_role("button", name="Unit 2", exact=True).click()
    page.locator(f".over img[src$='/images/{id}/control/2']").wait_for()
    unit.root.locator("[data-check=on]").evaluate("(box) => box.click()")
    other.root.locator("[data-check=on]").evaluate("(box) => box.click()")
    open_tab(page, "text_to_image")
    generate(page, "without")
    page.wait_for_function("document.querySelectorAll('.strip .tile').length === 2")
    assert not page.locator(".views [data-view=maps]").is_visible()


def test_a_result_is_sent_to_a_unit_and_back(visit, served):
    page = visit()
    generate(page)
    wait_for(page, "finished")
    made = shown_id(page)
    page.get_by_role("button", name="Send to").click()
    page.locator(".viewer .menu-list [data-kind=controlnet]").click()
    unit = Unit(page)
    unit.root.locator(".unit-picture[data-state=ready]").wait_for()
    assert status(page) == "Sent to ControlNet unit 1"
    unit.choose_net("canny")
    unit.wait_for_map("canny")
    page.locator("#generate").click()
    page.wait_for_function("document.querySelectorAll('.strip .tile').length === 2")
    [sent] = last(served).controls
    kept = served.studio.inputs.bytes(sent.image.removeprefix("input:"))
    assert kept == served.studio.gallery.bytes(made)


def test_sending_to_a_unit_is_undone(visit):
    page = visit()
    generate(page)
    wait_for(page, "finished")
    page.get_by_role("button", name="Send to").click()
    page.locator(".viewer .menu-list [data-kind=controlnet]").click()
    page.locator(".unit-picture[data-state=ready]").wait_for()
    page.locator(".line").get_by_role("button", name="Undo").click()
    page.locator("body[data-tab=text-to-image]").wait_for()
    assert page.locator(".unit-picture[data-state=ready]").count() == 0


def test_the_panel_serves_the_tabs_that_begin_with_a_picture(visit, served):
    page = visit()
    generate(page)
    wait_for(page, "finished")
    send_to(page, "image_to_image")
    page.locator("#settings #controls").click()
    unit = Unit(page)
    unit.choose_net("canny")
    unit.act("input").click()
    unit.wait_for_map("canny")
    page.locator("#generate").click()
    page.wait_for_function("document.querySelectorAll('.strip .tile').length === 2")
    request = last(served)
    assert request.task.kind == "image_to_image"
    assert [unit.image for unit in request.controls] == [None]
    open_tab(page, "text_to_image")  # where it is the picture that is worked on
    assert badges(page) == ["Unit 1 Canny 1"]
    canvas = Canvas(page, "image_to_image")
    page.locator(".views [data-view=source]").click()
    canvas.button("Remove the picture").click()
    open_tab(page, "text_to_image")
    assert badges(page) == []


def test_phone(visit, tmp_path):
    page = visit(390, 844, has_touch=True, is_mobile=True)
    page.goto(page.url.split("#")[0] + "#controlnet")
    unit = Unit(page)
    unit.load(edges_picture(tmp_path / "box.png"))
    unit.choose_net("canny")
    unit.wait_for_map("canny")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for name in ("choose", "draw", "last"):
        assert unit.act(name).bounding_box()["height"] >= 36
