"""The referee for ControlNet-Union: diffusers' pipeline on a small random SDXL model."""

from __future__ import annotations

import pytest
import torch
from diffusers import StableDiffusionXLControlNetUnionPipeline
from diffusers.models.controlnets.multicontrolnet_union import MultiControlNetUnionModel

from studio.catalog.catalog import Catalog
from studio.diffusion import control
from studio.families.stable_diffusion import tokenizers
from studio.families.stable_diffusion.family import SDXL
from tests.engine.control_bench import ControlBench, difference
from tests.engine.pictures import box_mask, scene
from tests.refs import with_facts
from tests.weights import checkpoints
from tests.weights.nets import union_of

pytestmark = pytest.mark.filterwarnings("ignore")

TOLERANCE = 2
SIZE = (96, 64)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    folder = tmp_path_factory.mktemp("union")
    parts = checkpoints.own_parts_of(SDXL)
    checkpoint = checkpoints.write_single(parts, SDXL, folder / "xl.safetensors")
    torch.manual_seed(5)
    for name in ("one", "two"):
        union_of(parts["unet"]).save_pretrained(folder / name)
    # By the width of its text a model as small as this is taken for a picturebook.
    refs = [with_facts(ref, family=SDXL) for ref in Catalog([folder]).refs("controlnet")]
    found = {ref.name: ref for ref in refs}
    assert [ref.facts.architecture for ref in refs] == ["union", "union"]
    images = {"edges": box_mask(SIZE, (20, 10, 60, 50)).convert("RGB"), "depth": scene(SIZE, 9)}
    return ControlBench(checkpoint, found, images)


def pipeline(models, scheduler):
    nets = list(models.controlnets)
    first, second = models.text_encoders
    return StableDiffusionXLControlNetUnionPipeline(
        vae=models.vae,
        text_encoder=first,
        text_encoder_2=second,
        tokenizer=tokenizers.clip(SDXL.prompt_encoders[0].pad_token),
        tokenizer_2=tokenizers.clip(SDXL.prompt_encoders[1].pad_token),
        unet=models.backbone,
        controlnet=nets[0] if len(nets) == 1 else MultiControlNetUnionModel(nets),
        scheduler=scheduler,
        add_watermarker=False,
    )


def test_one_unit(bench):
    expected = bench.theirs(
        ["one"],
        pipeline,
        control_image=[bench.images["edges"]],
        control_mode=[3],
        controlnet_conditioning_scale=0.8,
    )
    unit = {"controlnet": "one", "image": "edges", "union_type": "canny", "scale": 0.8}
    drawn = bench.ours(unit)
    assert difference(drawn, expected) <= TOLERANCE
    assert difference(drawn, bench.ours()) > 10, "the unit does nothing"
    assert difference(drawn, bench.ours(unit | {"union_type": "depth"})) > 10, "types are alike"
    assert drawn.tobytes() == bench.ours(unit | {"union_type": "mlsd"}).tobytes()


def test_two_units_each_acting_in_its_time(bench):
    expected = bench.theirs(
        ["one", "two"],
        pipeline,
        control_image=[bench.images["edges"], bench.images["depth"]],
        control_mode=[2, 1],
        controlnet_conditioning_scale=[0.6, 1.3],
        control_guidance_start=[0.0, 0.3],
        control_guidance_end=[0.7, 1.0],
    )
    drawn = bench.ours(
        {"controlnet": "one", "image": "edges", "union_type": "softedge", "scale": 0.6, "end": 0.7},
        {"controlnet": "two", "image": "depth", "union_type": "depth", "scale": 1.3, "start": 0.3},
    )
    assert difference(drawn, expected) <= TOLERANCE


def test_the_preprocessor_tells_the_type(bench):
    told, meant = (
        {"controlnet": "one", "image": "edges", **how}
        for how in ({"preprocessor": "canny"}, {"union_type": "canny"})
    )
    assert bench.ours(told).tobytes() == bench.ours(meant).tobytes()


def test_a_hole_is_black_to_it(bench):
    """As the makers show it; other ControlNets for inpainting are given -1 there."""
    map = torch.rand(1, 3, 64, 96)
    map[..., 20:40, 30:50] = -1
    with bench.manager.lease(bench.selection(["one"])) as models:
        unit = control.unit(models.controlnets[0], map, control.Acting(), place=5)
    assert torch.equal(unit.map, map.clamp(min=0))
