"""Files of every kind become the picture that a person sees in them; broken ones are explained."""

from __future__ import annotations

import contextlib
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageChops

from studio.domain.errors import InvalidRequest
from studio.imaging import reading
from tests.imaging.pictures import disc, encoded, noise, same, scene

MARKED = Image.new("RGB", (64, 32), "white")
MARKED.paste((200, 0, 0), (0, 0, 16, 16))
"""Wider than high, red at the upper left: whatever way it is turned, one can tell."""


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "PPM", "WEBP"])
def test_rgb_keeps_its_bytes(format):
    image = noise((37, 23))
    data = encoded(image, format, **({"lossless": True} if format == "WEBP" else {}))
    assert same(reading.picture(data), image)
    assert reading.size_of(data) == ((37, 23), format)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_cameras_orientation_is_obeyed(format, orientation):
    # What the camera stores is the upright picture with the turn undone.
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = MARKED if orientation == 1 else MARKED.transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(stored, format, exif=exif)
    assert reading.size_of(data)[0] == MARKED.size
    seen = np.asarray(reading.picture(data), int)
    assert seen.shape == (32, 64, 3)
    assert np.abs(seen[4, 4] - (200, 0, 0)).max() < 12
    assert seen[24, 56].min() > 240


def test_alpha_is_laid_on_the_stated_colour():
    image = Image.new("RGBA", (3, 1))
    image.putdata([(10, 20, 30, 255), (200, 0, 0, 0), (200, 0, 0, 128)])
    seen = values(reading.picture(encoded(image)))
    assert seen[:2] == [(10, 20, 30), (255, 255, 255)]
    assert seen[2] == pytest.approx((227, 127, 127), abs=1)
    assert reading.picture(encoded(image), (0, 0, 255)).getpixel((1, 0)) == (0, 0, 255)


def test_palettes_and_their_transparency():
    image = MARKED.quantize(4)
    assert same(reading.picture(encoded(image)), MARKED)
    clear = image.getpixel((0, 0))
    seen = reading.picture(encoded(image, transparency=clear), (0, 255, 0))
    assert seen.getpixel((0, 0)) == (0, 255, 0)


def test_sixteen_bits_are_scaled_not_cut_off():
    ramp = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    for format in ("PNG", "TIFF"):
        seen = reading.picture(encoded(Image.fromarray(ramp), format))
        assert np.array_equal(np.asarray(seen)[..., 0].ravel(), np.arange(256))


def test_sixteen_bits_of_rgb():
    pixels = np.array([[[65535, 32896, 0], [257, 514, 771]]], dtype=">u2")
    seen = reading.picture(_png(2, 1, 16, 2, b"\0" + pixels.tobytes()))
    assert values(seen) == [(255, 128, 0), (1, 2, 3)]


def test_floating_point_from_0_to_1():
    values = np.array([[0.0, 0.5, 1.0, np.nan]], np.float32)
    seen = np.asarray(reading.picture(encoded(Image.fromarray(values), "TIFF")))
    assert seen[0, :, 0].tolist() == [0, 128, 255, 0]


def test_greyscale_with_alpha():
    image = Image.new("LA", (2, 1))
    image.putdata([(100, 255), (100, 0)])
    assert values(reading.picture(encoded(image))) == [(100,) * 3, (255,) * 3]


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk_without_a_profile(format):
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    seen = reading.picture(encoded(image, format)).getpixel((8, 8))
    assert seen[0] > 200 and max(seen[1:]) < 60


def test_animations_give_their_first_frame():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    for format in ("GIF", "WEBP", "PNG"):
        options = {"lossless": True} if format == "WEBP" else {}
        data = encoded(frames[0], format, save_all=True, append_images=frames[1:], **options)
        assert reading.picture(data).getpixel((4, 4)) == (255, 0, 0)


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"%!PS-Adobe-3.0", b"\x89PNG\r\n\x1a\n", b"GIF89a"]
)
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(InvalidRequest, match="not a picture"):
        reading.size_of(data)


def test_a_decompression_bomb_is_refused_from_its_header():
    for side in (8001, 20_000, 2**31 - 1):
        with pytest.raises(InvalidRequest, match="megapixels|not a picture"):
            reading.picture(_png(side, side, 8, 2, b""))
    assert reading.size_of(_png(8000, 8000, 8, 2, b""))[0] == (8000, 8000)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_a_truncated_file_is_explained(format):
    data = encoded(scene((64, 64)), format)
    for share in (0.5, 0.9):
        with pytest.raises(InvalidRequest, match="broken or incomplete|not a picture"):
            reading.picture(data[: int(len(data) * share)])


def test_broken_bytes_never_raise_anything_else():
    rng = np.random.default_rng(0)
    for format in ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "AVIF"):
        whole = np.frombuffer(encoded(scene((48, 32)), format), np.uint8)
        for _ in range(40):
            data = whole.copy()
            data[rng.integers(0, len(data), 6)] = rng.integers(0, 256, 6)
            with contextlib.suppress(InvalidRequest):
                assert reading.picture(data.tobytes()).mode == "RGB"


def test_a_mask_is_read_by_its_luminance():
    mask = disc((60, 40), (10, 10, 40, 30), 180)
    assert same(reading.mask(encoded(mask)), mask)
    assert same(reading.mask(encoded(mask.convert("RGB"))), mask)
    assert same(reading.mask(encoded(mask.convert("RGBA"))), mask)


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (30, 200, 90)])
def test_a_mask_of_one_colour_is_read_by_its_alpha(colour):
    alpha = disc((60, 40), (10, 10, 40, 30), 180)
    image = Image.new("RGBA", alpha.size, (*colour, 0))
    image.putalpha(alpha)
    assert same(reading.mask(encoded(image)), alpha)


def test_a_transparent_picture_as_a_mask_counts_as_black_where_it_is_clear():
    image = Image.new("RGBA", (3, 1))
    image.putdata([(255, 255, 255, 255), (0, 0, 0, 255), (255, 255, 255, 0)])
    assert values(reading.mask(encoded(image))) == [255, 0, 0]


@pytest.mark.parametrize("size", [(60, 40), (1500, 1100)])
def test_the_holes_of_a_picture_are_what_is_to_be_repainted(size):
    """As an eraser leaves them, soft at their border; of what was there nothing is known."""
    picture, hole = scene((64, 64)).resize(size), disc(size, (10, 10, 40, 30), 180)
    holed = picture.copy()
    holed.putalpha(ImageChops.invert(hole))
    assert same(reading.mask(encoded(holed)), hole)
    forgotten = Image.composite(Image.new("RGBA", size), holed, hole.point([0] * 180 + [255] * 76))
    expected = hole.point([*range(180)] + [255] * 76)
    assert same(reading.mask(encoded(forgotten)), expected)


def test_a_mask_in_grays_on_transparency_is_no_picture_with_holes():
    """Painted in black, white and between, on nothing; colours that an editor left by a rounding
    are none."""
    image = Image.new("RGBA", (4, 1))
    image.putdata([(255, 255, 255, 255), (120, 124, 120, 255), (0, 0, 0, 255), (200, 0, 0, 0)])
    assert values(reading.mask(encoded(image))) == [255, 122, 0, 0]


def test_an_empty_mask_layer_is_black():
    assert reading.mask(encoded(Image.new("RGBA", (4, 4)))).getbbox() is None


def values(image: Image.Image) -> list:
    """Row by row, tuples where there are several channels."""
    pixels = np.asarray(image)
    flat = pixels.reshape(-1, *pixels.shape[2:]).tolist()
    return [tuple(value) if isinstance(value, list) else value for value in flat]


def _png(width: int, height: int, depth: int, colour_type: int, rows: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_a_large_transparent_picture_is_laid_on_its_ground_strip_by_strip():
    image = noise((1500, 1400)).convert("RGBA")
    image.putalpha(noise((1500, 1400), 1).convert("L"))
    ground = Image.new("RGBA", image.size, (10, 200, 30, 255))
    expected = Image.alpha_composite(ground, image).convert("RGB")
    assert same(reading.picture(encoded(image), (10, 200, 30)), expected)
