"""Outpainting: the canvas, the seam, and windows that reach everything from what is known."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from studio.domain.geometry import Box
from studio.domain.request import GenerationRequest
from studio.imaging.difference import max_outside
from studio.imaging.outpainting import new_region
from studio.imaging.plans import Plan, plan
from studio.imaging.windows import MOST_WINDOWS, windows
from tests.imaging.pictures import encoded, noise, same
from tests.imaging.test_plans import run

PICTURE = noise((301, 203))


def planned(size: tuple[int, int], picture: Image.Image = PICTURE, **task) -> Plan:
    data = encoded(picture)
    request = GenerationRequest.parse(
        {
            "task": {"kind": "outpaint", "image": "input:p", **task},
            "width": size[0],
            "height": size[1],
        }
    )
    return plan(request, lambda source: data)


@pytest.mark.parametrize(
    "sides",
    [
        {"right": 150},
        {"left": 33, "top": 17},
        {"left": 64, "top": 64, "right": 64, "bottom": 64},
        {"aspect_ratio": "16:9"},
        {"bottom": 1},
    ],
)
@pytest.mark.parametrize("size", [(512, 512), (128, 96)])
def test_what_is_further_in_than_the_feather_keeps_its_bytes(sides, size):
    found = planned(size, feather=16, **sides)
    after = run(found)
    assert max_outside(found.before, after, found.mask) == 0
    left, top = sides.get("left", 0), sides.get("top", 0)
    if "aspect_ratio" in sides:
        left = (found.before.width - PICTURE.width) // 2
    inner = Box(left + 16, top + 16, left + 301 - 16, top + 203 - 16)
    assert same(after.crop(inner), PICTURE.crop((16, 16, 301 - 16, 203 - 16)))
    assert same(found.before.crop((left, top, left + 301, top + 203)), PICTURE)
    new = np.asarray(found.mask) == 255
    assert (np.asarray(after)[new] != np.asarray(found.before)[new]).any(axis=-1).mean() > 0.9


def test_without_a_feather_every_byte_of_the_picture_stays():
    for size in ((512, 512), (128, 96)):
        found = planned(size, feather=0, right=150, top=40)
        assert same(run(found).crop((0, 40, 301, 243)), PICTURE)


def test_the_mask_fades_only_towards_new_sides():
    mask = np.asarray(new_region((300, 200), Box(0, 0, 200, 200), 16))
    assert (mask == mask[0]).all()
    assert (mask[0, 200:] == 255).all() and not mask[0, : 200 - 16].any()
    assert (np.diff(mask[0, 184:200].astype(int)) > 0).all()


def test_one_pass_where_the_canvas_fits():
    found = planned((456, 208), right=150)
    (one,) = found.passes
    assert one.size == (456, 208) and one.box == (0, 0, 456, 208)


def test_a_tiny_canvas_is_drawn_larger():
    found = planned((512, 512), noise((30, 20)), right=10)
    (one,) = found.passes
    assert one.size == (512, 512) and run(found).size == (40, 20)


def test_the_new_region_is_smeared_from_the_rim():
    blue = Image.new("RGB", (200, 100), (20, 60, 200))
    found = planned((512, 512), blue, right=300, top=200)
    assert np.abs(np.asarray(found.before, int) - (20, 60, 200)).max() <= 2


CASES = [
    ((1667, 1201), Box(100, 700, 767, 1201), (512, 512)),
    ((891, 501), Box(112, 0, 779, 501), (512, 384)),
    ((2000, 500), Box(0, 0, 500, 500), (512, 512)),
    ((500, 2000), Box(0, 1500, 500, 2000), (512, 512)),
    ((3000, 3000), Box(1000, 1000, 2000, 2000), (640, 640)),
    ((1777, 1001), Box(800, 0, 977, 1001), (680, 384)),
    ((700, 700), Box(300, 300, 400, 400), (512, 512)),
]


@pytest.mark.parametrize(("canvas", "old", "size"), CASES)
def test_windows_reach_all_and_know_a_third(canvas, old, size):
    found = windows(canvas, old, size)
    known = np.zeros(canvas[::-1], bool)
    known[old.top : old.bottom, old.left : old.right] = True
    for box, drawn in found:
        left, top, right, bottom = box
        seen = known[max(0, top) : bottom, max(0, left) : right]
        assert seen.mean() > 0.3, box
        assert not seen.all(), "each draws something"
        assert drawn[0] * drawn[1] < 1.7 * size[0] * size[1]
        assert not drawn[0] % 8 and not drawn[1] % 8
        assert abs(box.size[0] / drawn[0] - box.size[1] / drawn[1]) < 0.02, "not distorted"
        known[max(0, top) : bottom, max(0, left) : right] = True
    assert known.all()
    assert len(found) <= MOST_WINDOWS


def test_windows_are_drawn_unscaled_where_a_few_do():
    for box, drawn in windows((1667, 1201), Box(100, 700, 767, 1201), (512, 512)):
        assert box.size == drawn


def test_a_photo_needs_no_hundred_passes():
    found = windows((6000, 3500), Box(0, 500, 4000, 3500), (680, 400))
    assert len(found) <= MOST_WINDOWS
    assert found[0].box.size[0] > 680, "each takes in more and is drawn smaller"


def test_later_windows_see_what_earlier_ones_drew():
    found = planned((128, 128), noise((128, 128)), right=300)
    assert len(found.passes) > 2
    canvas, seen = found.before, []
    for number, one in enumerate(found.passes):
        source = np.asarray(one.source(canvas))
        seen.append(source[:, 4].mean())
        canvas = one.pasted(canvas, Image.new("RGB", one.size, (0, 200, 20 * number)))
    assert seen[-1] < 90, "drawn green, not smeared noise"
    assert max_outside(found.before, canvas, found.mask) == 0
