"""Steering: image to image (SDEdit, arXiv:2108.01073), inpainting in latents (RePaint,
arXiv:2201.09865, equation 8), ControlNet (arXiv:2302.05543, equation 2)."""

from __future__ import annotations

from collections.abc import Generator

import torch
from PIL import Image, ImageDraw

from studio.diffusion.denoise import Start
from studio.diffusion.inpainting import HardBlend, covered
from studio.diffusion.latents import to_image
from studio.learning.asked import SteeringAsked
from studio.learning.bench import Bench
from studio.learning.scenes import picture_of
from studio.learning.shown import LevelShown, Maps, Numbers, Sheet, SteeringShown

CONTROLNET = "picturebook-controlnet-canny"
STRENGTHS = (0.25, 0.5, 0.75, 1.0)


def steering(
    bench: Bench, asked: SteeringAsked, own: Image.Image | None
) -> Generator[None, None, SteeringShown]:
    picture, caption = picture_of(asked.scene, own, bench.size)
    clean, noise = bench.encoded(picture), bench.noise(bench.request.seed)
    free = bench.told(controls=())
    yield
    timesteps, begun, drawn = [], [], []
    for strength in STRENGTHS:
        moments = []
        for moment in free.moments(noise, Start(clean, strength)):
            moments.append(moment)
            yield
        timesteps.append(moments[0].timestep)
        begun.append(free.decoded(moments[0].sample))
        drawn.append(free.decoded(moments[-1].latents))
    mask = middle(bench.size)
    cells = covered(mask).to(bench.device)
    start = Start(clean, 1.0, HardBlend(clean, noise, cells))
    for moment in free.moments(noise, start):
        inpainted = moment.latents
        yield
    outside = ((inpainted.to(bench.device) - clean) * (1 - cells)).abs().max()
    unit, added = bench.added(noise)
    led = yield from bench.drawn(noise)
    unled = yield from free.drawn(noise)
    return SteeringShown(
        caption=caption,
        picture=Sheet.of([picture]),
        strengths=list(STRENGTHS),
        timesteps=timesteps,
        begun=Sheet.of(begun),
        drawn=Sheet.of(drawn),
        mask=Sheet.of([mask]),
        cells=Numbers.of(cells[0, 0].cpu()),
        inpainted=Sheet.of([free.decoded(inpainted)]),
        outside=float(outside),
        map=Sheet.of([to_image(unit.map[0].float() * 2 - 1)]),
        levels=[_level(one) for one in (*added.down, added.middle)],
        led=Sheet.of([led]),
        unled=Sheet.of([unled]),
    )


def middle(size: tuple[int, int]) -> Image.Image:
    """A mask of (width, height): white, which is drawn anew, is a disc in the middle."""
    width, height = size
    mask = Image.new("L", size)
    box = (width * 0.25, height * 0.25, width * 0.75, height * 0.75)
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    return mask


def _level(residual: torch.Tensor) -> LevelShown:
    """Of (R, c, h, w), the last row being under the prompt."""
    size = residual[-1].float().abs()
    mean = float(size.mean())
    return LevelShown(channels=len(size), mean=mean, size=Maps.of(size.mean(0).cpu()))
