"""What is done, as others read it: YOLO's folder, COCO's JSON, a table of where each picture comes
from."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import yaml

from studio.datasets.folder import DatasetFolder, Row, write
from studio.datasets.spec import SPLITS, DatasetSpec
from studio.domain.geometry import Size
from studio.imaging import outlines

_COLUMNS = (
    "file", "split", "classes", "prompt", "negative_prompt", "seed", "steps", "scheduler",
    "guidance_scale", "checkpoint", "checkpoint_sha256", "source", "agreement", "judged_by",
    "attempts", "license",
)  # fmt: skip


def yolo_label(spec: DatasetSpec, row: Row) -> str:
    """A line for each thing: the class's number, then the box as cx cy w h, or the outline as
    x1 y1 x2 y2 …, all as shares of the sides. Empty for a picture that shows none."""
    lines = []
    for label in row.labels:
        if spec.labels == "polygons":
            numbers = _shares(label.outline(), row.size)
        else:
            left, top, right, bottom = _shares(label.box, row.size)
            numbers = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
        told = " ".join(f"{number:.6f}" for number in numbers)
        lines.append(f"{spec.names.index(label.name)} {told}\n")
    return "".join(lines)


def _shares(numbers: Sequence[int], size: Size) -> list[float]:
    return [min(1.0, max(0.0, number / size[k % 2])) for k, number in enumerate(numbers)]


def yolo_table(spec: DatasetSpec) -> str:
    """`dataset.yaml`. `path` is empty, which means the folder that the file lies in: a folder that
    is moved, or unpacked elsewhere, stays right."""
    folders = {split: f"images/{split}" for split in SPLITS}
    names = dict(enumerate(spec.names))
    told = yaml.safe_dump(folders | {"names": names}, sort_keys=False, allow_unicode=True)
    return f"path:  # the folder of this file\n{told}"


def coco(spec: DatasetSpec, rows: Sequence[Row], license: str) -> dict[str, Any]:
    """COCO's object detection format; categories count from 1. Files are named from the dataset's
    folder."""
    categories = [{"id": n, "name": name} for n, name in enumerate(spec.names, 1)]
    images, annotations = [], []
    for row in rows:
        width, height = row.size
        file = f"images/{row.split}/{row.name}"
        images.append({"id": row.number + 1, "file_name": file, "width": width, "height": height})
        for label in row.labels:
            box = label.box
            outline = label.outline()
            points = list(zip(outline[::2], outline[1::2], strict=True))
            annotations.append({
                "id": len(annotations) + 1,
                "image_id": row.number + 1,
                "category_id": spec.names.index(label.name) + 1,
                "bbox": [box.left, box.top, *box.size],
                "area": outlines.area(points),
                "segmentation": [list(outline)],
                "iscrowd": 0,
            })  # fmt: skip
    return {
        "info": {"description": spec.name, "version": "1"},
        "licenses": [{"id": 1, "name": license, "url": ""}] if license else [],
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }


def provenance(spec: DatasetSpec, rows: Sequence[Row], sha256: str | None) -> str:
    """A line for each picture: what it was drawn by, and how its labels were judged."""
    text = io.StringIO()
    table = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    table.writeheader()
    for row in rows:
        table.writerow({
            "file": f"images/{row.split}/{row.name}",
            "split": row.split,
            "classes": "; ".join(label.name for label in row.labels),
            "prompt": row.prompt,
            "negative_prompt": spec.negative_prompt,
            "seed": row.seed,
            "steps": spec.steps,
            "scheduler": spec.scheduler,
            "guidance_scale": spec.guidance_scale,
            "checkpoint": spec.checkpoint,
            "checkpoint_sha256": sha256 or "",
            "source": row.source or "",
            "agreement": "" if row.agreement is None else f"{row.agreement:.3f}",
            "judged_by": row.judged_by,
            "attempts": row.attempts,
            "license": spec.license,
        })  # fmt: skip
    return text.getvalue()


def write_all(folder: DatasetFolder, spec: DatasetSpec, sha256: str | None, datasheet: str) -> None:
    """All files that follow from what is done, each written whole. Raises OSError."""
    rows = folder.accepted()
    for split in SPLITS:
        of_split = [row for row in rows if row.split == split]
        told = json.dumps(coco(spec, of_split, spec.license), ensure_ascii=False)
        write(folder.path / "annotations" / f"instances_{split}.json", told.encode())
    write(folder.path / "provenance.csv", provenance(spec, rows, sha256).encode())
    write(folder.path / "README.md", datasheet.encode())
    write(folder.path / "dataset.yaml", yolo_table(spec).encode())
