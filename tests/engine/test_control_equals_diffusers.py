"""The referee for ControlNets: diffusers' pipelines, with one unit and with two."""

from __future__ import annotations

import dataclasses
from functools import cached_property

import numpy as np
import pytest
import torch
from diffusers import (
    ControlNetModel,
    StableDiffusionControlNetImg2ImgPipeline,
    StableDiffusionControlNetInpaintPipeline,
    StableDiffusionControlNetPipeline,
    UNet2DConditionModel,
)
from PIL import Image

from studio.diffusion import latents
from studio.domain.refs import ModelRef
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.residence.manager import ModelManager
from studio.settings import assets_dir
from studio.weights.loader import Models
from tests.diffusion.reference import for_pipeline
from tests.engine.pictures import Desk, box_mask, scene
from tests.models_in_memory import picturebook
from tests.refs import ref_to

pytestmark = pytest.mark.filterwarnings("ignore")

TOLERANCE = 2
"""Of 255 levels."""
FIELDS = {"prompt": "a green tree by the sea", "seed": 7, "steps": 4, "guidance_scale": 5.0}
SIZE, BOX = (96, 64), (32, 16, 72, 56)
EMBEDDED = assets_dir() / "models" / "picturebook"


class Inpaint(StableDiffusionControlNetInpaintPipeline):
    """Takes the mean of what the VAE's encoder finds likely, as we do, and not a sample, for
    which it would use up random numbers."""

    def _encode_vae_image(self, image, generator):
        return latents.encode(self.vae, image)


@pytest.fixture(scope="module")
def nets(tmp_path_factory) -> dict[str, ModelRef]:
    """Two ControlNets of random weights that really steer."""
    folder, refs = tmp_path_factory.mktemp("nets"), {}
    unet = UNet2DConditionModel.from_pretrained(EMBEDDED / "unet", torch_dtype=torch.float32)
    for seed, name in enumerate(("one", "two")):
        torch.manual_seed(seed)
        net = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 8, 16, 16))
        zeros = [*net.controlnet_down_blocks, net.controlnet_mid_block]
        for conv in [*zeros, net.controlnet_cond_embedding.conv_out]:
            conv.weight.data.normal_(std=0.05)
        net.save_pretrained(folder / name)
        refs[name] = ref_to(name, "controlnet", folder / name, picturebook().checkpoint.family)
    return refs


class Bench:
    """One manager, from which both sides take the same modules."""

    def __init__(self, nets: dict[str, ModelRef]) -> None:
        self.nets = nets
        self.manager = ModelManager("cpu", "float32")
        edges = box_mask(SIZE, (30, 20, 60, 50)).convert("RGB")
        self.images = {"one": edges, "two": scene(SIZE, 9)}
        self.desk = Desk(image=scene(SIZE), mask=box_mask(SIZE, BOX), half=_half(), **self.images)
        self.desk.engine = StableDiffusionEngine(
            self.manager,
            self.selection,
            read=self.desk.files.__getitem__,
            map_of=lambda unit, image, size, mask: image.resize(size),
        )

    def selection(self, request):
        names = dict.fromkeys(unit.controlnet for unit in request.controls)
        return dataclasses.replace(picturebook(), controlnets=tuple(map(self.nets.get, names)))

    @cached_property
    def plain(self) -> Image.Image:
        """Without a unit."""
        return self.ours({})

    def ours(self, units, **fields) -> Image.Image:
        controls = [{"controlnet": name, "image": name, **more} for name, more in units.items()]
        [picture] = self.desk.draw(
            **{"width": SIZE[0], "height": SIZE[1], **FIELDS, **fields}, controls=controls
        )
        return picture.image

    @torch.inference_mode()
    def theirs(self, kind, units, **given) -> Image.Image:
        request = self.desk.settled(controls=[{"controlnet": n, "image": n} for n in units])
        with self.manager.lease(self.selection(request)) as models:
            pipeline = _pipeline(kind, models, units)
            key = "image" if kind is StableDiffusionControlNetPipeline else "control_image"
            given = {name: v(models) if callable(v) else v for name, v in given.items()}
            drawn = pipeline(
                prompt=FIELDS["prompt"],
                negative_prompt="",
                num_inference_steps=FIELDS["steps"],
                guidance_scale=FIELDS["guidance_scale"],
                generator=latents.generators([7]),
                controlnet_conditioning_scale=_one_or_all(
                    [u.get("scale", 1.0) for u in units.values()]
                ),
                control_guidance_start=_one_or_all([u.get("start", 0.0) for u in units.values()]),
                control_guidance_end=_one_or_all([u.get("end", 1.0) for u in units.values()]),
                output_type="latent",
                **{key: _one_or_all([self.images[name] for name in units])},
                **given,
            ).images
            return latents.decode(models.vae, drawn)[0]


def _pipeline(kind, models: Models, units):
    pipeline = kind(
        vae=models.vae,
        text_encoder=models.text_encoders[0],
        tokenizer=models.tokenizers[0],
        unet=models.backbone,
        controlnet=_one_or_all(list(models.controlnets)),
        scheduler=for_pipeline("DPM++ 2M", "automatic", models.ref.prediction_type, [7]),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _one_or_all(values: list):
    return values[0] if len(values) == 1 else values


def _half() -> Image.Image:
    return box_mask(SIZE, (0, 0, SIZE[0] // 2, SIZE[1]))


@pytest.fixture(scope="module")
def bench(nets) -> Bench:
    return Bench(nets)


def difference(one, other) -> int:
    return int(np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).max())


UNITS = [
    {"one": {}},
    {"one": {"scale": 0.6}, "two": {"scale": 1.4}},
    {"one": {"start": 0.3, "end": 0.8}},
]


def encoded(models: Models):
    return latents.encode(models.vae, latents.to_pixels(scene(SIZE)))


@pytest.mark.parametrize("units", UNITS, ids=str)
def test_text_to_image(bench, units):
    expected = bench.theirs(StableDiffusionControlNetPipeline, units, width=SIZE[0], height=SIZE[1])
    drawn = bench.ours(units)
    assert difference(drawn, expected) <= TOLERANCE
    assert difference(drawn, bench.plain) > 40, "the units do nothing"


@pytest.mark.parametrize(
    "units", [*UNITS[:2], pytest.param(UNITS[2], marks=pytest.mark.slow)], ids=str
)
def test_image_to_image(bench, units):
    task = {"kind": "image_to_image", "image": "image", "strength": 0.75}
    expected = bench.theirs(
        StableDiffusionControlNetImg2ImgPipeline,
        units,
        image=encoded,
        strength=0.75,
        width=SIZE[0],
        height=SIZE[1],
    )
    assert difference(bench.ours(units, task=task), expected) <= TOLERANCE


@pytest.mark.parametrize("units", UNITS[:2], ids=str)
def test_inpaint(bench, units):
    task = {"kind": "inpaint", "image": "image", "mask": "mask", "mask_blur": 0, "strength": 0.75}
    expected = bench.theirs(
        Inpaint,
        units,
        image=scene(SIZE),
        mask_image=box_mask(SIZE, BOX),
        strength=0.75,
        width=SIZE[0],
        height=SIZE[1],
    )
    drawn = bench.ours(units, task=task)
    assert difference(drawn.crop(BOX), expected.crop(BOX)) <= TOLERANCE


class TestModes:
    """What diffusers has no name for."""

    def test_the_prompt_gains_by_less_control(self, bench):
        plain = bench.plain
        balanced, soft = (
            np.abs(np.asarray(bench.ours({"one": {"mode": mode}}), float) - plain).mean()
            for mode in ("balanced", "prompt")
        )
        assert soft < balanced

    def test_control_counts_for_more_where_it_is_kept_from_the_negative_prompt(self, bench):
        soft, control = (bench.ours({"one": {"mode": mode}}) for mode in ("prompt", "control"))
        assert difference(soft, control) > 20

    def test_without_guidance_both_are_the_same(self, bench):
        one, other = (
            bench.ours({"one": {"mode": mode}}, guidance_scale=1.0)
            for mode in ("prompt", "control")
        )
        assert one.tobytes() == other.tobytes()


def test_a_region_keeps_the_unit_to_its_part(bench):
    """One step, so that what it does to one half has no time to reach the other."""
    fields = {"steps": 1, "scheduler": "Euler", "guidance_scale": 1.0}
    plain, whole = (np.asarray(bench.ours(u, **fields), float) for u in ({}, {"one": {}}))
    part = np.asarray(bench.ours({"one": {"mask": "half"}}, **fields), float)
    left, right = np.s_[:, :32], np.s_[:, -32:]
    assert np.abs(part - plain)[left].mean() > 4 * np.abs(part - plain)[right].mean()
    assert np.abs(whole - plain)[right].mean() > 2 * np.abs(part - plain)[right].mean()


def test_a_unit_that_begins_late_changes_nothing_before(bench):
    """The previews of the first steps are those without it."""
    seen = []
    for units in ({}, {"one": {"start": 0.5}}):
        controls = [{"controlnet": n, "image": n, **more} for n, more in units.items()]
        events = bench.desk.events(lambda: True, **FIELDS, controls=controls)
        seen.append([event.jpeg for event in events if hasattr(event, "jpeg")])
    without, late = seen
    assert without[:2] == late[:2]
    assert without[2] != late[2]
