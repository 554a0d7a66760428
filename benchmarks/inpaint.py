"""Our engine against diffusers' pipelines where a picture is begun with: same weights, scheduler,
device and number format.

    python benchmarks/inpaint.py [--model picturebook|sd15] [--row inpaint|image_to_image|…]

Every ratio is the median over repeats of ours / baseline, the two timed in turn in one process.
Ours includes what diffusers' does not do: reading picture and mask from PNG files, putting the
drawing back into the picture, and checking that nothing else has changed. The strength is 0.75.
"""

from __future__ import annotations

import argparse
import io
from functools import partial

import numpy as np
import torch
from common import drawing
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline
from PIL import Image, ImageDraw

from studio.diffusion import latents, schedulers
from studio.domain.refs import Selection
from studio.domain.request import GenerationRequest
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.picturebook.world import Scene
from studio.residence.manager import ModelManager

ROWS = {
    "inpaint": "inpaint / diffusers' pipeline",
    "image_to_image": "image to image / diffusers' pipeline",
    "soft": "soft inpainting / hard",
    "only_masked": "only masked in 4000 × 3000 / a picture of the working size",
}
PIPELINES = {
    "inpaint": StableDiffusionInpaintPipeline,
    "image_to_image": StableDiffusionImg2ImgPipeline,
}
STRENGTH = 0.75


def main() -> None:
    drawing.compare(__doc__, ROWS, _pairs)


def _pairs(
    selection: Selection, manager: ModelManager, flags: argparse.Namespace
) -> dict[str, tuple[drawing.Work, drawing.Work]]:
    """Row -> what is compared: ours and the baseline."""
    native = selection.checkpoint.family.native_size
    images = {"image": _scene(native), "mask": _mask(native)}
    images |= {"photo": _scene((400, 300)).resize((4000, 3000)), "spot": _mask((4000, 3000))}
    files = {name: _png(image) for name, image in images.items()}
    engine = StableDiffusionEngine(manager, lambda request: selection, read=files.__getitem__)

    def request(**task: object) -> GenerationRequest:
        return GenerationRequest(
            prompt="a red house on a meadow at sunset",
            negative_prompt="rain",
            steps=flags.steps,
            guidance_scale=7.0,
            seed=1,
            task={"image": "image", "strength": STRENGTH, **task},
        ).settled(selection.checkpoint.name, selection.checkpoint.family)

    asked = {
        "inpaint": request(kind="inpaint", mask="mask"),
        "image_to_image": request(kind="image_to_image"),
        "soft": request(kind="inpaint", mask="mask", soft=True),
        "only_masked": request(kind="inpaint", image="photo", mask="spot", area="only_masked"),
    }
    ours = {name: partial(drawing.run, engine, one) for name, one in asked.items()}
    theirs = {name: _diffusers(manager, selection, asked[name], images) for name in PIPELINES}
    hard = ours["inpaint"]
    return {name: (draw, theirs.get(name, hard)) for name, draw in ours.items()}


def _diffusers(
    manager: ModelManager,
    selection: Selection,
    request: GenerationRequest,
    images: dict[str, Image.Image],
) -> drawing.Work:
    masked = request.task.kind == "inpaint"
    size = {"width": request.width, "height": request.height}
    more = {"mask_image": images["mask"], **size} if masked else {}

    @torch.inference_mode()
    def draw() -> None:
        with manager.lease(selection) as held:
            scheduler = schedulers.build(request.scheduler, "automatic", "epsilon", [0]).inner
            drawing.pipeline(PIPELINES[request.task.kind], held, scheduler)(
                prompt=request.prompt,
                negative_prompt=request.negative_prompt,
                image=images["image"],
                strength=STRENGTH,
                num_inference_steps=request.steps,
                guidance_scale=request.guidance_scale,
                generator=latents.generators([request.seed]),
                **more,
            )

    return draw


def _scene(size: tuple[int, int]) -> Image.Image:
    return Scene.random(np.random.default_rng(1)).draw(size)


def _mask(size: tuple[int, int]) -> Image.Image:
    """A disc in the middle, a quarter of the picture wide."""
    width, height = size
    mask = Image.new("L", size)
    radius = min(size) // 8
    box = (width // 2 - radius, height // 2 - radius, width // 2 + radius, height // 2 + radius)
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    return mask


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


if __name__ == "__main__":
    main()
