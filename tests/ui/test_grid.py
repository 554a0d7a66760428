"""A grid on the page: chosen among the settings, drawn cell by cell, looked at as a table."""

from __future__ import annotations

from tests.ui.using import generate, shown_id, wait_for


def of_steps(served, steps: int) -> list:
    requests = [job.request for job in served.studio.queue.jobs()]
    return [request for request in requests if request.steps == steps]


def test_a_grid_is_drawn_and_a_cell_looked_at(visit, served):
    page = visit()
    page.get_by_label("Prompt", exact=True).fill("a red house")
    page.get_by_role("button", name="X/Y/Z plot").click()
    page.get_by_label("X axis", exact=True).select_option("Prompt S/R")
    page.get_by_label("Values of the X axis").fill("red, blue")
    page.get_by_label("Y axis", exact=True).select_option("Steps")
    page.get_by_label("Values of the Y axis").fill("1-3 (+3)")
    page.get_by_text("not reached").or_(page.get_by_text("2 pictures")).first.wait_for()
    page.get_by_label("Values of the Y axis").fill("1-3 (-1)")
    page.locator(".grid-words", has_text="3 is not reached from 1").wait_for()
    page.get_by_label("Values of the Y axis").fill("1-3 (+2)")
    page.locator(".grid-words", has_text="4 pictures").wait_for()
    vary = page.get_by_role("group", name="Vary seeds for")
    assert vary.get_by_label("Z").is_disabled()
    vary.get_by_label("Y").check()
    page.get_by_role("button", name="Draw the grid").click()
    table = page.get_by_role("dialog", name="Grid")
    table.get_by_text("4 of 4 drawn").wait_for()
    headers = table.get_by_role("columnheader").all_inner_texts()
    assert [text for text in headers if text] == ["red", "blue"]
    assert table.get_by_role("rowheader").all_inner_texts() == ["Steps: 1", "Steps: 3"]
    jobs = {job.request.prompt: job for job in served.studio.queue.jobs() if job.request.steps == 3}
    seeds = {steps: {one.seed for one in of_steps(served, steps)} for steps in (1, 3)}
    assert [len(each) for each in seeds.values()] == [1, 1]  # along X all have one
    assert seeds[3] == {seed + 1 for seed in seeds[1]}
    table.get_by_role("button", name="Draw again: blue, Steps: 3").click()
    table.get_by_text("3 of 4 drawn").or_(table.get_by_text("4 of 4 drawn")).wait_for()
    table.get_by_role("img", name="red, Steps: 3").click()
    assert shown_id(page) == jobs["a red house"].pictures[0].id
    assert page.locator(".own-words").inner_text().startswith("a red house")


def test_variations_are_foretold_paused_and_drawn(visit, served, slow):
    slow_s, served.engine.step_s = served.engine.step_s, 0.0
    page = visit()
    generate(page)
    wait_for(page, "finished")
    source = shown_id(page)
    served.engine.step_s = slow_s
    page.get_by_role("button", name="Variations").click()
    asked = page.get_by_role("dialog", name="Variations")
    asked.get_by_text("9 pictures").wait_for()
    asked.get_by_label("By").select_option("Denoising")
    asked.get_by_label("How many").select_option("4")
    asked.get_by_text("4 pictures").wait_for()
    asked.get_by_role("button", name="Draw them").click()
    table = page.get_by_role("dialog", name="Grid")
    table.get_by_role("button", name="Pause").click()
    table.get_by_text("Paused").nth(2).wait_for()
    slow()
    table.get_by_text("1 of 4 drawn").wait_for()
    table.get_by_role("button", name="Go on").click()
    table.get_by_text("4 of 4 drawn").wait_for()
    assert table.get_by_role("row").count() == 2
    table.get_by_role("img").nth(3).click()
    page.locator(f".frame img:not([src*='{source}'])").wait_for()
    family = served.http.get(f"/studio/v1/images/{shown_id(page)}/lineage").json()
    assert [parent["id"] for parent in family["ancestors"]] == [source]
