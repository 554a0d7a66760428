"""The tabs that begin with a picture: what is sent, what is shown, what comes back."""

from __future__ import annotations

import pytest
from PIL import Image

from studio.domain.request import declaration
from studio.domain.tasks import TASKS
from studio.imaging import reading
from studio.ui.tasks import EDITING
from tests.ui.painting import Canvas
from tests.ui.using import (
    generate,
    open_tab,
    paint,
    save_picture,
    send_to,
    set_number,
    shown_id,
    status,
    unfold,
    view,
    wait_for,
)

_MADE_BY_THE_CANVAS = {"kind", "image", "mask", "sketch", "left", "top", "right", "bottom"}
_NOT_ON_THE_PAGE = {"resize_mask", "aspect_ratio"}
"""The canvas brings masks to the picture's size, and writes a shape as pixels."""


def _drawn(page) -> str:
    """Id of a picture just made from words."""
    generate(page)
    wait_for(page, "finished")
    return shown_id(page)


def _last(served):
    return served.studio.queue.jobs()[-1]


def _wait_for_jobs(page, count: int) -> None:
    """Until the strip shows so many results."""
    page.wait_for_function(
        "count => document.querySelectorAll('.strip .tile[data-id]').length >= count", arg=count
    )


def _masked(served, ref: str) -> Image.Image:
    return reading.mask(served.studio.inputs.bytes(ref.removeprefix("input:")))


@pytest.mark.parametrize("kind", EDITING)
def test_every_field_of_a_task_has_its_control_in_its_tab_alone(visit, kind):
    page = visit()
    open_tab(page, kind)
    fields = set(TASKS[kind].model_fields) - _MADE_BY_THE_CANVAS - _NOT_ON_THE_PAGE
    for name in fields:
        control = page.locator(f"#{name}")
        assert control.is_visible(), name
        assert page.locator(f"label[for={name}]").inner_text() == declaration(name, kind).title
        assert page.locator(f"#{name}-help").text_content() == declaration(name, kind).help
    others = {name for task in TASKS.values() for name in task.model_fields}
    for name in others - set(TASKS[kind].model_fields) - _MADE_BY_THE_CANVAS - _NOT_ON_THE_PAGE:
        assert not page.locator(f"#{name}").is_visible(), name


def test_a_scene_is_sent_painted_over_and_compared(visit, served):
    page = visit()
    made = _drawn(page)
    send_to(page, "inpaint")
    assert view(page) == "source"
    assert status(page) == "Sent to Inpaint"
    paint(page, (0.3, 0.5), (0.7, 0.5))
    page.locator(".active-badge", has_text="Mask").wait_for()
    set_number(page, "strength", 0.9)
    page.locator("#soft").check()
    generate(page, "a tree")
    wait_for(page, "finished")
    assert view(page) == "result"
    job = _last(served)
    task = job.request.task
    assert (task.kind, task.strength, task.soft) == ("inpaint", 0.9, True)
    sent = served.studio.inputs.bytes(task.image.removeprefix("input:"))
    assert sent == served.studio.gallery.bytes(made)
    mask = _masked(served, task.mask)
    assert mask.size == (job.request.width, job.request.height)
    assert mask.getpixel((mask.width // 2, mask.height // 2)) == 255
    assert mask.getpixel((2, 2)) == 0
    page.locator(".views [data-view=compare]").click()
    line = page.get_by_role("slider", name="Before and after")
    line.focus()
    page.keyboard.press("Home")
    assert line.get_attribute("aria-valuenow") == "0"
    page.keyboard.press("PageUp")
    assert line.get_attribute("aria-valuenow") == "10"
    before = page.locator(".over img")
    assert before.get_attribute("src").endswith(f"/images/{job.pictures[0].id}/before")
    frame = page.locator(".frame").bounding_box()
    page.mouse.click(frame["x"] + frame["width"] * 0.75, frame["y"] + 200)
    assert line.get_attribute("aria-valuenow") == "75"
    page.locator(".views [data-view=difference]").click()
    page.locator(".over img[src$='/difference']").wait_for()
    page.locator(".views [data-view=source]").click()
    assert page.locator(".source.inpaint .canvas").is_visible()


def test_sending_is_undone(visit, tmp_path):
    page = visit()
    Canvas(page, "image_to_image").load(save_picture(tmp_path / "mine.png", (96, 64)))
    image = page.locator(".source.image_to_image .canvas-world img")
    page.wait_for_function("image => image.naturalWidth === 96", arg=image.element_handle())
    open_tab(page, "text_to_image")
    _drawn(page)
    send_to(page, "image_to_image")
    page.wait_for_function("image => image.naturalWidth === 128", arg=image.element_handle())
    page.locator(".line").get_by_role("button", name="Undo").click()
    page.locator("body[data-task=text_to_image]").wait_for()
    open_tab(page, "image_to_image")
    page.wait_for_function("image => image.naturalWidth === 96", arg=image.element_handle())


def test_strength_and_size_have_a_value_in_each_tab(visit, served):
    page = visit()
    native = str(served.studio.catalog.find(None).family.native_size[0])
    unfold(page, "Size")
    set_number(page, "width", 160)
    open_tab(page, "image_to_image")
    assert page.locator("#width").input_value() == ""
    assert page.locator("[data-action=as-picture]").get_attribute("aria-pressed") == "true"
    assert page.locator("#strength").input_value() == "0.75"
    set_number(page, "strength", 0.4)
    open_tab(page, "outpaint")
    assert page.locator("#strength").input_value() == "1"
    page.reload()
    page.locator("body.ready").wait_for()
    open_tab(page, "image_to_image")
    assert page.locator("#strength").input_value() == "0.4"
    open_tab(page, "text_to_image")
    assert page.locator("#width").input_value() == "160"
    assert page.locator("#height").input_value() == native


def test_what_lacks_is_said(visit, served):
    page = visit()
    open_tab(page, "inpaint")
    generate(page)
    wait_for(page, "failed")
    assert "Choose a picture first" in status(page)
    open_tab(page, "text_to_image")
    _drawn(page)
    send_to(page, "inpaint")
    generate(page)
    wait_for(page, "failed")
    assert "Paint over" in status(page)
    assert len(served.studio.queue.jobs()) == 1
    assert not page.locator("body.busy").count()


def test_the_mask_is_in_sight_beside_generate_and_taken_off_there(visit):
    page = visit()
    _drawn(page)
    send_to(page, "inpaint")
    assert page.locator(".active-badge").count() == 0
    paint(page, (0.3, 0.5), (0.7, 0.5))
    badge = page.locator(".active-badge", has_text="Mask")
    badge.wait_for()
    page.locator("#invert").check()
    assert "inverted" in badge.inner_text()
    open_tab(page, "image_to_image")
    assert badge.count() == 0
    open_tab(page, "inpaint")
    badge.get_by_role("button").click()
    badge.wait_for(state="detached")


def test_outpaint_to_the_right(visit, served):
    page = visit()
    _drawn(page)
    send_to(page, "outpaint")
    side = page.locator("[data-side=right]")
    side.fill("64")
    side.press("Enter")
    generate(page)
    wait_for(page, "finished")
    task = _last(served).request.task
    assert (task.kind, task.left, task.right, task.strength) == ("outpaint", 0, 64, 1)


def test_the_settings_of_a_result_bring_back_its_picture_and_mask(visit, served):
    page = visit()
    _drawn(page)
    send_to(page, "inpaint")
    paint(page, (0.3, 0.5), (0.7, 0.5))
    set_number(page, "mask_blur", 9)
    generate(page, "a tree")
    wait_for(page, "finished")
    first = _last(served).request
    page.evaluate("localStorage.clear()")
    page.goto("about:blank")
    page.goto(served.url)
    page.evaluate("localStorage.clear()")
    page.reload()
    page.locator("body.ready").wait_for()
    page.locator(".strip .tile").first.click()
    page.get_by_role("button", name="Use these settings").click()
    page.locator(".active-badge", has_text="Mask").wait_for()
    assert page.locator("body").get_attribute("data-task") == "inpaint"
    assert page.locator("#mask_blur").input_value() == "9"
    assert page.locator("#width").input_value() == ""
    page.locator("#generate").click()
    _wait_for_jobs(page, 3)
    assert _last(served).request == first


def test_batch_of_pictures_with_their_masks(visit, served, tmp_path):
    page = visit()
    set_number(page, "steps", 2)
    open_tab(page, "inpaint")
    for name, side in (("a", 64), ("b", 72), ("c", 80)):
        save_picture(tmp_path / f"{name}.png", (side, side))
    for name, side in (("a", 64), ("b", 72)):
        save_picture(tmp_path / "masks" / f"{name}.png", (side, side), "white")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    page.get_by_role("button", name="Many pictures").click()
    page.get_by_label("Pictures of the batch").set_input_files(sorted(tmp_path.glob("*.png")))
    start = page.locator("[data-action=start]")
    assert start.is_disabled()
    masks = sorted((tmp_path / "masks").glob("*.png"))
    page.get_by_label("Masks of the batch").set_input_files(masks)
    assert page.locator(".many-masked").inner_text() == "2 pictures without a mask"
    start.click()
    page.locator(".many-words", has_text="2 of 4 done · 2 left out").wait_for()
    faults = page.locator(".many-faults li").all_inner_texts()
    assert faults[0].startswith("broken.png: ")
    assert faults[1] == "c.png: there is no mask of this name."
    jobs = served.studio.queue.jobs()
    assert [(job.request.width, job.request.steps) for job in jobs] == [(64, 2), (72, 2)]
    assert [_masked(served, job.request.task.mask).size for job in jobs] == [(64, 64), (72, 72)]


def test_settings_taken_up_are_given_back(visit):
    page = visit()
    set_number(page, "steps", 4)
    _drawn(page)
    page.get_by_label("Prompt", exact=True).fill("my long prompt")
    set_number(page, "steps", 5)
    open_tab(page, "outpaint")
    page.locator(".views [data-view=result]").click()
    page.get_by_role("button", name="Use these settings").click()
    page.locator("body[data-task=text_to_image]").wait_for()
    assert page.locator("#steps").input_value() == "4"
    page.locator(".line").get_by_role("button", name="Undo").click()
    page.locator("body[data-task=outpaint]").wait_for()
    assert page.locator("#steps").input_value() == "5"
    assert page.get_by_label("Prompt", exact=True).input_value() == "my long prompt"


_DROP = """
(names) => {
  const data = new DataTransfer();
  for (const name of names) data.items.add(new File(["?"], name, {type: "image/png"}));
  const canvas = document.querySelector(".source.image_to_image .canvas");
  const how = {dataTransfer: data, bubbles: true, cancelable: true};
  canvas.dispatchEvent(new DragEvent("drop", how));
}
"""


def test_several_files_dropped_at_once_are_a_batch(visit):
    page = visit()
    open_tab(page, "image_to_image")
    page.evaluate(_DROP, ["b.png", "a.png"])
    assert page.locator(".many-chosen").inner_text() == "2 pictures"
    start = page.locator("[data-action=start]")
    start.click()
    page.locator(".many-words", has_text="0 of 2 done · 2 left out").wait_for()
    assert page.locator(".many-faults li").all_inner_texts()[0].startswith("a.png: ")


def test_loop_goes_on_from_each_result(visit, served):
    page = visit()
    set_number(page, "steps", 2)
    _drawn(page)
    send_to(page, "image_to_image")
    page.get_by_role("button", name="Many pictures").click()
    set_number(page, "rounds", 3)
    page.locator(".active-badge", has_text="Loop").wait_for()
    generate(page)
    _wait_for_jobs(page, 4)
    jobs = served.studio.queue.jobs()
    assert len(jobs) == 4
    for before, after in zip(jobs, jobs[1:], strict=False):
        sent = served.studio.inputs.bytes(after.request.task.image.removeprefix("input:"))
        assert sent == served.studio.gallery.bytes(before.pictures[0].id)


def test_phone(visit, served):
    page = visit(390, 844, has_touch=True, is_mobile=True)
    page.get_by_label("Prompt", exact=True).fill("a house")
    page.locator("#generate").tap()
    wait_for(page, "finished")
    shown_id(page)
    page.get_by_role("button", name="Send to").tap()
    page.locator(".viewer .menu-list [data-kind=inpaint]").tap()
    page.locator(".source.inpaint .canvas-world img").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    paint(page, (0.3, 0.5), (0.7, 0.5))
    page.locator("#generate").tap()
    wait_for(page, "finished")
    assert _last(served).request.task.kind == "inpaint"
    assert page.locator(".frame").bounding_box()["width"] > 300
