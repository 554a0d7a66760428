"""From the click to the picture, and everything that may come between."""

from __future__ import annotations

import time

import pytest

from studio.domain.schedulers import SCHEDULERS
from tests.ui.using import (
    facts,
    generate,
    set_number,
    shown,
    shown_id,
    status,
    wait_for,
    wait_for_step,
)

_WATCH_PREVIEWS = """
() => {
  window.seen = new Set();
  const frame = document.querySelector(".frame");
  const look = () => {
    const image = frame.querySelector("img");
    if (image?.src.startsWith("blob:") && image.complete) window.seen.add(image.src);
  };
  new MutationObserver(look).observe(frame, {childList: true});
}
"""


def test_prompt_previews_picture(visit, served, slow):
    page = visit()
    set_number(page, "steps", 60)
    page.evaluate(_WATCH_PREVIEWS)
    frame = page.locator(".frame").bounding_box()
    generate(page, "a red house on a meadow")
    page.locator("#stop:enabled").wait_for()
    assert page.locator("#generate").inner_text() == "Generate\nqueues one more"
    wait_for_step(page)
    assert page.locator(".frame").bounding_box() == frame  # nothing jumps
    page.wait_for_function("window.seen.size >= 3")
    slow()
    wait_for(page, "finished")
    assert "Finished in" in status(page)
    page.locator("#stop:disabled").wait_for()
    page.get_by_role("button", name="Generate", exact=True).wait_for()
    [job] = served.studio.queue.jobs()
    assert job.request.prompt == "a red house on a meadow"
    assert shown_id(page) == job.pictures[0].id
    assert facts(page)["seed"] == str(job.request.seed)
    assert page.locator(".strip .tile").count() == 1


def test_a_seamless_picture_is_shown_beside_itself(visit):
    page = visit()
    generate(page)
    wait_for(page, "finished")
    tiled = page.get_by_role("button", name="Tiled")
    assert not tiled.is_visible()
    page.get_by_role("button", name="Advanced").click()
    page.locator("#tiling").select_option("both")
    generate(page)
    tiled.click()
    page.get_by_role("img", name="The picture beside itself").wait_for()


@pytest.mark.parametrize("width", [1440, 390])
def test_warnings_stand_under_their_picture_a_line_each(visit, served, width):
    told = ("The embedding old-style was passed over: it is for SD 1.x.", "A LoRA fits in part.")
    served.engine.warnings = told
    page = visit(width=width)
    generate(page, "a red house")
    wait_for(page, "finished")
    lines = page.locator(".warnings li")
    lines.last.wait_for()
    assert lines.all_inner_texts() == list(told)
    assert "Finished in" in status(page)
    boxes = [one.bounding_box() for one in lines.all()]
    assert boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"]
    words = page.locator(".own-words").bounding_box()
    assert boxes[1]["y"] + boxes[1]["height"] <= words["y"]

    served.engine.warnings = ()
    generate(page, "a red house")
    wait_for(page, "finished")
    assert lines.count() == 0


def test_a_picture_is_asked_for_at_one_door(visit, served):
    page = visit()
    posts = []
    page.on("request", lambda r: posts.append(r.url) if r.method == "POST" else None)
    generate(page)
    wait_for(page, "finished")
    foretelling = ("/forecast", "/prompt", "/combinations?limit=0")  # these draw nothing
    asked = [url for url in posts if not url.endswith(foretelling)]
    assert asked == [f"{served.url}/studio/v1/jobs"]


def test_a_small_picture_is_shown_large_and_smooth(visit):
    page = visit()
    generate(page)
    wait_for(page, "finished")
    shown_id(page)
    image = page.locator(".frame img")
    assert image.evaluate("e => e.naturalWidth") <= 256
    assert image.bounding_box()["width"] > 500
    assert image.evaluate("e => getComputedStyle(e).imageRendering") == "auto"


def test_reload_in_mid_run_attaches_again(visit, served, slow):
    page = visit()
    set_number(page, "steps", 150)
    generate(page)
    wait_for_step(page, 3)
    page.reload()
    wait_for_step(page, 4)
    assert served.studio.queue.jobs()[0].state.value == "running"
    slow()
    wait_for(page, "finished")
    [job] = served.studio.queue.jobs()
    assert shown_id(page) == job.pictures[0].id


def test_stop_keeps_the_partial_picture_and_says_so(visit, served, slow):
    page = visit()
    set_number(page, "steps", 60)
    generate(page)
    wait_for_step(page, 2)
    page.get_by_role("button", name="Stop").click()
    wait_for(page, "cancelled")
    [job] = served.studio.queue.jobs()
    assert job.pictures[0].partial
    assert shown_id(page) == job.pictures[0].id
    assert page.get_by_text("Stopped early").is_visible()
    assert status(page).startswith("Stopped at step")
    slow()
    generate(page, "the next one")
    wait_for(page, "finished")
    assert not page.get_by_text("Stopped early").is_visible()


def test_keys(visit, served, slow):
    page = visit()
    set_number(page, "steps", 150)
    page.get_by_label("Prompt", exact=True).fill("one")
    page.keyboard.press("Control+Enter")
    wait_for_step(page)
    page.get_by_label("Prompt", exact=True).fill("two")
    page.keyboard.press("Control+Enter")
    page.wait_for_function("document.querySelector('.status').textContent.includes('1 more')")
    page.keyboard.press("Escape")
    page.wait_for_function("!document.querySelector('.status').textContent.includes('1 more')")
    slow()
    wait_for(page, "finished")
    states = [(job.request.prompt, job.state.value) for job in served.studio.queue.jobs()]
    assert states == [("one", "cancelled"), ("two", "finished")]
    page.locator("body").click()
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keys").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog", name="Keys").is_visible()


@pytest.mark.parametrize("width", [1440, 390])
def test_generate_queues_one_more_while_a_picture_is_drawn(visit, served, slow, width):
    page = visit(width, 844, has_touch=width == 390)
    if width == 390:
        page.get_by_role("button", name="Settings", exact=True).tap()
    set_number(page, "steps", 150)
    if width == 390:
        page.get_by_role("button", name="Close the settings").tap()
    generate, stop = page.locator("#generate"), page.locator("#stop")
    place = stop.bounding_box()
    page.get_by_label("Prompt", exact=True).fill("one")
    generate.dblclick()
    wait_for_step(page)
    assert stop.bounding_box() == place  # a late click must not hit Generate
    for words in ("two", "three"):
        page.get_by_label("Prompt", exact=True).fill(words)
        generate.tap() if width == 390 else generate.click()
    page.wait_for_function("document.querySelector('.status').textContent.includes('2 more')")
    stop.tap() if width == 390 else stop.click()
    page.wait_for_function("document.querySelector('.status').textContent.includes('1 more')")
    slow()
    wait_for(page, "finished")
    page.locator("#stop:disabled").wait_for()
    states = [(job.request.prompt, job.state.value) for job in served.studio.queue.jobs()]
    assert states == [("one", "cancelled"), ("two", "finished"), ("three", "finished")]


def test_two_visitors_see_their_own_results(visit, served, slow):
    ann, ben = visit(), visit()
    set_number(ann, "steps", 150)
    generate(ann, "ann's house")
    wait_for_step(ann)
    generate(ben, "ben's boat")
    ben.get_by_text("1 before you").first.wait_for()
    slow()
    wait_for(ben, "finished")
    wait_for(ann, "finished")
    of = {job.request.prompt: job.pictures[0].id for job in served.studio.queue.jobs()}
    assert shown_id(ann) == of["ann's house"]
    assert shown_id(ben) == of["ben's boat"]
    for page in (ann, ben):  # without logins the library is everybody's
        page.wait_for_function("document.querySelectorAll('.strip .tile').length === 2")


def test_a_closed_tab_does_not_stop_its_job_and_the_next_one_finds_it(visit, served, slow):
    page = visit()
    set_number(page, "steps", 150)
    generate(page)
    wait_for_step(page)
    context = page.context
    page.close()
    [job] = served.studio.queue.jobs()
    again = visit(context=context)
    wait_for(again, "running")
    slow()
    wait_for(again, "finished")
    assert shown_id(again) == job.pictures[0].id


def test_failure_says_why_keeps_the_settings_and_offers_a_retry(visit, served):
    page = visit()
    generate(page, "break now")
    wait_for(page, "failed")
    assert "The fake engine was told to fail." in status(page)
    prompt = page.get_by_label("Prompt", exact=True)
    assert prompt.input_value() == "break now"
    prompt.fill("better")
    page.get_by_role("button", name="Retry").click()
    wait_for(page, "finished")
    assert not page.get_by_role("button", name="Retry").is_visible()


def test_a_refused_request_is_explained(visit, served):
    page = visit()
    page.locator("#scheduler").select_option("SA-Solver")
    page.locator("#noise_schedule").select_option("karras")
    set_number(page, "steps", 6)
    words = SCHEDULERS["SA-Solver"].objection("karras", 6)
    assert page.locator("#settings .objection").first.inner_text() == words
    generate(page)
    wait_for(page, "failed")
    assert words in status(page)
    assert served.studio.queue.jobs() == []
    assert page.locator("#steps").input_value() == "6"


def test_batch(visit, served):
    page = visit()
    set_number(page, "batch_size", 3)
    generate(page)
    wait_for(page, "finished")
    page.locator(".batch .tile").nth(2).wait_for()
    [job] = served.studio.queue.jobs()
    page.locator(".batch .tile").nth(1).click()
    page.wait_for_function(
        "seed => document.querySelector('.facts').textContent.includes(seed)",
        arg=f"Seed {job.request.seed + 1}",
    )
    assert shown(page).endswith(job.pictures[1].id)
    assert page.locator(".strip .tile").count() == 3


def test_lost_connection_is_said_and_mended(visit, served, slow):
    page = visit()
    set_number(page, "steps", 60)
    generate(page)
    wait_for_step(page)
    page.context.set_offline(True)
    page.wait_for_function(
        "document.querySelector('.status').textContent.includes('Connection lost')"
    )
    banner = page.get_by_role("alert")
    banner.get_by_text("No connection to the studio.").wait_for()
    slow()
    page.context.set_offline(False)
    wait_for(page, "finished")
    banner.wait_for(state="hidden")


def test_a_disk_that_takes_nothing_is_told_over_the_page(visit):
    page = visit()

    def without_room(route):
        now = route.fetch().json()
        route.fulfill(json=now | {"disk": "There is no room on the disk."})

    page.route("**/studio/v1/status", without_room)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.get_by_role("alert").get_by_text("There is no room on the disk.").wait_for()
    top = page.get_by_role("alert").bounding_box()
    assert top["y"] + top["height"] <= page.locator("#prompt-bar").bounding_box()["y"] + 1


def test_the_settings_of_a_result_are_at_hand(visit, served):
    page = visit()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    generate(page, "first")
    wait_for(page, "finished")
    [job] = served.studio.queue.jobs()
    page.get_by_role("button", name="Copy settings").click()
    page.get_by_role("button", name="Copy settings").get_by_text("Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == job.pictures[0].infotext
    page.get_by_role("button", name="Reuse seed").click()
    assert page.locator("#seed").input_value() == str(job.request.seed)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.path().read_bytes() == served.studio.gallery.bytes(job.pictures[0].id)
    page.get_by_role("button", name="Download as").click()
    dialog = page.get_by_role("dialog", name="Download as")
    dialog.get_by_label("Name").fill("[colour]")
    dialog.get_by_role("button", name="Download").click()
    dialog.get_by_role("alert").get_by_text("[prompt_words]").wait_for()
    dialog.get_by_label("Name").fill("[seed] [prompt_words]")
    dialog.get_by_label("Format").select_option("jpeg")
    for again in (
        dialog.get_by_role("button", name="Download"),
        page.get_by_role("link", name="Download"),
    ):
        with page.expect_download() as download:
            again.click()
        request = job.pictures[0].request
        assert download.value.suggested_filename == f"{request.seed} {request.prompt}.jpg"


def test_recent_pictures_come_back_with_their_settings(visit, served):
    page = visit()
    page.locator("#steps").fill("4")
    generate(page, "first")
    wait_for(page, "finished")
    page.locator("#steps").fill("5")
    page.locator("#scheduler").select_option("Euler")
    generate(page, "second")
    wait_for(page, "finished")
    page.reload()
    page.locator(".strip .tile").nth(1).click()
    first, _ = served.studio.queue.jobs()
    assert shown_id(page) == first.pictures[0].id
    page.get_by_role("button", name="Use these settings").click()
    assert page.get_by_label("Prompt", exact=True).input_value() == "first"
    assert page.locator("#steps").input_value() == "4"
    assert page.locator("#scheduler").input_value() == "DPM++ 2M"
    assert page.locator("#seed").input_value() == str(first.request.seed)


def test_the_preview_is_latest_only_for_a_slow_reader(visit, served, slow):
    page = visit()
    set_number(page, "steps", 12)
    begun, asked = served.engine.steps_done, []

    def hand_on(route):
        """Three steps late."""
        asked.append(route)
        late = min(begun + 12, served.engine.steps_done + 3)
        until_s = time.monotonic() + 10
        while served.engine.steps_done < late and time.monotonic() < until_s:
            time.sleep(0.01)
        route.continue_()

    page.route("**/preview*", hand_on)
    generate(page)
    wait_for(page, "finished")
    assert len(asked) <= 7
    [job] = served.studio.queue.jobs()
    assert shown_id(page) == job.pictures[0].id
