"""A drawn scene to look at, and preprocessors without any weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio.picturebook.world import Scene
from studio.preprocessors.maps import Preprocessors

SIZE = (384, 320)


@pytest.fixture(scope="session")
def scene() -> Scene:
    return Scene.random(np.random.default_rng(3))


@pytest.fixture(scope="session")
def picture(scene: Scene) -> Image.Image:
    return scene.draw(SIZE)


@pytest.fixture
def preprocessors(tmp_path: Path) -> Preprocessors:
    return Preprocessors([], tmp_path / "weights")
