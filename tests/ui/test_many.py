"""Many pictures at one press: matrices, prompts on lines, batches, and for ever."""

from __future__ import annotations

import time

from tests.ui.using import set_number, wait_for


def total(served) -> int:
    return served.http.get("/studio/v1/images").json()["total"]


def requests(served):
    return [job.request for job in served.studio.queue.jobs()]


def until_drawn(page, served, least: int) -> None:
    until_s = time.monotonic() + 30
    while total(served) < least:
        assert time.monotonic() < until_s, f"{total(served)} pictures were drawn, not {least}"
        page.wait_for_timeout(20)


def test_a_matrix_and_lines_are_foretold_and_drawn(visit, served):
    before = total(served)
    page = visit()
    page.get_by_label("Prompt", exact=True).fill("a house|at night|in snow")
    page.get_by_role("button", name="Prompt matrix").click()
    matrix = page.locator("[data-part=matrix]")
    matrix.get_by_text("4 pictures").wait_for()
    matrix.get_by_label("Joined by").select_option("spaces")
    matrix.get_by_role("button", name="Draw the matrix").click()
    table = page.get_by_role("dialog", name="Grid")
    table.get_by_text("4 of 4 drawn").wait_for()
    assert table.get_by_role("rowheader").all_inner_texts() == ["—", "in snow"]
    assert "a house at night in snow" in {one.prompt for one in requests(served)}
    table.get_by_role("button", name="Close").click()

    page.get_by_role("button", name="Prompts from a text").click()
    lines = page.locator("[data-part=prompts]")
    text = lines.get_by_label("Prompts, one on each line")
    text.fill("a cat\n--prompt a dog --colour red")
    lines.get_by_text("line 2: '--colour' is no flag").wait_for()
    file = {
        "name": "a.txt",
        "mimeType": "text/plain",
        "buffer": b"a cat\n--prompt a dog --steps 2\n",
    }
    lines.locator("input[type=file]").set_input_files(file)
    lines.get_by_text("2 pictures").wait_for()
    assert "--steps 2" in text.input_value()
    lines.get_by_role("button", name="Draw the prompts").click()
    until_drawn(page, served, before + 4 + 2)
    cat, dog = requests(served)[-2:]
    assert (cat.prompt, dog.prompt, dog.steps) == ("a cat", "a dog", 2)


def test_batches_count_on_are_stopped_together_and_go_on_for_ever(visit, served):
    before = total(served)
    page = visit()
    page.get_by_label("Prompt", exact=True).fill("a house")
    set_number(page, "batch_count", 3)
    page.get_by_label("Keep a grid of the batch").check()
    page.locator("#generate").click()
    page.locator(".status", has_text="The grid of the batch is kept").wait_for()
    assert total(served) == before + 3 + 1
    seeds = [one.seed for one in requests(served)]
    assert seeds == list(range(seeds[0], seeds[0] + 3))
    page.get_by_label("Keep a grid of the batch").uncheck()

    served.studio.queue.pause()
    page.locator("#generate").click()
    page.get_by_text("2 more waiting").first.wait_for()
    page.locator("#stop").click()
    wait_for(page, "cancelled")
    page.locator("body:not(.busy)").wait_for()
    served.studio.queue.resume()
    assert [job.state.value for job in served.studio.queue.jobs()[-3:]] == ["cancelled"] * 3

    set_number(page, "batch_count", 1)
    forever = page.get_by_label("Generate for ever")
    forever.check()
    page.locator("#generate").click()
    until_drawn(page, served, before + 3 + 1 + 3)
    page.keyboard.press("Escape")
    page.locator("body:not(.busy)").wait_for()
    assert not forever.is_checked()
    assert served.studio.queue.waiting == 0
    drawn = requests(served)[6:]
    assert len({one.seed for one in drawn}) == len(drawn) >= 3
