"""The noise between two seeds, and that of a seed at another size."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from studio.diffusion.latents import generators, initial_noise
from studio.diffusion.noise import Noise, slerp

SHAPE = (4, 12, 16)


def of_seed(seed: int, *shape: int) -> torch.Tensor:
    return initial_noise(generators([seed]), *(shape or SHAPE))


def arc(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    """Along the arc between two vectors, in double precision."""
    cosine = start @ end / math.sqrt((start @ start) * (end @ end))
    angle = math.acos(cosine)
    return (
        start * math.sin((1 - share) * angle) + end * math.sin(share * angle)
    ) / math.sin(angle)  # fmt: skip


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_the_way_between_two_noises_is_an_arc_for_each_column(share):
    start, end = of_seed(1), of_seed(2)
    found = slerp(start, end, share)[0].numpy()
    for channel in range(SHAPE[0]):
        for column in range(SHAPE[2]):
            one, other = (each[0, channel, :, column].double().numpy() for each in (start, end))
            assert np.allclose(found[channel, :, column], arc(one, other, share), atol=1e-5)
    assert found.std() == pytest.approx(1, abs=0.1), "as strong as any noise"


def test_directions_that_fall_together_are_mixed_straight():
    start = of_seed(1)
    end = start.clone()
    end[:, 0] *= 3
    end[:, 1] *= -1  # the opposite direction, to which all arcs lead
    end[:, 2] += 1e-4
    found = slerp(start, end, 0.25)
    assert torch.allclose(found[:, 0], 1.5 * start[:, 0])
    assert torch.allclose(found[:, 1], 0.5 * start[:, 1])
    assert torch.isfinite(found).all()


def test_each_row_is_that_of_its_picture_alone():
    batch = Noise([7, 7, 7], [20, 21, 22], 0.4)
    alone = [Noise([7], [seed], 0.4) for seed in (20, 21, 22)]
    for size in ((12, 16), (8, 8)):  # of a first drawing, and of one that follows
        rows = batch.draw(4, *size)
        assert torch.equal(rows, torch.cat([one.draw(4, *size) for one in alone]))
    assert torch.equal(Noise([7], [20], 0.4).draw(*SHAPE), slerp(of_seed(7), of_seed(20), 0.4))


def test_the_ends_of_the_way_are_the_seeds_themselves():
    assert torch.equal(Noise([7], (), 0).draw(*SHAPE), of_seed(7))
    end = Noise([7], [20], 1)
    assert torch.equal(end.draw(*SHAPE), of_seed(20))
    assert end.seeds == [20] and end.generators[0].initial_seed() == 20
    assert Noise([7], [20], 0.9).generators[0].initial_seed() == 7


@pytest.mark.parametrize(("height", "width"), [(12, 16), (8, 24), (20, 10)])
def test_a_seed_of_another_size_lies_in_the_middle(height, width):
    inner, outer = of_seed(3, 4, 12, 16), of_seed(3, 4, height, width)
    found = Noise([3], drawn_at=(12, 16)).draw(4, height, width)
    if (height, width) == (12, 16):
        assert torch.equal(found, inner)
    elif height < 12:
        assert torch.equal(found[:, :, :, 4:20], inner[:, :, 2:10])
        assert torch.equal(found[:, :, :, :4], outer[:, :, :, :4])
        assert torch.equal(found[:, :, :, 20:], outer[:, :, :, 20:])
    else:
        assert torch.equal(found[:, :, 4:16], inner[:, :, :, 3:13])
        assert torch.equal(found[:, :, 16:], outer[:, :, 16:])
    varied = Noise([3], [4], 0.5, drawn_at=(12, 16)).draw(4, 20, 24)
    between = slerp(inner, of_seed(4, 4, 12, 16), 0.5)
    assert torch.equal(varied[:, :, 4:16, 4:20], between)
    assert torch.equal(varied[:, :, :4], of_seed(3, 4, 20, 24)[:, :, :4])
