"""Prompts as rows and their mix: guidance, schedules, several prompts at once, regions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch

from studio.diffusion import guidance, latents, schedulers, shared_call
from studio.diffusion.conditioning import Conditioning, Prompt, Text, TextModels
from studio.diffusion.denoise import Ask, denoise
from studio.domain.prompt_emphasis import segments
from studio.domain.sampling import Sampling
from studio.families.stable_diffusion.family import PICTUREBOOK
from studio.picturebook.judge import Judge
from tests.diffusion.analytic import driven, plain
from tests.models_in_memory import manager, picturebook


def guide(negative: torch.Tensor, positive: torch.Tensor, scale: float) -> torch.Tensor:
    return negative + scale * (positive - negative)


def text(number: float) -> Text:
    return Text(torch.full((1, 77, 2), number), torch.full((1, 3), number))


def asking(conditioning: Conditioning, begun: float = 0.0, wants_negative: bool = False) -> Ask:
    sample = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    return Ask(sample, torch.tensor([9.0, 9.0]), conditioning, wants_negative, begun, begun + 0.1)


def predictions(texts: int) -> torch.Tensor:
    return torch.randn(2 * texts, 4, 8, 8, generator=torch.Generator().manual_seed(1))


def test_rows_are_the_negative_ones_and_then_each_prompt_for_every_picture():
    ask = asking(Conditioning((plain(text(1)), plain(text(2))), plain(text(0)), 7.0))
    rows = guidance.rows(ask)
    assert rows.prompt_embeds[:, 0, 0].tolist() == [0, 0, 1, 1, 2, 2]
    assert rows.pooled_embeds[:, 0].tolist() == [0, 0, 1, 1, 2, 2]
    assert rows.negatives == 2
    assert torch.equal(rows.sample, torch.cat([ask.sample] * 3))
    assert guidance.rows(asking(Conditioning((plain(text(1)),)))).negatives == 0


def test_classifier_free_guidance():
    ask = asking(Conditioning((plain(text(1)),), plain(text(0)), 7.0), wants_negative=True)
    predicted = predictions(2)
    negative, positive = predicted.chunk(2)
    answer = guidance.mix(ask, predicted, guide)
    assert torch.equal(answer.noise_pred, negative + 7.0 * (positive - negative))
    assert torch.equal(answer.negative_pred, negative)


def test_several_prompts_are_the_weighted_sum_of_what_each_leads_away():
    """ε₋ + s Σ wᵢ (εᵢ − ε₋)."""
    prompts = Prompt(((1.0, text(1)),), 0.75), Prompt(((1.0, text(2)),), 1.5)
    predicted = predictions(3)
    answer = guidance.mix(asking(Conditioning(prompts, plain(text(0)), 5.0)), predicted, guide)
    negative, one, other = predicted.chunk(3)
    expected = negative + 5 * (0.75 * (one - negative) + 1.5 * (other - negative))
    assert torch.allclose(answer, expected, atol=1e-5)
    alone = Prompt(((1.0, text(1)),), 0.0), Prompt(((1.0, text(2)),))
    answer = guidance.mix(asking(Conditioning(alone, plain(text(0)), 5.0)), predicted, guide)
    assert torch.allclose(answer, guide(negative, other, 5), atol=1e-5)


def test_regions_say_where_a_prompt_counts():
    left = torch.zeros(1, 1, 8, 8)
    left[..., :4] = 1
    prompts = (
        Prompt(((1.0, text(1)),), region=left),
        Prompt(((1.0, text(2)),), region=1 - left),
    )
    predicted = predictions(3)
    answer = guidance.mix(asking(Conditioning(prompts, plain(text(0)), 5.0)), predicted, guide)
    negative, one, other = predicted.chunk(3)
    assert torch.allclose(answer[..., :4], guide(negative, one, 5)[..., :4], atol=1e-6)
    assert torch.allclose(answer[..., 4:], guide(negative, other, 5)[..., 4:], atol=1e-6)


@pytest.mark.parametrize("begun, number", [(0.0, 1), (0.4, 1), (0.5, 2), (0.9, 2)])
def test_a_schedule_says_which_text_counts_when(begun, number):
    prompt = Prompt(((0.5, text(1)), (1.0, text(2))))
    rows = guidance.rows(asking(Conditioning((prompt,), prompt, 7.0), begun))
    assert rows.prompt_embeds[:, 0, 0].tolist() == [number] * 4


class Bench:
    """picturebook, drawn with by hand."""

    def __init__(self) -> None:
        with manager("float32").lease(picturebook()) as models:
            self._models = models
        self._predictor = PICTUREBOOK.predictor(models.backbone)
        self.size = PICTUREBOOK.native_size

    def texts(self, *words: str) -> list[Text]:
        """Of `words`, and the negative one, which is empty."""
        models = TextModels(PICTUREBOOK, self._models.tokenizers, self._models.text_encoders)
        asked = [(segments(each), False) for each in words] + [((), True)]
        return PICTUREBOOK.texts(asked, Sampling(), models, torch.device("cpu"))

    @torch.inference_mode()
    def latents(
        self, conditioning: Callable[[float], Conditioning], seed: int, steps: int = 4
    ) -> torch.Tensor:
        """Clean ones; `conditioning(begun)` says what each step is steered by."""
        generators = latents.generators([seed])
        height, width = (side // 8 for side in self.size)
        noise = latents.initial_noise(generators, 4, height, width)
        scheduler = schedulers.build("DPM++ 2M", "automatic", "epsilon", [seed])

        def answer(asked: Ask) -> torch.Tensor:
            ask = dataclasses.replace(asked, conditioning=conditioning(asked.begun))
            [predicted] = shared_call.predict(self._predictor, [guidance.rows(ask)])
            return guidance.mix(ask, predicted, PICTUREBOOK.guided)

        return driven(denoise(noise, scheduler, steps, conditioning(0), generators), answer)

    @torch.inference_mode()
    def pixels(self, clean: torch.Tensor) -> torch.Tensor:
        """(1, 3, height, width) in −1…1."""
        return latents.to_pixels(latents.decode(self._models.vae, clean)[0])


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


def test_a_prompt_that_changes_half_way_is_two_prompts_by_hand(bench):
    with torch.inference_mode():
        day, night, negative = bench.texts("a red house at noon", "a blue boat at night")
    scheduled = Prompt(((0.5, day), (1.0, night)))

    def by_hand(begun: float) -> Conditioning:
        return Conditioning((plain(day if begun < 0.5 else night),), plain(negative), 6.0)

    found = bench.latents(lambda _: Conditioning((scheduled,), plain(negative), 6.0), 3)
    assert torch.equal(found, bench.latents(by_hand, 3))
    whole = bench.latents(lambda _: Conditioning((plain(day),), plain(negative), 6.0), 3)
    assert not torch.allclose(found, whole, atol=0.1)


RED_LEFT = "a red house on the left on a meadow"
BLUE_RIGHT = "a blue tree on the right on a meadow"


def shares(bench: Bench, seeds: range, conditioning: Conditioning) -> float:
    """In how many of the pictures the judge sees a house and a tree, with the left half redder and
    the right half bluer than the other by a tenth of the range."""
    judge, right_ones = Judge.load(), 0
    for seed in seeds:
        pixels = bench.pixels(bench.latents(lambda _: conditioning, seed, 10))
        [seen] = judge.read(pixels)
        left, right = pixels.mean(dim=2).chunk(2, dim=-1)
        red, _, blue = (left - right).mean(dim=-1)[0].tolist()
        both = {"house", "tree"} <= {one["object"] for one in seen["objects"]}
        right_ones += both and red > 0.2 and blue < -0.2
    return right_ones / len(seeds)


def in_regions(bench: Bench) -> Conditioning:
    """Half of the picture each."""
    with torch.inference_mode():
        house, tree, negative = bench.texts(RED_LEFT, BLUE_RIGHT)
    width, height = (side // 8 for side in bench.size)
    left = torch.zeros(1, 1, height, width)
    left[..., : width // 2] = 1
    prompts = Prompt(((1.0, house),), region=left), Prompt(((1.0, tree),), region=1 - left)
    return Conditioning(prompts, plain(negative), 6.0)


def test_two_regions_with_two_prompts_put_a_red_house_left_and_a_blue_tree_right(bench):
    assert shares(bench, range(3), in_regions(bench)) >= 0.6
