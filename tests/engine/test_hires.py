"""A second, larger drawing equals the same done by hand, whatever lies between the two."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from PIL import Image
from torch.nn import functional

from studio.diffusion import conditioning, guidance, latents, schedulers
from studio.diffusion.denoise import Ask, Start, denoise
from studio.domain import events
from studio.domain.errors import InvalidRequest
from studio.domain.prompt_emphasis import segments
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.families.stable_diffusion.family import SD1
from tests.diffusion.analytic import plain
from tests.engine import tiny_models
from tests.engine.running import run, step
from tests.engine.test_leases import out_of_memory
from tests.engine.tiny_models import SIDE, TinyModels, settled

pytestmark = pytest.mark.filterwarnings("ignore")

OTHERWISE = {
    "checkpoint": "two",
    "guidance_scale": 3.0,
    "scheduler": "Euler a",
    "prompt": "a boat",
    "negative_prompt": "fog",
}
MODES = {"Latent": "bilinear", "Latent (bicubic)": "bicubic"}
MODES["Latent (nearest-exact)"] = "nearest-exact"


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> TinyModels:
    return tiny_models.write(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def engine(models) -> StableDiffusionEngine:
    return models.engine()


@pytest.fixture(scope="module")
def draw(engine) -> Callable[..., Image.Image]:
    def drawn(**fields) -> Image.Image:
        last = run(engine, settled(**fields))[-1]
        assert isinstance(last, events.Finished), last
        return last.pictures[0].image

    return drawn


@torch.inference_mode()
def by_hand(models: TinyModels, engine: StableDiffusionEngine, upscaler: str, size, strength):
    """Draw, stretch the latents, add noise, draw again; a sampler without memory, no guidance."""
    request = settled(guidance_scale=1, scheduler="Euler")
    with engine._manager.lease(models.select(request)) as lent:
        text = conditioning.TextModels(SD1, lent.tokenizers, lent.text_encoders)
        predict = SD1.predictor(lent.backbone)

        def drawing(of: tuple[int, int], steps: int, start: Start | None) -> torch.Tensor:
            asked = [(segments("a red house on a meadow"), False)]
            [read] = SD1.texts(asked, request.sampling, text, torch.device("cpu"))
            told = conditioning.Conditioning((plain(read),))
            source = [torch.Generator().manual_seed(7)]
            noise = torch.randn(1, 4, of[1] // 8, of[0] // 8, generator=source[0])
            scheduler = schedulers.build("Euler", "automatic", "epsilon", [7])
            loop, answer = denoise(noise, scheduler, steps, told, source, start), None
            while True:
                try:
                    item = loop.send(answer)
                except StopIteration as end:
                    return end.value
                answer = predict(guidance.rows(item)) if isinstance(item, Ask) else None

        first = drawing((SIDE, SIDE), 2, None)
        larger = functional.interpolate(first, (size[1] // 8, size[0] // 8), mode=MODES[upscaler])
        whole = next(n for n in range(2, 99) if int(n * strength) == 2)
        second = drawing(size, whole, Start(larger, strength))
        return latents.decode(lent.vae, second)[0]


@pytest.mark.parametrize("upscaler", MODES)
def test_latents_in_between(models, engine, draw, upscaler):
    hires = {"factor": 1.5, "upscaler": upscaler, "strength": 0.6}
    found = draw(hires=hires, guidance_scale=1, scheduler="Euler")
    assert found.size == (96, 96)
    assert found.tobytes() == by_hand(models, engine, upscaler, (96, 96), 0.6).tobytes()


@pytest.mark.parametrize(
    ("upscaler", "changes"),
    [
        ("Lanczos", {}),
        ("Nearest", OTHERWISE),
        pytest.param("Nearest", {}, marks=pytest.mark.slow),
        pytest.param("Lanczos", OTHERWISE, marks=pytest.mark.slow),
    ],
    ids=["alike", "otherwise", "alike, nearest", "otherwise, Lanczos"],
)
def test_pixels_in_between_are_image_to_image(models, draw, upscaler, changes):
    """That of the stretched first picture, with what the second drawing has otherwise."""
    hires = {"factor": 2, "upscaler": upscaler, "strength": 0.5, "steps": 3, **changes}
    method = getattr(Image.Resampling, upscaler.upper())
    larger = draw().resize((128, 128), method)

    def read(name: str) -> bytes:
        return tiny_models.as_png(larger)

    task = {"kind": "image_to_image", "image": "larger", "strength": 0.5}
    asked = settled(task=task, steps=6, width=128, height=128, **changes)
    last = run(models.engine(read=read), asked)[-1]
    assert draw(hires=hires).tobytes() == last.pictures[0].image.tobytes()


def test_strength_0_only_enlarges(draw):
    first = draw()
    found = draw(hires={"upscaler": "Lanczos", "strength": 0})
    assert found.tobytes() == first.resize((128, 128), Image.Resampling.LANCZOS).tobytes()
    assert draw(hires={"strength": 0}).size == (128, 128)


def test_a_batch_and_another_shape(draw, engine):
    hires = {"width": 128, "height": 96, "upscaler": "Nearest", "strength": 0.5}
    batch = run(engine, settled(batch_size=2, hires=hires))[-1].pictures
    assert [picture.image.size for picture in batch] == [(128, 96)] * 2
    single = draw(seed=8, hires=hires)
    differences = zip(batch[1].image.tobytes(), single.tobytes(), strict=True)
    assert max(abs(one - other) for one, other in differences) <= 2
    first = draw().resize((128, 128), Image.Resampling.NEAREST)
    only_enlarged = draw(hires={**hires, "strength": 0})
    assert only_enlarged.tobytes() == first.crop((0, 16, 128, 112)).tobytes()


def test_progress_and_previews_run_over_both(engine):
    hires = {"steps": 3, "strength": 0.4, "factor": 1.5}
    happened = run(engine, settled(hires=hires), lambda: True)
    told = [event for event in happened if isinstance(event, events.Progress)]
    assert [(each.step, each.total) for each in told] == [(n, 5) for n in range(1, 6)]
    assert [(each.pass_number, each.passes) for each in told] == [(1, 2)] * 2 + [(2, 2)] * 3
    shown = [event.step for event in happened if isinstance(event, events.Preview)]
    assert shown == [1, 2, 3, 4]
    assert told[-1].eta_s == 0


@pytest.mark.parametrize("step, size", [(1, 64), (2, 64), (3, 128), (4, 128)])
@pytest.mark.parametrize("upscaler", ["Latent", "Lanczos"])
def test_a_cancel_in_either_drawing_leaves_what_there_is(engine, draw, step, size, upscaler):
    before = draw()

    def watch(one, event) -> None:
        if isinstance(event, events.Progress) and event.step == step:
            one.cancel()

    hires = {"steps": 3, "upscaler": upscaler, "strength": 0.5}
    last = run(engine, settled(hires=hires), watch=watch)[-1]
    assert isinstance(last, events.Cancelled)
    [picture] = last.pictures
    assert picture.partial and picture.image.size == (size, size)
    assert len(set(picture.image.convert("L").tobytes())) > 10
    assert draw().tobytes() == before.tobytes()


@pytest.mark.parametrize("upscaler", ["Latent", "Lanczos"])
def test_the_second_checkpoint_is_borrowed_when_its_turn_comes(models, draw, upscaler):
    """And a cancel while it is read leaves the first picture, enlarged."""
    engine = models.engine(host_bytes=0)
    hires = {"checkpoint": "two", "upscaler": upscaler, "strength": 0.5}
    asked = settled(hires=hires)
    lent, kinds = [], []

    def watch(one, event) -> None:
        lent.append([lease.selection.checkpoint.name for lease in engine._manager._leases])
        kinds.append(type(event).__name__)

    finished = run(engine, asked, watch=watch)[-1]
    assert finished.pictures[0].image.tobytes() == draw(hires=hires).tobytes()
    assert all(len(names) <= 1 for names in lent)
    assert [names for names in lent if names][0] == ["one"] and ["two"] in lent
    again = kinds.index("Loading", kinds.index("Progress"))
    assert "Started" in kinds[again:]

    seen: list[str] = []

    def leave(one, event) -> None:
        seen.append(type(event).__name__)
        if seen[-1] == "Loading" and "Progress" in seen:
            one.cancel()

    engine = models.engine(host_bytes=0)
    last = run(engine, asked, watch=leave)[-1]
    assert isinstance(last, events.Cancelled)
    [picture] = last.pictures
    assert picture.partial and picture.image.size == (128, 128)


def test_out_of_memory_in_the_second_drawing_is_tried_again_alone(models, draw):
    engine = models.engine()
    other, asked = settled(seed=3), settled(hires={"strength": 0.5})
    runs, last = [engine.open(other), engine.open(asked)], {}
    with out_of_memory(runs[1], 1) as at_work:
        while left := [one for one in runs if not one.done]:
            for one in left:
                at_work[:] = [one] if isinstance(last.get(one), events.Progress) else []
                last[one] = step(engine, one)
    assert last[runs[0]].pictures[0].image.tobytes() == draw(seed=3).tobytes()
    found = last[runs[1]].pictures[0].image
    assert found.tobytes() == draw(hires={"strength": 0.5}).tobytes()


@pytest.mark.parametrize("hires, field", [
    ({"factor": 4.1}, "hires.factor"),
    ({"strength": 1.5}, "hires.strength"),
    ({"steps": 151}, "hires.steps"),
    ({"scheduler": "LMS", "noise_schedule": "nothing"}, "hires.noise_schedule"),
    ({"colour": 1}, "hires.colour"),
])  # fmt: skip
def test_what_cannot_be_is_named(hires, field):
    with pytest.raises(InvalidRequest) as refused:
        settled(hires=hires)
    assert refused.value.field == field


def test_4096_pixels_are_the_most():
    fits = settled(width=1024, height=512, hires={"factor": 4})
    assert fits.hires.size((1024, 512)) == (4096, 2048)
    with pytest.raises(InvalidRequest, match="at most 2") as refused:
        settled(width=2048, height=512, hires={"factor": 2.5})
    assert refused.value.field == "hires.factor"
