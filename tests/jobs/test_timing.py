"""Seconds that are foretold, against a machine whose laws are known."""

from __future__ import annotations

import random
from statistics import median

import pytest

from studio.domain.events import Finished
from studio.domain.request import GenerationRequest
from studio.domain.tasks import ImageToImage, Outpaint, Upscale
from studio.families.stable_diffusion.family import PICTUREBOOK
from studio.jobs.forecasts import Forecasts
from studio.jobs.job import Job
from studio.jobs.timing import fit
from studio.jobs.workload import Part, workload


def took(parts, chance: random.Random, noise: float = 0.05) -> float:
    """A machine: half a second, then 4 ms a call, 300 ms a megapixel of a row, 150 for its
    attention, 80 to decode."""
    seconds = 0.5
    for part in parts:
        work = part.calls * part.rows * part.megapixels
        seconds += 0.004 * part.calls + 0.3 * work + 0.15 * work * part.megapixels
        seconds += 0.1 * work * part.units + 0.08 * part.pictures * part.megapixels
    return seconds * chance.uniform(1 - noise, 1 + noise)


def mixed(chance: random.Random) -> tuple[Part, ...]:
    rows = chance.choice((1, 2, 2, 2, 8))
    side = chance.choice((256, 512, 512, 768, 1024))
    parts = [Part(chance.randint(4, 50), rows, side, chance.choice((side, 640)), 0, rows)]
    if chance.random() < 0.2:
        parts.append(Part(chance.randint(4, 20), rows, 2 * side, 2 * side, 0, rows))
    return tuple(parts)


def errors(samples, chance: random.Random) -> list[float]:
    fitted = fit(samples)
    asked = [mixed(chance) for _ in range(50)]
    true = [took(parts, chance, noise=0) for parts in asked]
    return [abs(fitted.seconds(p) / t - 1) for p, t in zip(asked, true, strict=True)]


@pytest.mark.parametrize("seed", range(8))
def test_after_ten_mixed_jobs_the_median_error_is_below_a_quarter(seed):
    chance = random.Random(seed)
    samples = [(parts, took(parts, chance)) for parts in (mixed(chance) for _ in range(10))]
    assert median(errors(samples, chance)) <= 0.25


@pytest.mark.parametrize("seed", range(4))
def test_a_few_runs_beside_which_the_machine_was_busy_say_little(seed):
    chance = random.Random(seed)
    samples = [(parts, took(parts, chance)) for parts in (mixed(chance) for _ in range(30))]
    for place in (3, 11, 19, 27):
        samples[place] = samples[place][0], 5 * samples[place][1]
    assert median(errors(samples, chance)) <= 0.15


def test_one_job_tells_of_the_same_again_and_a_faster_machine_is_learned():
    chance = random.Random(1)
    parts = (Part(20, 2, 512, 512, 0, 1),)
    fitted = fit([(parts, 7.0)])
    assert fitted.seconds(parts) == pytest.approx(7.0, rel=0.05)
    slow = [(p, 2 * took(p, chance)) for p in (mixed(chance) for _ in range(60))]
    fast = [(p, took(p, chance)) for p in (mixed(chance) for _ in range(60))]
    assert median(errors(slow + fast[:8], chance)) <= 0.25, "the pace of the newest counts"
    assert median(errors(slow + fast, chance)) <= 0.15
    assert fit([]) is None


def test_from_jobs_of_one_size_no_square_law_is_made_up():
    chance = random.Random(3)
    small = [(Part(chance.randint(4, 12), 2, 128, 128, 0, 1),) for _ in range(7)]
    fitted = fit(
        [(parts, 0.1 + 0.05 * parts[0].calls * chance.uniform(0.9, 1.1)) for parts in small]
    )
    one, large = ((Part(8, 2, side, side, 0, 1),) for side in (128, 1024))
    assert fitted.seconds(large) <= 80 * fitted.seconds(one), "64 times the pixels"


def test_a_workload_is_what_will_be_drawn():
    def of(image_size=None, **fields):
        asked = GenerationRequest(**{"width": 512, "height": 256, "steps": 20, "seed": 1} | fields)
        return workload(asked.settled("fake", PICTUREBOOK), image_size)

    assert of() == (Part(20, 2, 512, 256, 0, 1),)
    assert of(guidance_scale=1, batch_size=3) == (Part(20, 3, 512, 256, 0, 3),)
    assert of(scheduler="Heun")[0].calls == 40
    hires = {"factor": 2, "steps": 8, "strength": 0.5}
    assert of(hires=hires)[1] == Part(8, 2, 1024, 512, 0, 1)
    by_network = hires | {"upscaler": "4x-Net"}
    assert of(hires=by_network)[1:] == (
        Part(1, 1, 512, 256, 0, 0, "4x-Net"),
        Part(8, 2, 1024, 512, 0, 1),
    )
    refined = Upscale(image="input:x", upscaler="4x-Net", factor=8, refine=True, tile_size=512)
    first, second, *tiles = of((100, 80), task=refined)
    assert (first, second) == tuple(
        Part(1, 1, *size, 0, 0, "4x-Net") for size in ((100, 80), (200, 160))
    )
    assert tiles and not any(part.network for part in tiles)
    mixed = refined.model_copy(update={"upscaler": "Lanczos", "upscaler_2": "4x-Net", "factor": 2})
    assert [part.network for part in of((100, 80), task=mixed)] == ["4x-Net", ""]
    again = ImageToImage(image="input:x", strength=0.5)
    assert of((512, 256), task=again)[0].calls == 10
    wider = of((512, 256), task=Outpaint(image="input:x", right=256))
    assert [part[2:4] for part in wider] == [(768, 256)]
    far = of((512, 256), task=Outpaint(image="input:x", left=2048, right=2048))
    assert len(far) > 3


def test_the_seconds_of_a_network_beside_a_drawing_are_learned():
    forecasts = Forecasts()
    draw, network = Part(20, 2, 512, 512, 0, 1), Part(1, 1, 512, 512, 0, 0, "4x-Net")

    def ended(parts: tuple[Part, ...], run_s: float) -> None:
        job = Job("1", GenerationRequest(checkpoint="fake"), owner="guest:1")
        job.parts, job.used_s, job.loaded_s = parts, run_s, 0.0
        job.events.publish(Finished((), run_s))
        forecasts.learn(job)

    ended((draw,), 4.0)
    assert forecasts.seconds("fake", (network, draw)) == pytest.approx(4, rel=0.1), "not known yet"
    ended((network, draw), 10.0)
    assert forecasts.seconds("fake", (network, draw)) == pytest.approx(10, rel=0.1)
    assert forecasts.seconds("fake", (draw,)) == pytest.approx(4, rel=0.1), "nothing of it is here"
    assert forecasts.seconds("upscaler 4x-Net", (network._replace(network=""),)) == pytest.approx(
        6, rel=0.1
    )
    ended((network, draw), 10.0)
    assert forecasts.seconds("fake", (draw,)) == pytest.approx(4, rel=0.1)
