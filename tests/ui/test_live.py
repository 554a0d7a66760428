"""Live: what is painted or set is drawn at each pause, the newest wins, and nothing is stored."""

from __future__ import annotations

import pytest

from studio.jobs.job import JobState
from studio.store.finding import Filters
from tests.ui.painting import Canvas, picture_file
from tests.ui.units import Sheet, Unit, nets
from tests.ui.using import set_number
from tests.waiting import wait_for

LIVE = ".generate .live-switch"


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory):
    return nets(tmp_path_factory.mktemp("nets"))


def shown(page) -> str | None:
    """The live picture's address."""
    image = page.locator(".live-frame img")
    return image.get_attribute("src") if image.count() else None


def wait_for_another(page, than: str | None = None) -> str:
    wait_for(lambda: shown(page) not in (None, than), "another live picture")
    return shown(page)


def live_jobs(served) -> list:
    return [job for job in served.studio.queue.jobs() if not job.is_kept]


def test_the_newest_wins_and_nothing_is_stored_until_it_is_kept(visit, served, slow, tmp_path):
    page = visit()
    canvas = Canvas(page, "image_to_image")
    canvas.load(picture_file(tmp_path, (64, 64)))
    canvas.root.locator(".canvas-port").focus()
    served.engine.step_s = 1.0  # six steps, of which one is made
    page.keyboard.press("v")
    wait_for(lambda: live_jobs(served), "a drawing")
    [first] = live_jobs(served)
    request = first.request
    assert (request.steps, request.guidance_scale) == (4, 1.0), "the preset for picturebook"
    wait_for(lambda: first.state is JobState.RUNNING, "it to be drawn")
    page.get_by_label("Prompt", exact=True).fill("a house")
    wait_for(lambda: first.state is JobState.CANCELLED, "it to give way")
    slow()
    before = wait_for_another(page)
    second = live_jobs(served)[-1]
    assert second.request.prompt == "a house" and second.request.seed == request.seed
    page.locator(".live-time", has_text=" s").wait_for()
    set_number(page, "strength", 0.5)
    after = wait_for_another(page, before)
    assert len(live_jobs(served)) == 3 and len(served.studio.queue.jobs()) == 3
    assert live_jobs(served)[-1].request.task.strength == 0.5
    assert served.studio.library.page(Filters()).total == 0
    keep = page.get_by_role("button", name="Keep")
    keep.click()
    page.locator(".live-said", has_text="Kept").wait_for()
    [kept] = served.studio.library.page(Filters()).rows
    assert after.endswith(live_jobs(served)[-1].pictures[0].id)
    assert served.studio.gallery.request(kept.id) == live_jobs(served)[-1].request
    assert keep.is_disabled()
    page.locator(".strip .tile").first.wait_for()

    page.get_by_label("Prompt", exact=True).fill("break now")
    page.locator(".live-said", has_text="told to fail").wait_for()
    assert shown(page) == after, "what was drawn stays"
    page.get_by_role("button", name="Another seed").click()
    page.get_by_label("Prompt", exact=True).fill("a tree")
    wait_for_another(page, after)
    assert page.locator(".live-said").inner_text() == ""
    assert live_jobs(served)[-1].request.seed != request.seed
    page.locator(LIVE).click()
    page.locator(".live-pane").wait_for(state="hidden")


def test_a_sheet_is_drawn_live_and_cancelled_as_if_nothing_had_been(visit, served):
    page = visit(width=1280)
    page.locator(".tabs a[href='#controlnet']").click()
    unit = Unit(page)
    unit.wait_for_net("canny")
    page.locator(LIVE).click()
    page.locator(".live-said", has_text="Waits for a picture").wait_for()
    unit.act("draw").click()
    sheet = Sheet(page)
    sheet.line((0.2, 0.5), (0.8, 0.5))
    before = wait_for_another(page)
    [control] = live_jobs(served)[-1].request.controls
    assert (control.controlnet, control.preprocessor) == ("picturebook-controlnet-scribble", "none")
    sheet.line((0.5, 0.2), (0.5, 0.8))
    wait_for_another(page, before)
    assert live_jobs(served)[-1].request.controls[0].image != control.image
    for _ in range(2):
        page.get_by_role("button", name="Cancel", exact=True).click()
    page.locator("dialog.control-editor").wait_for(state="hidden")
    unit.wait_for_net("canny")
    page.locator(".live-said", has_text="Waits for a picture").wait_for()
    unit.act("draw").click()
    sheet.line((0.2, 0.2), (0.8, 0.8))
    sheet.use()
    unit.wait_for_net("scribble")
    assert served.studio.library.page(Filters()).total == 0
    page.locator(LIVE).click()


def test_a_page_begins_with_the_default_preset_and_resets_to_it(visit):
    page = visit()

    def steps(n: int) -> None:
        wait_for(lambda: page.locator("#steps").input_value() == str(n), f"{n} steps")

    page.get_by_role("button", name="Preferences").click()
    page.get_by_label("Default preset").select_option("picturebook, fast")
    page.locator("dialog.preferences").get_by_role("button", name="Close").click()
    steps(12)  # nothing was set yet
    set_number(page, "steps", 31)
    page.reload()
    page.locator("body.ready").wait_for()
    steps(31)
    page.get_by_role("button", name="Reset all").click()
    steps(12)
    assert page.locator("#presets-value").inner_text() == "picturebook, fast"
    page.locator(".viewer .undo").click()
    steps(31)
    page.evaluate("localStorage.removeItem('studio.settings')")
    page.evaluate("localStorage.removeItem('studio.preset')")
