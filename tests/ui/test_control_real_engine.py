"""Page and model together: a picture that is led by another's edges, and by two nets at once."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, UNet2DConditionModel

from studio import settings
from studio.catalog.catalog import Catalog
from studio.catalog.select import select
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.settings import assets_dir
from studio.web import create_app
from tests import models_in_memory, small_picturebook
from tests.ui.units import PREFIX, Sheet, Unit
from tests.ui.using import generate, set_number, wait_for

REACH = 2
"""So many pixels may an edge be beside that of the map."""


@pytest.fixture
def served(serve, tmp_path, monkeypatch):
    """With the canny ControlNet that comes with the model, and one of random weights. At the
    model's own size: maps of half of it show too little."""
    monkeypatch.setattr(settings, "shipped", small_picturebook.full_size)
    folder = tmp_path / "nets"
    unet = UNet2DConditionModel.from_pretrained(assets_dir() / "models" / "picturebook" / "unet")
    torch.manual_seed(0)
    net = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 8, 16, 16))
    net.controlnet_cond_embedding.conv_out.weight.data.normal_(std=0.05)
    for zeros in net.controlnet_down_blocks:
        zeros.weight.data.normal_(std=0.02)
    net.save_pretrained(folder / "random-scribble")
    catalog = Catalog((assets_dir() / "models", folder))
    engine = StableDiffusionEngine(
        models_in_memory.manager("float32"),
        partial(select, catalog),
        read=lambda ref: one.studio.sources.read(ref),
        map_of=lambda *unit: one.studio.preprocessors.of_unit(*unit),
    )
    one = serve(engine, app=create_app, models_dir=(folder,))
    return one


def overlap(picture: np.ndarray, map: np.ndarray) -> float:
    """F1 of the picture's edges and those of the map."""
    edges = cv2.Canny(picture, 100, 200) > 0
    wanted = map.max(2) > 127
    around = np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8)
    near = [cv2.dilate(one.astype(np.uint8), around) > 0 for one in (edges, wanted)]
    precision = near[1][edges].mean() if edges.any() else 0
    recall = near[0][wanted].mean()
    return 2 * precision * recall / max(precision + recall, 1e-6)


def test_edges_lead_a_picture_and_a_second_unit_joins(browser, served):
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(served.url)
    page.locator("body.ready").wait_for()
    set_number(page, "steps", 16)  # after fewer there are edges where nothing is
    set_number(page, "seed", 3)
    generate(page, "a red house on a meadow by day")
    wait_for(page, "finished")
    page.locator(".tabs a[href='#controlnet']").click()
    unit = Unit(page)
    unit.act("last").click()
    unit.choose_net(f"{PREFIX}-canny")
    unit.wait_for_map("canny")
    edges = unit.map()
    set_number(page, "seed", 9)
    generate(page, "a blue house in the desert at sunset")
    _wait_for_results(page, 2)
    page.locator(".active-badge button").click()
    page.locator("#generate").click()
    wait_for(page, "failed")  # the tab is about units
    page.locator(".tabs a[href='#text-to-image']").click()
    page.locator("#generate").click()
    _wait_for_results(page, 3)
    page.locator(".tabs a[href='#controlnet']").click()
    page.locator(".views [data-view=source]").click()
    unit.root.locator("[data-check=on]").check()
    page.locator("#controls").click()
    second = Unit(page, 1)
    second.choose_net("random-scribble")
    second.act("draw").click()
    sheet = Sheet(page)
    sheet.line((0.2, 0.8), (0.8, 0.8))
    sheet.use()
    page.locator("#generate").click()
    _wait_for_results(page, 4)
    jobs = served.studio.queue.jobs()
    _, led, free, both = (np.asarray(job.pictures[0].image) for job in jobs)
    assert overlap(led, edges) > 0.6 and overlap(led, edges) > overlap(free, edges) + 0.2
    assert [control.controlnet for control in jobs[3].request.controls] == [
        f"{PREFIX}-canny",
        "random-scribble",
    ]
    assert not np.array_equal(led, both)
    [again] = served.studio.generate(jobs[3].request)
    assert np.array_equal(np.asarray(again.image), both)
    context.close()


@pytest.mark.skipif(
    not (assets_dir() / "models" / f"{PREFIX}-scribble").is_dir(),
    reason="the ControlNet for scribbles does not come with this checkout",
)
@pytest.mark.parametrize("left", [0.08, pytest.param(0.62, marks=pytest.mark.slow)])
def test_a_drawn_scribble_says_where_the_house_stands(browser, served, left):
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(f"{served.url}#controlnet")
    page.locator("body.ready").wait_for()
    set_number(page, "steps", 8)
    set_number(page, "seed", 5)
    unit = Unit(page)
    unit.choose_net(f"{PREFIX}-scribble")
    unit.act("draw").click()
    sheet = Sheet(page)
    right, middle = left + 0.3, left + 0.15
    sheet.line((left, 0.5), (right, 0.5), (right, 0.8), (left, 0.8), (left, 0.5))
    sheet.line((left, 0.5), (middle, 0.32), (right, 0.5))
    sheet.use()
    generate(page, "a red house on a meadow by day")
    wait_for(page, "finished")
    [job] = served.studio.queue.jobs()
    red, green, blue = np.asarray(job.pictures[0].image).astype(int).transpose(2, 0, 1)
    across = np.nonzero((red > green + 60) & (red > blue + 60))[1] / red.shape[1]
    assert len(across) > 300
    assert left - 0.05 < across.mean() < right + 0.05
    context.close()


def _wait_for_results(page, count: int) -> None:
    page.wait_for_function(
        "count => document.querySelectorAll('.strip .tile[data-id]').length === count", arg=count
    )
