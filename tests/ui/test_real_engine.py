"""Page and model together: what a newcomer does first."""

from __future__ import annotations

import threading
from functools import partial

import numpy as np

from studio.catalog.catalog import Catalog
from studio.catalog.select import select
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.residence.manager import ModelManager
from studio.settings import assets_dir
from studio.web import create_app
from tests import models_in_memory
from tests.catalog import files
from tests.ui.using import generate, paint, send_to, set_number, shown_id, wait_for

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
    set_number(page, "steps", 20)
    set_number(page, "seed", 5)
    page.evaluate(_COUNT_PREVIEWS)
    page.locator(".welcome button").first.click()  # which draws
    prompt = page.get_by_label("Prompt", exact=True).input_value()
    assert prompt == served.studio.catalog.find(None).family.example_prompts[0]
    page.locator(".viewer[data-state=finished]").wait_for(timeout=120_000)
    assert page.evaluate("[...window.seen].filter((src) => src?.startsWith('blob:')).length") >= 2
    [job] = served.studio.queue.jobs()
    assert shown_id(page) == job.pictures[0].id
    assert (job.request.prompt, job.request.steps, job.request.seed) == (prompt, 20, 5)
    [again] = served.studio.generate(job.request)
    assert again.image.tobytes() == job.pictures[0].image.tobytes()
    context.close()


_REMEMBER_STATUS = """
() => {
  window.said = [];
  const status = document.querySelector(".status");
  new MutationObserver(() => window.said.push(status.textContent)).observe(
    status, {childList: true, characterData: true, subtree: true});
}
"""


class Patient(ModelManager):
    """Loads the checkpoint `name` no further until `seen` is set: a small one is quickly there."""

    def __init__(self, name: str) -> None:
        super().__init__("cpu", "float32")
        self.name, self.seen = name, threading.Event()

    def prepare(self, lease):
        for told in super().prepare(lease):
            yield told
            if lease.selection.checkpoint.name == self.name:
                assert self.seen.wait(60)


def test_another_checkpoint_is_loaded_in_words_and_the_first_comes_back_the_same(
    browser, serve, tmp_path
):
    folder = tmp_path / "own"
    files.copy_embedded(folder / "night book")
    catalog = Catalog((assets_dir() / "models", folder))
    manager = Patient("night book")
    engine = StableDiffusionEngine(manager, partial(select, catalog))
    served = serve(engine, app=create_app, models_dir=(folder,))
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(served.url)
    page.get_by_label("Prompt", exact=True).fill("a red house")
    set_number(page, "steps", 2)
    set_number(page, "seed", 5)
    page.evaluate(_REMEMBER_STATUS)
    for count, name in enumerate(("picturebook", "night book", "picturebook"), 1):
        page.locator("#checkpoint").click()
        page.get_by_role("combobox", name="Search").fill(name)
        page.keyboard.press("Enter")
        page.locator("#generate").click()
        if name == manager.name:
            page.wait_for_function("said.some((words) => words.startsWith('Loading night book'))")
            manager.seen.set()
        page.wait_for_function(
            "count => document.querySelectorAll('.strip .tile').length === count", arg=count
        )
    first, second, third = (job.pictures[0] for job in served.studio.queue.jobs())
    assert second.request.checkpoint == "night book"
    assert first.image.tobytes() == third.image.tobytes()
    context.close()


def test_a_house_is_painted_away_the_picture_widened_and_both_compared(browser, serve):
    engine = models_in_memory.engine(read=lambda ref: served.studio.sources.read(ref))
    served = serve(engine, app=create_app)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(served.url)
    page.locator("body.ready").wait_for()
    set_number(page, "steps", 3)
    generate(page, "a red house on a meadow at sunset")
    wait_for(page, "finished")
    send_to(page, "inpaint")
    paint(page, (0.2, 0.6), (0.8, 0.6))
    page.locator("#masked_content").select_option("fill")
    set_number(page, "strength", 1)
    generate(page, "a meadow at sunset")
    wait_for(page, "finished")
    page.get_by_role("button", name="Outside the mask: unchanged").click()
    page.locator(".over img[src$='/difference']").wait_for()
    send_to(page, "outpaint")
    side = page.locator("[data-side=right]")
    side.fill("64")
    side.press("Enter")
    page.locator("#generate").click()
    wait_for(page, "finished")
    page.get_by_role("button", name="Inside the old picture: unchanged").wait_for()
    page.keyboard.press("c")
    page.locator(".over img[src$='/before']").wait_for()
    scene, repainted, widened = (
        np.asarray(job.pictures[0].image) for job in served.studio.queue.jobs()
    )
    height, width, _ = scene.shape
    assert not np.array_equal(scene, repainted)
    assert np.array_equal(scene[: height // 8], repainted[: height // 8])
    assert widened.shape == (height, width + 64, 3)
    assert np.array_equal(widened[:, : width // 2], repainted[:, : width // 2])
    frame = page.locator(".frame").bounding_box()
    assert abs(frame["width"] / frame["height"] - (width + 64) / height) < 0.02
    context.close()
