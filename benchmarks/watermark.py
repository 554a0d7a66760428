"""How the invisible mark does: seen by nobody, read after changes, never read where none is.

    studio bench watermark [--count 100] [--side 512] [--drawn 8] [--json]

Most pictures are scenes that picturebook's world draws by itself, at `--side`, since a model takes
long; `--drawn` are the model's own, at 256 pixels, in the four steps of its quick LoRA. All are
marked, each with an id of its own, and read again as they are and after each change. A reading
counts where it says the same id.

What is said of pictures without a mark rests on the score of the pilot where it is clearest. The
largest of many chances follows a Gumbel distribution, whose scale and place are fitted to the
scores by their moments (Gumbel, 1958):

    beta = spread * sqrt(6) / pi    mu = mean - 0.5772 * beta
    P(score >= s) = 1 - exp(-exp(-(s - mu) / beta))

Somebody reads a mark that is not there where the score is high enough and, in addition, version and
checksum, 20 bits, fit by chance, in any of the words that are tried at the five scales around it:

    P(false) = P(score >= threshold) * 5 * 2 ** -20

The agreement that is asked for too makes it rarer still, and is left out. Of scenes and noise, the
worse counts.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from studio import GenerationRequest, Studio
from studio.domain.errors import StudioError
from studio.picturebook.world import Scene
from studio.provenance import code, watermark

FIRST = 700_000
"""Number of the first drawn scene."""
MODELS_SIDE = 256
_EULER = 0.5772


def jpeg(image: Image.Image, _: np.random.Generator) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=75)
    return Image.open(buffer).convert("RGB")


def resized(by: float) -> Callable[[Image.Image, np.random.Generator], Image.Image]:
    return lambda image, _: image.resize((round(image.width * by), round(image.height * by)))


def cut(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """60 % of each side, anywhere."""
    size = round(image.width * 0.6), round(image.height * 0.6)
    left = int(rng.integers(image.width - size[0] + 1))
    top = int(rng.integers(image.height - size[1] + 1))
    return image.crop((left, top, left + size[0], top + size[1]))


def brightness(by: float) -> Callable[[Image.Image, np.random.Generator], Image.Image]:
    return lambda image, _: image.point(lambda value: min(255, round(value * by)))


CHANGES = {
    "none": lambda image, _: image,
    "JPEG at 75": jpeg,
    "resized by 0.5": resized(0.5),
    "resized by 0.75": resized(0.75),
    "resized by 2": resized(2),
    "cut to 60 % of each side": cut,
    "brightness - 10 %": brightness(0.9),
    "brightness + 10 %": brightness(1.1),
}


def scenes(count: int, side: int) -> Iterator[Image.Image]:
    """Of picturebook's world, drawn without a model."""
    for number in range(FIRST, FIRST + count):
        yield Scene.random(np.random.default_rng(number)).draw((side, side))


def noise(count: int, side: int) -> Iterator[Image.Image]:
    """Every value of every pixel by chance."""
    for number in range(FIRST, FIRST + count):
        rng = np.random.default_rng(number)
        yield Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8))


def models_own(count: int) -> list[Image.Image]:
    """What picturebook draws, unmarked. Raises `StudioError`."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Studio(data_dir=Path(folder), watermark="off", credentials="off") as studio,
    ):
        drawn = []
        for number in range(FIRST, FIRST + count):
            words = Scene.random(rng := np.random.default_rng(number)).caption(rng)
            request = GenerationRequest(
                prompt=f"{words} <lora:picturebook-quick:1>",
                seed=number,
                width=MODELS_SIDE,
                height=MODELS_SIDE,
                steps=4,
                guidance_scale=1,
                scheduler="LCM",
            )
            drawn += studio.generate(request)
        return [picture.image.convert("RGB") for picture in drawn]


def psnr(one: Image.Image, other: Image.Image) -> float:
    """In decibels."""
    error = np.mean((np.asarray(one, float) - np.asarray(other, float)) ** 2)
    return 10 * math.log10(255**2 / error) if error else math.inf


def kept(pictures: Iterator[Image.Image] | list[Image.Image]) -> dict:
    """Marks all of `pictures`: least and median PSNR, and of each change how many are read."""
    likeness, reads = [], dict.fromkeys(CHANGES, 0)
    for number, picture in enumerate(pictures):
        rng = np.random.default_rng(number)
        id = int(rng.integers(1 << code.ID_BITS))
        marked = watermark.marked(picture, id)
        likeness.append(psnr(picture, marked))
        for name, change in CHANGES.items():
            reads[name] += watermark.read(change(marked, rng)).id == id
    return {
        "pictures": len(likeness),
        "psnr_least_db": min(likeness),
        "psnr_median_db": float(np.median(likeness)),
        "read": reads,
    }


def chance(pictures: Iterator[Image.Image]) -> dict:
    """What is heard in pictures without a mark, and how often one would be read in error."""
    found = [watermark.read(picture) for picture in pictures]
    scores = [mark.score for mark in found]
    tail = gumbel_tail(scores, watermark.LEAST_SCORE)
    return {
        "pictures": len(found),
        "read": sum(mark.id is not None for mark in found),
        "score_median": float(np.median(scores)),
        "score_99": float(np.quantile(scores, 0.99)),
        "score_most": max(scores),
        "tail": tail,
        "false_positives": min(1.0, tail * watermark.NEAR * 2.0**-code.CHECKED_BITS),
    }


def gumbel_tail(scores: Sequence[float], least: float) -> float:
    """The chance of a score of `least` or more, by a Gumbel distribution with the mean and the
    spread of `scores`, at least two different ones."""
    beta = float(np.std(scores, ddof=1)) * math.sqrt(6) / math.pi
    mu = float(np.mean(scores)) - _EULER * beta
    return -math.expm1(-math.exp(-(least - mu) / beta))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100, help="scenes, and pictures of noise")
    parser.add_argument("--side", type=int, default=512, help="of these, px")
    parser.add_argument("--drawn", type=int, default=8, help="pictures that the model draws")
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    if flags.count < 2 or flags.side < 2 * watermark.SMALLEST or flags.drawn < 0:
        raise SystemExit(
            f"--count of 2 or more, --side of {2 * watermark.SMALLEST} or more and --drawn of 0 or "
            "more are needed: less tells nothing."
        )
    count, side = flags.count, flags.side
    marked = {f"scenes, {side} px": kept(scenes(count, side))}
    if flags.drawn:
        try:
            marked[f"picturebook's, {MODELS_SIDE} px"] = kept(models_own(flags.drawn))
        except StudioError as error:
            raise SystemExit(str(error)) from None
    bare = {"scenes": chance(scenes(count, side)), "noise": chance(noise(count, side))}
    worst = max(row["false_positives"] for row in bare.values())
    figures = {"marked": marked, "unmarked": bare, "false_positives": worst}
    print(json.dumps(figures) if flags.json else table(figures))


def table(figures: dict) -> str:
    """The figures for people."""
    lines = []
    for name, row in figures["marked"].items():
        lines.append(
            f"{row['pictures']} marked {name}: PSNR least {row['psnr_least_db']:.1f} dB, "
            f"median {row['psnr_median_db']:.1f} dB"
        )
        for change, reads in row["read"].items():
            lines.append(f"  read after {change:<26}{reads:5} of {row['pictures']}")
    head = "without a mark    read  score: median   99 %   most   P(>= threshold)  false"
    lines.append(head)
    for name, row in figures["unmarked"].items():
        lines.append(
            f"{row['pictures']:5} {name:<12}{row['read']:4}{row['score_median']:15.2f}"
            f"{row['score_99']:7.2f}{row['score_most']:7.2f}{row['tail']:18.1e}"
            f"{row['false_positives']:7.0e}"
        )
    lines.append(f"false positives: {figures['false_positives']:.0e} of pictures")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
