"""Plans: what an editing request comes to, run here with a model that draws the negative."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageChops

from studio.domain.errors import InvalidRequest, NotFound
from studio.domain.request import GenerationRequest
from studio.domain.tasks import MASKED_CONTENTS, RESIZE_MODES
from studio.imaging.difference import max_outside
from studio.imaging.plans import Plan, plan, source_size
from tests.imaging.pictures import disc, encoded, noise, rectangle, same, scene

SIZE = (333, 251)
PICTURE = noise(SIZE)
MASK = disc(SIZE, (100, 60, 200, 160))


def planned(
    task: dict, size: tuple[int, int], picture: Image.Image = PICTURE, mask: Image.Image = MASK
) -> Plan | None:
    files = {"input:p": encoded(picture), "input:m": encoded(mask)}
    if task["kind"] != "text_to_image":
        task = {"image": "input:p", **task}
    if task["kind"] == "inpaint":
        task = {"mask": "input:m", **task}
    request = GenerationRequest.parse({"task": task, "width": size[0], "height": size[1]})
    return plan(request, files.__getitem__)


def run(plan: Plan) -> Image.Image:
    """The plan's result, if the model draws the negative of what it sees."""
    canvas = plan.before
    for one in plan.passes:
        source = one.source(canvas)
        assert source.size == one.size and source.mode == "RGB"
        assert one.mask is None or one.mask.size == one.size
        assert not any(side % 8 for side in one.size + one.encoded(canvas).size)
        canvas = one.pasted(canvas, ImageChops.invert(source))
    return canvas


def test_text_to_image_has_no_plan():
    assert planned({"kind": "text_to_image"}, (64, 64)) is None


def test_a_picture_at_its_own_size_is_neither_scaled_nor_cut():
    found = planned({"kind": "image_to_image"}, (336, 256))
    assert same(found.before, PICTURE) and found.mask is None
    (one,) = found.passes
    assert one.size == (336, 256) and same(one.source(PICTURE).crop((0, 0, *SIZE)), PICTURE)
    assert same(run(found), ImageChops.invert(PICTURE))


@pytest.mark.parametrize("mode", RESIZE_MODES)
@pytest.mark.parametrize("kind", ["image_to_image", "inpaint"])
def test_another_size_is_the_results(mode, kind):
    found = planned({"kind": kind, "resize_mode": mode}, (512, 512))
    assert found.before.size == (512, 512)
    after = run(found)
    assert after.size == (512, 512)
    if kind == "inpaint":
        assert max_outside(found.before, after, found.mask) == 0


def test_latent_upscale_encodes_the_picture_at_its_own_size():
    found = planned({"kind": "image_to_image", "resize_mode": "latent_upscale"}, (512, 512))
    (one,) = found.passes
    assert one.encoded(found.before).size == (336, 256)
    smaller = planned({"kind": "image_to_image", "resize_mode": "latent_upscale"}, (128, 96))
    assert smaller.passes[0].encoded(smaller.before).size == (128, 96)


@pytest.mark.parametrize("content", MASKED_CONTENTS)
@pytest.mark.parametrize("area", ["whole_picture", "only_masked"])
@pytest.mark.parametrize("soft", [False, True])
def test_inpainting_keeps_the_promise(content, area, soft):
    task = {"kind": "inpaint", "masked_content": content, "area": area, "soft": soft}
    found = planned({**task, "mask_grow": 6, "mask_blur": 9}, (336, 256))
    after = run(found)
    assert after.size == SIZE and same(found.before, PICTURE)
    assert max_outside(PICTURE, after, found.mask) == 0
    kept = np.asarray(found.mask) == 0
    assert 0.5 < kept.mean() < 0.9
    middle = np.abs(np.asarray(after, int) - np.asarray(PICTURE, int))[110, 150]
    assert middle.max() > 20, "and the middle of the mask did change"


def test_color_correction_keeps_the_promise_too():
    found = planned({"kind": "inpaint", "color_correction": True}, (336, 256))
    assert max_outside(PICTURE, run(found), found.mask) == 0


def test_only_masked_works_on_the_mask_and_gives_the_whole():
    task = {"kind": "inpaint", "area": "only_masked", "padding": 20, "mask_blur": 0}
    picture, mask = noise((1200, 900)), rectangle((1200, 900), (1000, 100, 1100, 200))
    found = planned(task, (512, 256), picture, mask)
    (one,) = found.passes
    assert one.size == (512, 256) and one.box == (910, 80, 1190, 220)
    after = run(found)
    assert after.size == (1200, 900)
    outside = np.asarray(mask) == 0
    assert (np.asarray(after)[outside] == np.asarray(picture)[outside]).all()


def test_only_masked_where_the_picture_is_too_narrow_for_the_ratio():
    mask = rectangle((600, 40), (300, 10, 400, 30))
    found = planned({"kind": "inpaint", "area": "only_masked"}, (256, 256), noise((600, 40)), mask)
    assert found.passes[0].box.size[0] == found.passes[0].box.size[1]
    assert run(found).size == (600, 40)


def test_fill_hides_what_was_under_the_mask():
    picture = Image.new("RGB", SIZE, (30, 90, 160))
    picture.paste((255, 40, 0), (0, 0, *SIZE), MASK)
    mask = {"mask_grow": 4, "mask_blur": 0}
    found = planned({"kind": "inpaint", "masked_content": "fill", **mask}, (336, 256), picture)
    source = np.asarray(found.passes[0].source(found.before), int)
    assert np.abs(source - (30, 90, 160)).max() < 5
    found = planned({"kind": "inpaint", **mask}, (336, 256), picture)
    assert found.passes[0].source(found.before).getpixel((150, 110)) == (255, 40, 0)


def test_a_soft_mask_is_not_faded_twice():
    gray = MASK.point(lambda level: level // 2)
    found = planned({"kind": "inpaint", "soft": True, "mask_blur": 0}, (336, 256), mask=gray)
    after = np.asarray(run(found))
    assert (after[110, 150] == 255 - np.asarray(PICTURE)[110, 150]).all()
    assert found.passes[0].mask.getpixel((150, 110)) == 127


def test_what_the_resize_mode_cuts_off_is_explained():
    mask = rectangle((400, 100), (0, 0, 20, 100))
    task = {"kind": "inpaint", "resize_mode": "crop_and_resize", "mask_blur": 0}
    with pytest.raises(InvalidRequest, match="mask: .*cut off by the resize mode"):
        planned(task, (128, 128), noise((400, 100)), mask)


def test_broken_files_are_named():
    request = GenerationRequest.parse(
        {"task": {"kind": "inpaint", "image": "p", "mask": "m"}, "width": 64, "height": 64}
    )
    files = {"p": encoded(PICTURE), "m": b"no"}
    with pytest.raises(InvalidRequest, match="^mask: this is not a picture"):
        plan(request, files.__getitem__)
    files = {"p": encoded(PICTURE)[:300], "m": encoded(MASK)}
    with pytest.raises(InvalidRequest, match="^image: the picture is broken"):
        plan(request, files.__getitem__)


def test_what_reading_raises_comes_through():
    def gone(source: str) -> bytes:
        raise NotFound(source)

    request = GenerationRequest.parse({"task": {"kind": "image_to_image", "image": "input:x"}})
    with pytest.raises(NotFound, match="input:x"):
        plan(request.model_copy(update={"width": 64, "height": 64}), gone)


def test_the_size_to_settle_by():
    def task(**fields):
        return GenerationRequest.parse({"task": {"image": "p", **fields}}).task

    assert source_size(task(kind="image_to_image"), SIZE) == SIZE
    assert source_size(task(kind="outpaint", left=10, bottom=5), SIZE) == (343, 256)
    assert source_size(task(kind="outpaint", aspect_ratio="2:1"), SIZE) == (502, 251)
    with pytest.raises(InvalidRequest, match="already is 2:1"):
        source_size(task(kind="outpaint", aspect_ratio="2:1"), (400, 200))
    with pytest.raises(InvalidRequest, match="the widened picture has .* megapixels"):
        source_size(task(kind="outpaint", right=4096, bottom=4096), (8000, 6000))


def test_a_scene_is_planned_the_same_every_time():
    picture = scene(SIZE)
    one, other = (planned({"kind": "inpaint"}, (336, 256), picture) for _ in range(2))
    assert same(run(one), run(other)) and same(one.mask, other.mask)
