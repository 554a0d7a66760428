"""A studio that draws with the embedded model, for the programs that call it."""

from __future__ import annotations

import base64
import io
from functools import partial

import pytest
from PIL import Image

from studio.catalog.select import select
from studio.engine.stable_diffusion import StableDiffusionEngine
from tests import models_in_memory
from tests.conftest import servers


@pytest.fixture(scope="session")
def drawing(tmp_path_factory):
    """It serves all tests of these modules, which leave nothing under way."""
    with servers(tmp_path_factory.mktemp("sdapi")) as start:
        served = start(
            StableDiffusionEngine(
                models_in_memory.manager("float32"),
                partial(select, models_in_memory.catalog()),
                read=lambda source: served.studio.sources.read(source),
                map_of=lambda *unit: served.studio.preprocessors.of_unit(*unit),
                find=lambda *asked: served.studio.detectors.find(*asked),
            )
        )
        yield served


@pytest.fixture(scope="session")
def picture():
    """64 × 64, with a red square."""
    image = Image.new("RGB", (64, 64), (200, 220, 240))
    image.paste((180, 30, 30), (16, 16, 48, 48))
    return image


@pytest.fixture(scope="session")
def mask():
    """Of its middle."""
    image = Image.new("L", (64, 64))
    image.paste(255, (24, 24, 40, 40))
    return image


def encoded(image, format="PNG"):
    buffer = io.BytesIO()
    image.save(buffer, format)
    return base64.b64encode(buffer.getvalue()).decode()


def opened(text):
    """A picture of an answer: bare base64."""
    return Image.open(io.BytesIO(base64.b64decode(text, validate=True)))
