"""Runs that begin with a picture: what changes, what may not, and what is told meanwhile."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from studio.domain import events
from studio.imaging.difference import max_outside
from studio.imaging.plans import plan
from tests.engine.pictures import Desk, box_mask, scene
from tests.engine.running import step
from tests.imaging import icc
from tests.models_in_memory import manager, picturebook

pytestmark = pytest.mark.filterwarnings("ignore")

PROMPT = {"prompt": "a red house on a meadow at sunset", "seed": 5, "steps": 4}
SIZE = (128, 128)
MASK = box_mask(SIZE, (60, 30, 110, 100))
INPAINT = {"kind": "inpaint", "image": "image", "mask": "mask"}
TO_IMAGE = {"kind": "image_to_image", "image": "image"}
OUTPAINT = {"kind": "outpaint", "image": "image"}


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk(image=scene(SIZE), mask=MASK)


def change(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of a channel, 0 to 255."""
    return float(np.abs(np.asarray(one, np.float32) - np.asarray(other, np.float32)).mean())


def edited(desk: Desk, task: dict, **fields) -> events.Picture:
    return desk.draw(**{**PROMPT, **fields}, task=task)[0]


@pytest.mark.parametrize("task", [TO_IMAGE, INPAINT, {**OUTPAINT, "right": 40}])
def test_strength_0_is_the_very_picture_and_needs_no_model(desk, task):
    manager("float32").release()
    request = desk.settled(**PROMPT, batch_size=2, task={**task, "strength": 0})
    happened = desk.events(**PROMPT, batch_size=2, task={**task, "strength": 0})
    assert [type(event) for event in happened] == [events.Started, events.Finished]
    before = plan(request, desk.files.__getitem__).before
    pictures = happened[-1].pictures
    assert [picture.image.tobytes() for picture in pictures] == [before.tobytes()] * 2
    assert pictures[0].outside_mask_max_difference == (None if task is TO_IMAGE else 0)


@pytest.mark.parametrize("task", [TO_IMAGE, INPAINT, {**OUTPAINT, "right": 40}])
def test_a_picture_keeps_its_colour_profile_and_previews_have_it(desk, task):
    profile = icc.rgb()
    buffer = io.BytesIO()
    scene(SIZE).save(buffer, "PNG", icc_profile=profile)
    told = Desk(mask=MASK)
    told.files["image"] = buffer.getvalue()
    fields = PROMPT | {"steps": 3}
    happened = told.events(**fields, task=task, wants_preview=lambda: True)
    [with_it], [without] = happened[-1].pictures, desk.draw(**fields, task=task)
    assert (with_it.profile, without.profile) == (profile, None)
    assert with_it.image.tobytes() == without.image.tobytes(), "its values stay as they are"
    preview = next(event for event in happened if isinstance(event, events.Preview))
    assert Image.open(io.BytesIO(preview.jpeg)).info["icc_profile"] == profile


def test_strength_says_how_much_changes(desk):
    changes = [
        change(edited(desk, {**TO_IMAGE, "strength": strength}, steps=8).image, scene(SIZE))
        for strength in (0.05, 0.3, 0.6, 1.0)
    ]
    assert changes == sorted(changes)
    assert changes[0] < 8
    assert changes[-1] > 20


def test_one_step_is_made_however_small_steps_times_strength_is(desk):
    happened = desk.events(**PROMPT, task={**TO_IMAGE, "strength": 0.01})
    steps = [(e.step, e.total) for e in happened if isinstance(e, events.Progress)]
    assert steps == [(1, 1)]


CONTENTS = ("fill", "original", "latent_noise", "latent_nothing")


@pytest.mark.parametrize(
    ("content", "soft"),
    [
        *((content, False) for content in CONTENTS),
        ("original", True),
        *(
            pytest.param(content, True, marks=pytest.mark.slow)
            for content in CONTENTS
            if content != "original"
        ),
    ],
)
def test_pixels_outside_the_mask_keep_their_bytes(desk, content, soft):
    task = {**INPAINT, "masked_content": content, "strength": 1.0, "soft": soft}
    picture = edited(desk, task)
    request = desk.settled(**PROMPT, task=task)
    planned = plan(request, desk.files.__getitem__)
    assert max_outside(scene(SIZE), picture.image, planned.mask) == 0
    assert picture.outside_mask_max_difference == 0
    inside = (60, 30, 110, 100)
    assert change(picture.image.crop(inside), scene(SIZE).crop(inside)) > 15


def test_a_change_outside_the_mask_would_be_told(desk, monkeypatch):
    from studio.imaging.passes import Pass

    pasted = Pass.pasted

    def careless(self, canvas, drawn):
        result = pasted(self, canvas, drawn)
        result.putpixel((3, 4), (0, 0, 0))
        return result

    monkeypatch.setattr(Pass, "pasted", careless)
    picture = edited(desk, INPAINT)
    assert picture.outside_mask_max_difference == max(scene(SIZE).getpixel((3, 4)))


def test_masked_content_matters_below_full_strength(desk):
    drawn = {
        content: edited(desk, {**INPAINT, "masked_content": content, "strength": 0.5}).image
        for content in CONTENTS
    }
    assert len({image.tobytes() for image in drawn.values()}) == 4
    nearest = min(drawn, key=lambda content: change(drawn[content], scene(SIZE)))
    assert nearest == "original"


def test_soft_inpainting_changes_light_grays_less(desk):
    ramp = np.tile(np.linspace(0, 255, 128).astype(np.uint8), (128, 1))
    desk.put("ramp", Image.fromarray(ramp))
    task = {**INPAINT, "mask": "ramp", "mask_blur": 0, "soft": True, "strength": 1.0}
    picture = edited(desk, task, prompt="a snowy field at night", steps=6).image
    thirds = [
        change(picture.crop((x, 0, x + 32, 128)), scene(SIZE).crop((x, 0, x + 32, 128)))
        for x in (0, 48, 96)
    ]
    assert thirds[0] < 0.6 * thirds[2]
    assert thirds[0] < thirds[1] + 5
    hard = edited(desk, {**task, "soft": False}, prompt="a snowy field at night", steps=6).image
    assert hard.tobytes() != picture.tobytes()


@pytest.mark.parametrize("size", [(101, 117), (160, 128)])
def test_a_picture_of_any_size_comes_back_at_its_own(desk, size):
    desk.put("odd", scene(size))
    desk.put("odd mask", box_mask(size, (20, 20, 60, 60)))
    assert edited(desk, {**TO_IMAGE, "image": "odd"}).image.size == size
    picture = edited(desk, {**INPAINT, "image": "odd", "mask": "odd mask"})
    assert picture.image.size == size
    assert picture.outside_mask_max_difference == 0


def test_only_masked_work_on_a_photo_returns_the_photo(desk):
    size = (4000, 3000)
    desk.put("photo", scene((400, 300)).resize(size))
    desk.put("spot", box_mask(size, (1500, 1200, 2100, 1700)))
    task = {"kind": "inpaint", "image": "photo", "mask": "spot", "area": "only_masked"}
    happened = desk.events(lambda: True, **PROMPT, task={**task, "strength": 1.0})
    [picture] = happened[-1].pictures
    assert picture.image.size == size
    assert picture.outside_mask_max_difference == 0
    previews = [event for event in happened if isinstance(event, events.Preview)]
    assert Image.open(io.BytesIO(previews[0].jpeg)).size == (1024, 768)


def test_latent_upscale_scales_the_latents(desk):
    larger = {"width": 160, "height": 160}
    drawn = [
        edited(desk, {**TO_IMAGE, "resize_mode": mode, "strength": 0.3}, **larger).image
        for mode in ("just_resize", "latent_upscale")
    ]
    assert drawn[0].size == drawn[1].size == (160, 160)
    assert drawn[0].tobytes() != drawn[1].tobytes()
    assert change(drawn[1], scene(SIZE).resize((160, 160))) < 25


def test_color_correction_brings_the_colours_back(desk):
    task = {**TO_IMAGE, "strength": 0.8}
    plain, corrected = (
        edited(desk, {**task, "color_correction": yes}, prompt="night").image
        for yes in (False, True)
    )

    def colours(image):
        return np.asarray(image.convert("YCbCr"), np.float32)[..., 1:].mean((0, 1))

    off = [np.abs(colours(image) - colours(scene(SIZE))).sum() for image in (plain, corrected)]
    assert off[1] < off[0]


WIDER = {**OUTPAINT, "right": 260}
BATCHES = [(TO_IMAGE, "Euler a"), (INPAINT, "DPM++ SDE"), (WIDER, "Euler a")]
MORE_BATCHES = [(TO_IMAGE, "DPM++ SDE"), (INPAINT, "Euler a"), (WIDER, "DPM++ SDE")]


@pytest.mark.parametrize(
    ("task", "scheduler"),
    [*BATCHES, *(pytest.param(*more, marks=pytest.mark.slow) for more in MORE_BATCHES)],
)
def test_picture_k_of_a_batch_is_the_single_picture_with_seed_plus_k(desk, task, scheduler):
    """In every run each task once, and both ways of making noise."""
    fields = {**PROMPT, "scheduler": scheduler, "steps": 2, "task": task}
    batch = desk.draw(**{**fields, "batch_size": 2})
    single = desk.draw(**{**fields, "seed": 6})[0]
    difference = np.asarray(batch[1].image, int) - np.asarray(single.image, int)
    assert np.abs(difference).max() <= 2
    again = desk.draw(**{**fields, "batch_size": 2})
    assert [p.image.tobytes() for p in batch] == [p.image.tobytes() for p in again]


def test_a_large_outpaint_is_drawn_in_passes_that_follow_each_other(desk):
    happened = desk.events(lambda: True, **PROMPT, task={**OUTPAINT, "right": 360, "feather": 8})
    [picture] = happened[-1].pictures
    assert picture.image.size == (488, 128)
    assert picture.outside_mask_max_difference == 0
    assert picture.image.crop((0, 0, 120, 128)).tobytes() == (
        scene(SIZE).crop((0, 0, 120, 128)).tobytes()
    )
    steps = [(e.step, e.total) for e in happened if isinstance(e, events.Progress)]
    total = steps[0][1]
    assert total >= 2 * PROMPT["steps"]
    assert steps == [(k, total) for k in range(1, total + 1)]
    previews = [e for e in happened if isinstance(e, events.Preview)]
    assert len(previews) == total - 1
    sizes = {Image.open(io.BytesIO(preview.jpeg)).size for preview in previews}
    assert sizes == {(488, 128)}


def test_previews_show_the_change_in_its_place(desk):
    happened = desk.events(lambda: True, **PROMPT, task={**INPAINT, "strength": 1.0})
    preview = [event for event in happened if isinstance(event, events.Preview)][-1]
    shown = Image.open(io.BytesIO(preview.jpeg))
    assert shown.size == SIZE
    apart = (0, 0, 40, 128)
    assert change(shown.crop(apart), scene(SIZE).crop(apart)) < 6  # JPEG
    inside = (60, 30, 110, 100)
    final = happened[-1].pictures[0].image
    assert change(shown.crop(inside), final.crop(inside)) < 40


def test_a_batch_is_previewed_in_a_grid_of_small_canvases(desk):
    happened = desk.events(lambda: True, **PROMPT, batch_size=3, task=INPAINT)
    preview = next(event for event in happened if isinstance(event, events.Preview))
    assert Image.open(io.BytesIO(preview.jpeg)).size == (256, 256)


@pytest.mark.parametrize("at_step", [2, 6])
def test_a_cancelled_edit_leaves_its_estimate_in_the_canvas(desk, at_step):
    def stop(under_way, event):
        if isinstance(event, events.Progress) and event.step == at_step:
            under_way.cancel()

    last = desk.events(watch=stop, **PROMPT, task={**OUTPAINT, "right": 360})[-1]
    assert isinstance(last, events.Cancelled)
    [picture] = last.pictures
    assert picture.partial
    assert picture.image.size == (488, 128)
    assert picture.outside_mask_max_difference == 0


def test_a_picture_that_is_gone_fails_the_run_and_says_so(desk):
    gone = desk.engine.open(desk.settled(**PROMPT, task=INPAINT))
    mask = desk.files.pop("mask")
    try:
        event = step(desk.engine, gone)
    finally:
        desk.files["mask"] = mask
    assert isinstance(event, events.Failed)
    assert "mask" in event.message


def test_an_empty_mask_fails_the_run_and_says_what_to_do(desk):
    desk.put("black", Image.new("L", SIZE))
    last = desk.events(**PROMPT, task={**INPAINT, "mask": "black"})[-1]
    assert last.error == "InvalidRequest"
    assert "nothing to repaint" in last.message


def test_encoding_without_memory_is_tried_again_in_tiles(desk):
    with manager("float32").lease(picturebook()) as models:
        vae = models.vae
    failed = []

    def fail_once(*_):
        if not failed:
            failed.append(vae.use_tiling)
            raise torch.OutOfMemoryError("no room")

    hook = vae.encoder.register_forward_pre_hook(fail_once)
    try:
        assert edited(desk, {**TO_IMAGE, "strength": 0.2}).image.size == SIZE
    finally:
        hook.remove()
    assert failed == [False]
    assert not vae.use_tiling


def test_the_same_picture_is_encoded_once_for_a_batch(desk):
    with manager("float32").lease(picturebook()) as models:
        vae = models.vae
    calls = []
    hook = vae.encoder.register_forward_hook(lambda *_: calls.append(1))
    try:
        desk.draw(**PROMPT, batch_size=4, task={**TO_IMAGE, "strength": 0.2})
    finally:
        hook.remove()
    assert len(calls) == 1


def test_it_works_in_the_default_number_format():
    size = (64, 64)
    desk = Desk("bfloat16", image=scene(size), mask=box_mask(size, (20, 20, 50, 50)))
    picture = edited(desk, {**INPAINT, "strength": 0.8}, steps=2)
    assert picture.outside_mask_max_difference == 0
