"""Prompts that are many, each drawn at one press; and one picture of a batch that varies."""

from __future__ import annotations

from studio.jobs.job import JobState
from tests.ui.using import generate, set_number, wait_for


def test_all_combinations_are_drawn_at_one_press(visit, served):
    page = visit()
    every = page.get_by_role("button", name="combinations")
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill("a house")
    assert not every.is_visible()
    prompt.fill("a {red|blue|green} {house|boat}")
    page.get_by_role("button", name="Draw all 6 combinations").click()
    page.locator(".viewer[data-state=finished]").wait_for()
    jobs = served.studio.queue.jobs()
    for job in jobs:
        served.wait_until(job.id, "finished")
    assert len({job.request.prompt for job in jobs}) == len(jobs) == 6
    assert all(job.request.prompt_template == prompt.input_value() for job in jobs)
    served.studio.queue.pause()
    prompt.fill("a {red|blue|green} {house|boat|tree} {by day|at night}")
    page.get_by_role("button", name="Draw all 18 combinations").click()
    page.get_by_text("These are 18 pictures. Draw all of them?").wait_for()
    page.get_by_role("button", name="Not now").click()
    assert len(served.studio.queue.jobs()) == 6
    page.get_by_role("button", name="Draw all 18 combinations").click()
    page.get_by_role("button", name="Draw them").click()
    page.wait_for_function("document.querySelector('.status').textContent.includes('17 more')")
    assert sum(job.state is JobState.QUEUED for job in served.studio.queue.jobs()) == 18
    prompt.fill("a house")
    every.wait_for(state="hidden")
    served.studio.queue.resume()


def test_one_of_several_variations_comes_back_alone(visit, served):
    page = visit()
    page.get_by_role("button", name="Variation", exact=True).click()
    set_number(page, "seed", 7)
    set_number(page, "variation_strength", 0.3)
    set_number(page, "batch_size", 3)
    generate(page)
    wait_for(page, "finished")
    [job] = served.studio.queue.jobs()
    served.wait_until(job.id, "finished")
    first = job.request.variation_seed
    assert (job.request.seed, job.request.variation_strength) == (7, 0.3)
    page.locator(".batch .tile").nth(2).click()
    page.get_by_text(f"Seed 7, variation {first + 2}").wait_for()
    page.get_by_role("button", name="Reuse seed").click()
    assert page.locator("#variation_seed").input_value() == str(first + 2)
    assert page.locator("#batch_size").input_value() == "1"
    with page.expect_response("**/studio/v1/jobs") as sent:
        page.locator("#generate").click()
    id = sent.value.json()["id"]
    served.wait_until(id, "finished")
    again = served.studio.queue.get(id)
    assert (again.request.seed, again.request.variation_seed) == (7, first + 2)
    [alone], wanted = again.pictures, job.pictures[2]
    assert alone.image.tobytes() == wanted.image.tobytes()
