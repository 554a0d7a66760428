"""Maps made before, so that the same picture with the same settings is looked at once."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Hashable

from PIL import Image


class MapCache:
    """The maps used last, up to `most_bytes` of pixels. What goes in and out is copied."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._maps: OrderedDict[Hashable, Image.Image] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Image.Image | None:
        with self._lock:
            if key not in self._maps:
                return None
            self._maps.move_to_end(key)
            return self._maps[key].copy()

    def put(self, key: Hashable, map: Image.Image) -> None:
        with self._lock:
            self._maps[key] = map.copy()
            self._maps.move_to_end(key)
            while sum(_size_bytes(each) for each in self._maps.values()) > self._most_bytes:
                self._maps.popitem(last=False)


def digest(image: Image.Image) -> str:
    """What tells this picture from all others."""
    sha256 = hashlib.sha256(f"{image.mode} {image.size} ".encode())  # processors help with this one
    sha256.update(image.tobytes())
    return sha256.hexdigest()


def _size_bytes(image: Image.Image) -> int:
    return image.width * image.height * len(image.getbands())
