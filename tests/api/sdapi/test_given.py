"""Pictures and masks in base64."""

from __future__ import annotations

import base64

import pytest
from PIL import Image

from studio.api.sdapi import given
from studio.domain.errors import InvalidRequest
from tests.api.sdapi.conftest import encoded

BYTES = b"\x89PNG and so on."
TEXT = base64.b64encode(BYTES).decode()


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.rstrip("="),
        f"data:image/png;base64,{TEXT}",
        f"data:image/jpeg;charset=utf-8;base64,{TEXT}",
        f" {TEXT[:5]}\r\n{TEXT[5:]}\n",
    ],
)
def test_bare_or_as_a_uri(text):
    assert given.decoded(text, "image") == BYTES


@pytest.mark.parametrize(
    "text", ["", "data:image/png;base64,", "ä", "a_b-", "HTTPS://a.example/b.png", "a.png"]
)
def test_all_else_is_refused(text):
    with pytest.raises(InvalidRequest, match="Invalid encoded image") as refused:
        given.decoded(text, "init_images")
    assert refused.value.field == "init_images"


def middle(mode, ground, ink):
    image = Image.new(mode, (30, 30), ground)
    image.paste(ink, (10, 10, 20, 20))
    return image


@pytest.mark.parametrize(
    "image",
    [
        middle("L", 0, 255),
        middle("RGB", "black", "white"),
        middle("RGBA", (0, 0, 0, 255), (255, 255, 255, 255)),
        middle("RGBA", (255, 255, 255, 0), (10, 200, 30, 255)),  # drawn on nothing
        middle("RGBA", (9, 9, 9, 0), (0, 0, 0, 200)),
        middle("1", 0, 1),
    ],
    ids=["grays", "colours", "opaque", "drawn", "faint", "bits"],
)
def test_a_mask_is_its_alpha_or_how_light_it_is(image):
    mask = given.mask(encoded(image), rounded=True)
    assert mask.tobytes() == middle("L", 0, 255).tobytes()


def test_grays_are_rounded_or_kept():
    text = encoded(middle("L", 128, 129))
    assert given.mask(text, rounded=True).tobytes() == middle("L", 0, 255).tobytes()
    assert given.mask(text, rounded=False).tobytes() == middle("L", 128, 129).tobytes()
