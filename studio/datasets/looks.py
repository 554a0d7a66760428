"""Pictures that are almost the same as one before."""

from __future__ import annotations

import numpy as np
from PIL import Image

from studio.imaging import alike


class Looks:
    """Those of a dataset's pictures, as texts that its ledger keeps."""

    def __init__(self) -> None:
        self._hashes: list[int] = []
        self._colours: list[np.ndarray] = []
        self._numbers: list[int] = []

    @staticmethod
    def of(image: Image.Image) -> str:
        """What `image`, RGB, looks like."""
        thumb = alike.thumb(image)
        return f"{thumb.hash:016x}{thumb.colours.round().astype(np.uint8).tobytes().hex()}"

    def add(self, looks: str, number: int) -> None:
        thumb = _thumb(looks)
        self._hashes.append(thumb.hash)
        self._colours.append(thumb.colours)
        self._numbers.append(number)

    def like(self, looks: str) -> int | None:
        """The number of one before that is almost the same."""
        if not self._hashes:
            return None
        places = alike.like(_thumb(looks), np.array(self._hashes, np.uint64), self._colours)
        return self._numbers[places[0]] if places else None


def _thumb(looks: str) -> alike.Thumb:
    colours = np.frombuffer(bytes.fromhex(looks[16:]), np.uint8).astype(np.float32)
    return alike.Thumb(int(looks[:16], 16), colours)
