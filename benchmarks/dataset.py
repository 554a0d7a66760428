"""Trains a detector on a dataset that the studio draws, and tests it on what the studio never drew.

    python benchmarks/dataset.py [--count 3000] [--steps 1000] [--folder FOLDER]

picturebook's dataset of its fourteen objects is drawn by the dataset studio, with ControlNet,
second look and all, in the four steps of its quick LoRA. A small detector (FCOS, trained from
scratch) learns from as many of its pictures as from scenes that the world's own program draws: the
real pictures of this world, whose boxes are right by construction. Then from a tenth of these
alone, and with the generated ones. All are tested on scenes that none has seen: mAP at an overlap
of 0.5.

What is drawn stays in `--folder`: a second run goes on with it.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from pathlib import Path

import torch
from detection import detector, pictures
from detection.precision import mean_average_precision

from studio import Studio
from studio.datasets.folder import DatasetFolder
from studio.domain.errors import StudioError
from studio.picturebook.captions import article
from studio.picturebook.vocabulary import COLOURS, OBJECTS

TRAINED_FROM, TESTED_FROM = 100_000, 900_000
"""Numbers of drawn scenes, none of which picturebook was trained on."""
OFTEN = 4
"""How often each real picture comes beside the generated ones."""
ROWS = {
    "generated": "generated alone",
    "drawn": "as many drawn",
    "tenth": "a tenth of the drawn",
    "both": "a tenth of the drawn, and the generated",
}


def specification(count: int, side: int) -> dict:
    """The world's own variety: objects, colours, grounds, skies, styles, and what is behind."""
    words = "__things__, __ground__ __sky__, __style__"
    quick = "<lora:picturebook-quick:1>"
    return {
        "name": "picturebook",
        "checkpoint": "picturebook",
        "classes": {
            name: {"prompt": "{" + "|".join(f"{article(c)} {c} {name}" for c in COLOURS) + "}"}
            for name in OBJECTS
        },
        "templates": [
            {"prompt": f"{words} {quick}", "weight": 2},
            {"prompt": f"{words}, __behind__ {quick}", "weight": 1},
        ],
        "conditions": {
            "ground": ["on a meadow", "in the desert", "in the snow", "by the sea", "in a forest",
                       "in the city"],
            "sky": ["by day", "at sunset", "at dawn", "at night", "under a stormy sky"],
            "style": {"flat style": 44, "watercolor": 28, "pixel art": 28},
            "behind": ["clouds", "mountains", "rain"],
        },
        "count": count,
        "things": [1, 2],
        "negatives": 0,
        "width": side,
        "height": side,
        "steps": 4,
        "guidance_scale": 1,
        "scheduler": "LCM",
        "split": {"train": 1, "val": 0, "test": 0},
    }  # fmt: skip


def generate(folder: Path, flags: argparse.Namespace) -> dict[str, float]:
    """Draw until so many are accepted; what it took."""
    began_s, count = time.monotonic(), flags.count
    before = DatasetFolder(folder / "generated")
    if before.spec_path.is_file():
        before.load()
        count = max(count, len(before.rows))
    done = len(before.rows)
    with Studio(data_dir=folder / "data") as studio:
        while True:
            spec = specification(count, flags.side)
            last = studio.generate_dataset(spec, folder / "generated", _told, resume=True)
            accepted = last.counts["accepted"]
            if accepted >= flags.count:
                break
            count += math.ceil(1.05 * (flags.count - accepted) * count / max(1, accepted))
    after = DatasetFolder(folder / "generated")
    after.load()
    seen = [label.agreement for row in after.accepted() for label in row.labels]
    return {
        "planned": len(after.rows),
        "accepted": accepted,
        "agreement": sum(seen) / len(seen),
        "drawings": sum(row.attempts for row in after.rows.values()),
        "drawn_now": len(after.rows) - done,
        "generating_s": time.monotonic() - began_s,
    }


def _told(event) -> None:
    done = sum(event.counts.values())
    if event.row is not None and done % 100 == 0:
        left = f", {event.seconds_left:.0f} s left" if event.seconds_left else ""
        print(f"{done} of {event.spec.count} pictures{left}", file=sys.stderr, flush=True)


def measured(sets: dict, test: tuple, steps: int) -> dict[str, dict[str, float]]:
    """Each set's name -> how many pictures it has, mAP@50 of what learnt from it, and seconds."""
    rows = {}
    for name, (seen, truth) in sets.items():
        began_s = time.monotonic()

        def told(step, loss, name=name):
            if step % 100 == 0:
                print(f"{name}: {step} of {steps}, loss {loss:.3f}", file=sys.stderr, flush=True)

        model = detector.train(seen, truth, len(OBJECTS), steps, told)
        precision = mean_average_precision(detector.found(model, test[0]), pictures.boxes(test[1]))
        took_s = time.monotonic() - began_s
        rows[name] = {"pictures": len(seen), "map50": precision, "training_s": took_s}
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=3000, help="pictures of each kind")
    parser.add_argument("--test", type=int, default=500, help="drawn scenes to test on")
    parser.add_argument(
        "--steps", type=int, default=1000, help="of each training, 32 pictures each"
    )
    parser.add_argument("--side", type=int, default=256, help="of what is drawn, px")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "bench-dataset"
    )
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    flags.folder.mkdir(parents=True, exist_ok=True)
    try:
        figures = generate(flags.folder, flags)
    except StudioError as error:
        raise SystemExit(str(error)) from None
    test = pictures.drawn(flags.folder, TESTED_FROM, flags.test, flags.side)
    drawn = pictures.drawn(flags.folder, TRAINED_FROM, flags.count, flags.side)
    generated = pictures.generated(flags.folder / "generated", flags.count)
    tenth = tuple(each[: flags.count // 10] for each in drawn)
    both = tuple(
        torch.cat([*[few] * OFTEN, many]) for few, many in zip(tenth, generated, strict=True)
    )
    sets = {"generated": generated, "drawn": drawn, "tenth": tenth, "both": both}
    figures["rows"] = rows = measured(sets, test, flags.steps)
    figures["ratio"] = rows["generated"]["map50"] / rows["drawn"]["map50"]
    figures["gain_points"] = 100 * (rows["both"]["map50"] - rows["tenth"]["map50"])
    print(json.dumps(figures) if flags.json else table(figures))


def table(figures: dict) -> str:
    """The figures for people."""
    lines = [
        (
            f"{figures['accepted']} of {figures['planned']} pictures accepted, "
            f"{figures['drawings']} drawings, agreement {figures['agreement']:.3f}; "
            f"{figures['drawn_now']} of them now, in {figures['generating_s']:.0f} s"
        ),
        f"{'a detector that learnt from':<42}{'pictures':>9}{'mAP@50':>8}{'seconds':>9}",
    ]
    for name, row in figures["rows"].items():
        told = f"{row['pictures']:9}{row['map50']:8.3f}{row['training_s']:9.0f}"
        lines.append(f"{ROWS[name]:<42}{told}")
    lines.append(f"generated / drawn {figures['ratio']:.3f}")
    lines.append(f"generated ones beside a tenth: {figures['gain_points']:+.1f} points")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
