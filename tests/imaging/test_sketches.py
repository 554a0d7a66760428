"""Colours laid over a picture: composed to the very value, and for nothing outside a mask."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageChops

from studio.domain.errors import InvalidRequest
from studio.domain.request import GenerationRequest
from studio.imaging import reading
from studio.imaging.plans import Plan, plan
from studio.imaging.sketches import laid_over
from tests.imaging import icc
from tests.imaging.pictures import encoded, noise, rectangle, same

SIZE = (96, 64)
PICTURE = noise(SIZE)
BLOB = (30, 20, 60, 50)
MASK = rectangle(SIZE, (20, 10, 50, 40))


def blob(alpha: int = 255, size: tuple[int, int] = SIZE) -> Image.Image:
    sketch = Image.new("RGBA", size)
    sketch.paste((0, 0, 255, alpha), BLOB)
    return sketch


def planned(
    task: dict, sketch: Image.Image | None, size: tuple[int, int] = SIZE, **options
) -> Plan:
    files = {"p": encoded(PICTURE, **options), "m": encoded(MASK)}
    fields = {"image": "p", "mask_blur": 0, "mask": "m"} | task
    if task["kind"] == "image_to_image":
        fields = {"image": "p"} | task
    if sketch is not None:
        files["s"] = encoded(sketch)
        fields["sketch"] = "s"
    request = GenerationRequest.parse({"task": fields, "width": size[0], "height": size[1]})
    return plan(request, files.__getitem__)


def test_every_alpha_is_composed_to_the_nearest_value():
    below, above = np.mgrid[:256, :256].astype(np.uint8)
    image = Image.merge("RGB", [Image.fromarray(below)] * 3)
    for alpha in (0, 1, 2, 64, 127, 128, 254, 255):
        planes = [Image.fromarray(above)] * 3 + [Image.new("L", image.size, alpha)]
        laid = np.asarray(laid_over(image, Image.merge("RGBA", planes)), int)
        exact = (alpha * above.astype(int) + (255 - alpha) * below.astype(int)) / 255
        assert (laid == np.rint(exact)[..., None]).all(), alpha


def test_a_half_transparent_pixel_by_hand():
    image, sketch = Image.new("RGB", (1, 1), (10, 200, 77)), Image.new("RGBA", (1, 1))
    sketch.putpixel((0, 0), (250, 0, 78, 128))
    assert laid_over(image, sketch).getpixel((0, 0)) == (130, 100, 78)  # 130.47, 99.6, 77.5


def test_the_whole_picture_is_drawn_after_it():
    found = planned({"kind": "image_to_image"}, blob(100))
    expected = laid_over(PICTURE, blob(100))
    assert same(found.before, expected) and same(found.begun, expected)
    assert same(found.passes[0].source(found.before), expected)
    assert same(planned({"kind": "image_to_image"}, blob(0)).before, PICTURE)


@pytest.mark.parametrize("size", [SIZE, (192, 128)])
@pytest.mark.parametrize("more", [{}, {"area": "only_masked"}, {"resize_mode": "latent_upscale"}])
def test_outside_the_mask_it_counts_for_nothing(size, more):
    found, without = (planned({"kind": "inpaint", **more}, each, size) for each in (blob(), None))
    assert same(found.before, without.before) and same(found.mask, without.mask)
    outside = np.asarray(found.mask) == 0
    assert (np.asarray(found.begun)[outside] == np.asarray(found.before)[outside]).all()
    [one] = found.passes
    began = np.asarray(one.crop(found.before), int)
    reach = np.abs(began - np.asarray(without.passes[0].crop(found.before), int)).max(axis=2) > 60
    assert reach.any() and (np.asarray(one.mask)[reach] > 0).all()
    drawn = one.pasted(found.before, ImageChops.invert(one.source(found.before)))
    assert (np.asarray(drawn)[outside] == np.asarray(found.before)[outside]).all()


def test_nothing_drawn_over_it_shows_it_through_the_mask():
    found = planned({"kind": "inpaint", "strength": 0}, blob())
    expected = PICTURE.copy()
    expected.paste((0, 0, 255), (30, 20, 50, 40))  # where both are
    assert same(found.undrawn, expected)


def test_colours_are_those_of_the_pictures_profile():
    """A picture of other primaries: sRGB's blue is another triple there."""
    profile = icc.rgb()
    found = planned({"kind": "image_to_image"}, blob(), icc_profile=profile)
    assert found.profile == profile
    began = Image.merge("RGB", found.begun.split())
    assert began.getpixel((0, 0)) == PICTURE.getpixel((0, 0))
    shown = reading.profiles.in_srgb(began, profile).getpixel((45, 35))
    assert np.abs(np.subtract(shown, (0, 0, 255))).max() <= 3


def test_what_does_not_fit_is_refused_in_words():
    with pytest.raises(InvalidRequest, match=r"it has 95 × 64 pixels, the image 96 × 64") as error:
        planned({"kind": "image_to_image"}, blob(size=(95, 64)))
    assert error.value.field == "sketch"
    with pytest.raises(InvalidRequest, match="fill replaces what lies under the mask"):
        planned({"kind": "inpaint", "masked_content": "fill"}, blob())
