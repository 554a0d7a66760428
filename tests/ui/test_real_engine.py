"""Page and model together: what a newcomer does first."""

from __future__ import annotations

from studio.app import create_app
from tests import models_in_memory
from tests.ui.using import set_number, shown_id

_COUNT_PREVIEWS = """
() => {
  window.seen = new Set();
  const look = () => window.seen.add(document.querySelector(".frame img")?.src);
  new MutationObserver(look).observe(document.querySelector(".frame"), {childList: true});
}
"""


def test_type_press_picture(browser, serve):
    served = serve(models_in_memory.engine(), app=create_app)
    context = browser.new_context()
    page = context.new_page()
    page.goto(served.url)
    page.locator(".welcome button").first.click()
    prompt = page.get_by_label("Prompt", exact=True).input_value()
    assert prompt == served.studio.catalog.find(None).family.example_prompts[0]
    set_number(page, "steps", 12)
    set_number(page, "seed", 5)
    page.evaluate(_COUNT_PREVIEWS)
    page.locator("#generate").click()
    page.locator(".viewer[data-state=finished]").wait_for(timeout=120_000)
    assert page.evaluate("[...window.seen].filter((src) => src?.startsWith('blob:')).length") >= 3
    [job] = served.studio.queue.jobs()
    assert shown_id(page) == job.pictures[0].id
    assert (job.request.prompt, job.request.steps, job.request.seed) == (prompt, 12, 5)
    [again] = served.studio.generate(job.request)
    assert again.image.tobytes() == job.pictures[0].image.tobytes()
    context.close()
