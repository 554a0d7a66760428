"""What the pages of Learn show, with the real weights: that it is what they say."""

from __future__ import annotations

import json
import math
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pytest
import torch

from studio.diffusion.laws import VariancePreserving
from studio.learning import lessons, notebooks, pages
from studio.learning.bench import psnr_db
from studio.learning.classroom import Classroom
from studio.learning.scenes import scene
from studio.learning.small_training import Learner
from studio.preprocessors.maps import Preprocessors
from studio.safety.desk import Safety
from studio.store.ledger import Ledger
from studio.store.safety import SafetyLedger
from tests.engine.running import pictures
from tests.models_in_memory import catalog, engine


def shown(page: str, map_of=None, **fields):
    """What a page shows, all its pieces at once; its notebook's cells run with it, too."""
    asked = pages.find(page).asked(**fields)
    ref = catalog().find("picturebook")
    request = asked.request().settled(ref.name, ref.family)
    resources = replace(engine().resources, map_of=map_of)
    work = lessons.pieces(resources, page, asked, request, None)
    found = _end(work)
    names = {"shown": found}
    cells = json.loads(notebooks.notebook(pages.find(page)))["cells"]
    for cell in [cell for cell in cells if cell["cell_type"] == "code"][1:-1]:
        exec(cell["source"], names)
    return found


def _end(work):
    """What a generator returns."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def test_noise_in_ends_in_noise_by_both_ways():
    found = shown("noise-in", stops=2, seed=1, scene=3)
    picture, caption = scene(3, (found.closed.width, found.closed.height))
    assert found.caption == caption
    assert found.timesteps == [0, len(found.alphas_cumprod) - 1]
    assert max(found.apart) < 1e-4
    assert (
        psnr_db(picture, found.closed.picture(0)) > 20 > psnr_db(picture, found.closed.picture(1))
    )
    for mean, spread in found.gathered:
        assert abs(mean) < 0.2 and abs(spread - 1) < 0.2


def under(safety: Safety) -> Classroom:
    """One whose pictures `safety` looks at."""
    ref = catalog().find("picturebook")

    def errand(begin):
        answer = Future()
        answer.set_result(_end(begin()))
        return answer

    settled = lambda request, _: request.settled(ref.name, ref.family)  # noqa: E731
    return Classroom(errand, settled, bytes, engine, safety)


def test_where_the_owners_filter_finds_something_the_page_is_blurred_and_says_so():
    """A noisier picture than the one that is found is under the threshold, and shows the same."""
    safety = Safety(SafetyLedger(Ledger(None)), score=lambda image: image.getpixel((0, 0))[2] / 255)
    classroom, asked = under(safety), {"stops": 2, "seed": 1, "scene": 3}
    clear = classroom.ask("noise-in", asked).result()
    pictures = clear.closed.pictures + clear.walked.pictures
    limit = max(round(safety.score(each), 4) for each in pictures)
    safety.change({"filter": "block", "filter_threshold": limit}, "guest:local")
    found = classroom.ask("noise-in", asked).result()
    assert found.blurred and not clear.blurred
    for was, seen in zip(pictures, found.closed.pictures + found.walked.pictures, strict=True):
        assert psnr_db(seen, was) < 30
    [entry] = [each for each in safety.entries(9, None) if "Learn" in each.what]
    assert entry.why == "noise-in"


def test_maps_of_what_is_blurred_show_no_shape_and_are_still_reckoned_with():
    safety = Safety(SafetyLedger(Ledger(None)), score=lambda image: 0.9)
    asked = {"prompt": "a red house", "steps": 2, "guidance_scale": 5.0, "seed": 4}
    clear = under(safety).ask("noise-out", asked).result()
    safety.change({"filter": "blur"}, "guest:local")
    found = under(safety).ask("noise-out", asked).result()
    for name in ("latents", "negative", "positive"):
        was, seen = getattr(clear, name).array(), getattr(found, name).array()
        assert seen.shape == was.shape and np.allclose(
            seen.mean((-2, -1)), was.mean((-2, -1)), atol=1e-5
        )
        assert len(np.unique(seen[0, 0])) <= 64 < len(np.unique(was[0, 0]))
    names = {"shown": found}
    by_hand = json.loads(notebooks.notebook(pages.find("noise-out")))["cells"]
    [cell] = [each["source"] for each in by_hand if "after - z[k + 1]" in each["source"]]
    exec(cell.replace("float(np", "apart = float(np"), names)
    assert names["apart"] < 1e-4


def test_noise_out_is_the_drawing_and_can_be_done_by_hand():
    words = {"prompt": "a red house", "steps": 2, "guidance_scale": 5.0, "seed": 4}
    found = shown("noise-out", **words)
    [drawn] = pictures(engine(), scheduler="DDIM", **words)
    assert psnr_db(drawn, found.picture.picture(0)) > 28
    z, levels = found.latents.array(), found.alphas_cumprod
    noise = found.negative.array() + 5.0 * (found.positive.array() - found.negative.array())
    for k in range(2):
        clean = (z[k] - math.sqrt(1 - levels[k]) * noise[k]) / math.sqrt(levels[k])
        after = math.sqrt(levels[k + 1]) * clean + math.sqrt(1 - levels[k + 1]) * noise[k]
        assert np.abs(after - z[k + 1]).max() < 1e-4


def test_words_of_a_kind_lie_together_and_are_looked_at():
    found = shown("words", prompt="a red house", negative_prompt="", steps=2)
    assert [token.text for token in found.tokens][1:-1] == ["a", "red", "house"]
    assert found.words == [found.words[each.word] for each in found.tokens if each.word >= 0]
    steps, words, height, width = found.attention.shape
    assert (steps, words) == (2, len(found.words))
    assert found.attention.array().reshape(steps * words, height * width).max(1).min() > 0
    places = [one for one in found.map if one.kind != "prompt"]
    near = [
        min(
            (other for other in places if other is not one),
            key=lambda other: math.dist((one.x, one.y), (other.x, other.y)),
        ).kind
        for one in places
    ]
    alike = sum(kind == one.kind for kind, one in zip(near, places, strict=True))
    assert alike / len(places) > 0.6
    assert psnr_db(found.with_negative.picture(0), found.without_negative.picture(0)) == math.inf


def test_walks_through_the_latent_space_end_where_they_should():
    found = shown("latent-space", steps=2, seed=7, other_seed=7)
    assert 15 < found.psnr_db < 60
    assert psnr_db(found.back.picture(0), found.walked.picture(0)) > 30
    assert psnr_db(found.seeds.picture(0), found.seeds.picture(-1)) > 35  # the same seed
    assert found.pixels > 10 * found.latents


def test_the_loss_of_a_tiny_network_falls():
    """That it draws what it learned the page shows."""
    table = torch.linspace(0.999, 0.01, 100)
    learner = Learner(torch.randn(1, 4, 8, 8), VariancePreserving("epsilon", table), seed=1)
    for _ in range(60):
        learner.learn(seconds=0)
    losses = learner.told(most=30)
    assert learner.steps == 60 and len(losses) == 30
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_training_is_looked_at_until_it_is_done():
    found = shown("training", seconds=1e-6)
    assert found.done and found.steps == 1 and found.parameters > 1000


@pytest.mark.slow
def test_steering_keeps_what_it_says(tmp_path):
    found = shown("steering", Preprocessors((), tmp_path).of_unit, steps=4)
    assert found.outside == 0
    assert found.timesteps == sorted(found.timesteps)
    like = [psnr_db(found.picture.picture(0), found.drawn.picture(k)) for k in (0, -1)]
    assert like[0] > like[1]
    assert len(found.levels) > 3 and all(level.mean > 0 for level in found.levels)
    assert 0 < found.cells.array().mean() < 0.5


@pytest.mark.parametrize("page", pages.PAGES)
def test_every_page_finds_its_lines(page):
    cells = json.loads(notebooks.notebook(pages.find(page)))["cells"]
    code = [cell["source"] for cell in cells if cell["source"].startswith("`studio/")]
    assert len(code) == len(pages.PAGES[page].code)
    assert all("def " in each for each in code)
