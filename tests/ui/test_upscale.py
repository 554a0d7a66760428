"""The tab that enlarges, and Enlarge under every picture."""

from __future__ import annotations

from tests.ui.using import generate, pick, set_number, shown_id, status, view, wait_for


def test_a_picture_is_enlarged(visit, served, engine):
    engine.read = lambda ref: served.studio.inputs.bytes(ref.removeprefix("input:"))
    page = visit()
    generate(page)
    wait_for(page, "finished")
    made = shown_id(page)
    page.get_by_role("button", name="Enlarge", exact=True).click()
    page.locator(".source.upscale .canvas[data-state=ready]").wait_for()
    assert (status(page), view(page)) == ("Sent to Upscale", "source")
    assert page.locator("body").get_attribute("data-task") == "upscale"
    pick(page, page.locator("#upscaler"), "x4plus anime")
    set_number(page, "factor", 3)
    generate(page)
    wait_for(page, "finished")
    job = served.studio.queue.jobs()[-1]
    task = job.request.task
    assert (task.kind, task.factor, task.upscaler) == ("upscale", 3, "Real-ESRGAN x4plus anime")
    assert (task.refine, task.upscaler_2, task.tile_prompt) == (False, None, "")
    sent = served.studio.inputs.bytes(task.image.removeprefix("input:"))
    assert sent == served.studio.gallery.bytes(made)
    small, large = (served.studio.gallery.picture(id) for id in (made, shown_id(page)))
    assert large.image.size == tuple(3 * side for side in small.image.size)
    words = page.locator(".facts").inner_text()
    assert words.startswith("Enlarged · ") and "CFG" not in words
    assert page.locator("#tile_controlnet").inner_text() == "Automatic"
    page.locator("#tile_prompt").fill("fine strokes")
    page.locator("#refine").check()
    set_number(page, "strength", 0.25)
    generate(page)
    wait_for(page, "finished")
    task = served.studio.queue.jobs()[-1].request.task
    assert (task.refine, task.strength, task.tile_prompt) == (True, 0.25, "fine strokes")
    assert (task.tile_controlnet, task.tile_control_scale) == (None, 0), "there is none for tiles"
    page.get_by_role("button", name="Reset all").click()
    page.get_by_role("button", name="Use these settings").click()
    page.locator(".source.upscale .canvas[data-state=ready]").wait_for()
    assert page.locator("#tile_prompt").input_value() == "fine strokes"
    assert page.locator("#factor").input_value() == "3"
    page.locator("#tile_prompt").fill("")
    generate(page)
    wait_for(page, "finished")
    assert served.studio.queue.jobs()[-1].request.task.tile_prompt == ""
