"""Colour profiles: those of RGB values are carried and written, others end in sRGB or nowhere."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from studio.domain.request import GenerationRequest
from studio.gallery import views
from studio.imaging import plans, profiles, reading
from tests.imaging import icc
from tests.imaging.pictures import encoded, noise, same

RGB, GRAY, INKS = icc.rgb(), icc.gray(1.0), icc.black_ink_alone()
"""Display P3 at a gamma of 2.2; gray values that are amounts of light; inks."""
ABSTRACT = RGB[:12] + b"abst" + RGB[16:]
"""Leads from values to values, and describes none."""

SCREEN = noise((24, 16))
GRAYS = SCREEN.convert("L")
VALUES = np.asarray(GRAYS, float) / 255
LIGHT_AS_SRGB = 255 * np.where(
    VALUES <= 0.0031308, 12.92 * VALUES, 1.055 * VALUES ** (1 / 2.4) - 0.055
)
"""What GRAY makes of GRAYS."""
BRIGHT = np.asarray(GRAYS) > 40
"""Below, one step of GRAY is many of sRGB, and rounding shows."""


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_a_profile_of_rgb_values_is_carried_and_changes_none(format):
    options = {"lossless": True} if format == "WEBP" else {}
    data = encoded(SCREEN, format, icc_profile=RGB, **options)
    image, profile = reading.with_profile(data)
    assert profile == RGB and image.info == {}
    assert same(image, reading.picture(encoded(SCREEN, format, **options)))


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "LA", "1"])
def test_it_is_carried_whatever_way_the_values_are_kept(mode):
    image = SCREEN.convert(mode)
    found, profile = reading.with_profile(encoded(image, icc_profile=RGB))
    assert profile == RGB and found.mode == "RGB"
    assert same(found, image.convert("RGB"))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("mode", ["L", "LA"])
def test_gray_values_go_through_theirs_to_srgb(format, mode):
    if (format, mode) == ("JPEG", "LA"):
        return
    image = GRAYS.convert(mode)
    options = {"quality": 100} if format == "JPEG" else {}
    found, profile = reading.with_profile(encoded(image, format, icc_profile=GRAY, **options))
    assert profile is None
    near = 8 if format == "JPEG" else 2
    off = np.abs(np.asarray(found, float) - LIGHT_AS_SRGB[..., None])
    assert off[BRIGHT].max() <= near


def test_sixteen_bits_of_gray_go_through_theirs_too():
    deep = Image.fromarray(np.asarray(GRAYS, np.uint16) * 257)
    found, profile = reading.with_profile(encoded(deep, "PNG", icc_profile=GRAY))
    assert profile is None
    assert np.abs(np.asarray(found, float) - LIGHT_AS_SRGB[..., None])[BRIGHT].max() <= 2


def test_transparency_stays_where_grays_are_changed():
    image = GRAYS.convert("LA")
    alpha = Image.new("L", image.size, 255)
    alpha.paste(0, (0, 0, 12, 16))
    image.putalpha(alpha)
    found, profile = reading.with_profile(encoded(image, icc_profile=GRAY), (9, 8, 7))
    assert profile is None and found.getpixel((3, 3)) == (9, 8, 7)
    assert abs(found.getpixel((20, 3))[0] - LIGHT_AS_SRGB[3, 20]) <= 2


def test_inks_go_through_theirs_or_by_the_plain_formula():
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    seen, profile = reading.with_profile(encoded(image, "JPEG", icc_profile=INKS))
    assert profile is None and seen.getpixel((8, 8)) == pytest.approx((255,) * 3, abs=2)
    for useless in (b"not a profile", INKS[:200], RGB, GRAY, ABSTRACT):
        seen, profile = reading.with_profile(encoded(image, "JPEG", icc_profile=useless))
        red, *others = seen.getpixel((8, 8))
        assert profile is None and red > 200 and max(others) < 60


@pytest.mark.parametrize("profile", [GRAY, INKS, ABSTRACT, RGB[:100], RGB[:150], b"x" * 500])
def test_one_that_does_not_fit_is_as_none(profile):
    found, carried = reading.with_profile(encoded(SCREEN, icc_profile=profile))
    assert carried is None and same(found, SCREEN)


def test_one_too_large_to_be_carried_is_obeyed_instead():
    large = icc.rgb(more=profiles.MAX_CARRIED_BYTES)
    green = Image.new("RGB", (8, 8), (60, 200, 60))
    found, carried = reading.with_profile(encoded(green, "TIFF", icc_profile=large))
    source = ImageCms.ImageCmsProfile(io.BytesIO(RGB))
    srgb = ImageCms.createProfile("sRGB")
    expected = ImageCms.profileToProfile(green, source, srgb, outputMode="RGB").getpixel((0, 0))
    assert carried is None and found.getpixel((0, 0)) == expected
    assert expected[0] < 40, "green of P3 lies outside of sRGB"


def test_maps_and_masks_are_values_and_no_colours():
    data = encoded(GRAYS, icc_profile=GRAY)
    assert same(reading.mask(data), GRAYS)
    assert same(reading.values(data), GRAYS.convert("RGB"))
    assert reading.values(data).info == reading.mask(data).info == {}


TASKS = {
    "image_to_image": {},
    "inpaint": {"mask": "mask"},
    "only_masked": {"kind": "inpaint", "mask": "mask", "area": "only_masked"},
    "outpaint": {"right": 64},
}


@pytest.mark.parametrize("name", TASKS)
def test_the_plan_of_every_task_carries_it(name):
    large = noise((128, 128))
    mask = Image.new("L", large.size)
    mask.paste(255, (30, 30, 90, 90))
    task = {"kind": name, "image": "image"} | TASKS[name]
    request = GenerationRequest.parse({"task": task, "width": 128, "height": 128})
    for profile, carried in ((RGB, RGB), (INKS, None), (None, None)):
        held = {"image": encoded(large, icc_profile=profile), "mask": encoded(mask)}
        plan = plans.plan(request, held.__getitem__)
        assert plan.profile == carried and plan.before.info == {}


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_what_a_browser_is_shown_has_it(format):
    for profile, carried in ((RGB, RGB), (INKS, None)):
        data, _ = views.shown(encoded(SCREEN, format, icc_profile=profile))
        assert Image.open(io.BytesIO(data)).info.get("icc_profile") == carried
