"""The pictures of docs/how-it-works.md: `python -m benchmarks.how_it_works` draws them anew, with
the embedded model and the same seeds, into docs/images/how-it-works."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from studio import Studio
from studio.learning.shown import Sheet

FOLDER = Path(__file__).parent.parent / "docs" / "images" / "how-it-works"
PAGES = ("noise-in", "noise-out", "latent-space", "words", "training", "steering")
_SIDE = 128
_GAP = 4


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Studio(data_dir=Path(folder)) as studio:
        for page in PAGES:
            save(page, studio.learn(page))


def save(page: str, shown) -> None:  # noqa: ANN001 - one of `studio.learning.shown`
    """What a page showed, as its picture."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{page}.webp"
    rows(*_ROWS[page](shown)).save(path, "WEBP", quality=80)
    print(path, path.stat().st_size, "bytes")


def rows(*of: Sequence[Image.Image]) -> Image.Image:
    """Rows of pictures, each brought to one size, on white."""
    step = _SIDE + _GAP
    width = max(map(len, of)) * step - _GAP
    sheet = Image.new("RGB", (width, len(of) * step - _GAP), "white")
    for number, row in enumerate(of):
        for place, picture in enumerate(row):
            resample = Image.Resampling.NEAREST if picture.width < _SIDE else None
            at = place * step, number * step
            sheet.paste(picture.convert("RGB").resize((_SIDE, _SIDE), resample), at)
    return sheet


def some(sheet: Sheet, count: int = 6) -> list[Image.Image]:
    """So many of a sheet, evenly from the first to the last."""
    return [sheet.picture(round(at)) for at in np.linspace(0, sheet.count - 1, count)]


def gray(values: np.ndarray, low: float, high: float) -> Image.Image:
    """Numbers (h, w) as grays."""
    levels = (values - low) / max(high - low, 1e-9) * 255
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8))


def _noise_out(shown) -> list[list[Image.Image]]:  # noqa: ANN001
    latents = shown.latents.array()[:, 0]
    chosen = [round(at) for at in np.linspace(0, len(latents) - 2, 6)]
    return [[gray(latents[each], -3, 3) for each in chosen], some(shown.estimates)]


def _words(shown) -> list[list[Image.Image]]:  # noqa: ANN001
    maps = shown.attention.array().mean(0)[:6]
    return [
        [gray(each, 0, float(each.max())) for each in maps],
        [one.picture(0) for one in (shown.without_negative, shown.with_negative)],
    ]


def _steering(shown) -> list[list[Image.Image]]:  # noqa: ANN001
    return [
        [shown.picture.picture(0), *some(shown.begun, 4)],
        [shown.picture.picture(0), *some(shown.drawn, 4)],
        [
            one.picture(0)
            for one in (shown.mask, shown.inpainted, shown.map, shown.led, shown.unled)
        ],
    ]


_ROWS = {
    "noise-in": lambda shown: [some(shown.closed), some(shown.walked)],
    "noise-out": _noise_out,
    "latent-space": lambda shown: [
        [one.picture(0) for one in (shown.there, shown.back, shown.differences)],
        some(shown.walked, 5),
        some(shown.seeds, 5),
    ],
    "words": _words,
    "training": lambda shown: [[shown.picture.picture(0)]],
    "steering": _steering,
}


if __name__ == "__main__":
    main()
