"""Requests as stages: what a newcomer reads in them, and that no torch is needed for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from studio.domain.geometry import Box
from studio.domain.refs import LoraUse, Selection
from studio.domain.request import GenerationRequest
from studio.engine.recipe import Draw, Upscale, Way, recipe
from studio.families.stable_diffusion.family import SDXL, SDXL_REFINER
from studio.imaging.passes import Pass
from studio.imaging.plans import Plan
from tests.refs import ref_to

HERE = Path(__file__)
REFS = {
    name: ref_to(name, "checkpoint", HERE, family)
    for name, family in (("base", SDXL), ("other", SDXL), ("refiner", SDXL_REFINER))
}
SIZE = (1024, 1024)


def select(request: GenerationRequest) -> Selection:
    loras = tuple(LoraUse(ref_to(use.name, "lora", HERE)) for use in request.loras)
    return Selection(REFS[request.checkpoint], loras=loras)


def stages(plan: Plan | None = None, **fields) -> tuple:
    return recipe(GenerationRequest(**fields).settled("base", SDXL), select, plan)


def test_text_to_image_is_one_drawing():
    [draw] = stages(prompt="a fox", negative_prompt="fog", steps=12, guidance_scale=5)
    assert (draw.selection.checkpoint, draw.begins, draw.strength) == (REFS["base"], "noise", 1)
    assert (draw.prompt, draw.negative_prompt, draw.size) == ("a fox", "fog", SIZE)
    assert (draw.sampling.steps, draw.sampling.guidance_scale, draw.steps) == (12, 5, 12)
    assert [(each.size, each.box) for each in draw.passes] == [(SIZE, Box(0, 0, *SIZE))]


@pytest.mark.parametrize("task, count", [
    ({"kind": "image_to_image", "image": "a", "strength": 0.5}, 1),
    ({"kind": "inpaint", "image": "a", "mask": "b", "strength": 0.5}, 1),
    ({"kind": "outpaint", "image": "a", "right": 900, "strength": 0.5}, 3),
])  # fmt: skip
def test_every_task_is_one_drawing_with_the_passes_of_its_plan(task, count):
    passes = tuple(Pass(SIZE, Box(0, 0, *SIZE)) for _ in range(count))
    [draw] = stages(Plan(Image.new("RGB", SIZE), None, passes), task=task, steps=20)
    assert (draw.begins, draw.strength, draw.steps) == ("pixels", 0.5, 10)
    assert draw.passes is passes


def test_hires_is_a_drawing_an_upscale_and_a_drawing():
    hires = {"factor": 1.5, "strength": 0.4, "steps": 6, "prompt": "a red fox", "eta": 0.5,
             "scheduler": "Euler a", "guidance_scale": 3, "checkpoint": "other"}  # fmt: skip
    first, between, second = stages(prompt="a fox", steps=12, loras=["style:1"], hires=hires)
    assert (first.size, first.prompt, first.sampling.scheduler) == (SIZE, "a fox", "DPM++ 2M")
    assert between == Upscale((Way("Latent"),), (1536, 1536))
    assert (second.size, second.begins, second.strength) == ((1536, 1536), "latents", 0.4)
    assert (second.prompt, second.negative_prompt) == ("a red fox", "")
    sampling = second.sampling
    assert (sampling.scheduler, sampling.eta, sampling.guidance_scale) == ("Euler a", 0.5, 3)
    assert (sampling.steps, second.steps) == (15, 6), "as many as asked for are gone through"
    assert second.selection.checkpoint == REFS["other"] and second.selection.loras
    plain = stages(hires={"upscaler": "Lanczos"}, steps=12)
    assert [type(stage) for stage in plain] == [Draw, Upscale, Draw]
    assert (plain[2].begins, plain[2].steps) == ("pixels", 12)
    assert plain[2].selection == plain[0].selection


@pytest.mark.parametrize("hires", [None, {"factor": 2}])
def test_a_refiner_goes_on_within_the_last_drawing(hires):
    asked = {"hires": hires, "loras": ["style:1"]}
    found = stages(refiner={"checkpoint": "other", "switch_at": 0.7}, **asked)
    assert [stage.refiner for stage in found[:-1] if isinstance(stage, Draw)] in ([], [None])
    refiner = found[-1].refiner
    assert (refiner.selection.checkpoint, refiner.switch_at) == (REFS["other"], 0.7)
    assert len(refiner.selection.loras) == 1
    never = stages(refiner={"checkpoint": "other", "switch_at": 1}, **asked)[-1]
    assert never.refiner is None and never.selection.checkpoint == REFS["base"]
    always = stages(refiner={"checkpoint": "refiner", "switch_at": 0}, **asked)[-1]
    assert always.refiner is None and always.selection.checkpoint == REFS["refiner"]
    assert always.selection.loras == () and "style" in always.selection.warnings[0]


def test_no_torch_is_needed():
    program = "import sys, studio.engine.recipe; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
