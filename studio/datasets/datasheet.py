"""The README of a dataset: what is in it, how it came about, where it is uneven, what it is no good
for. After Gebru et al., Datasheets for Datasets (arXiv:1803.09010)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from studio.datasets.folder import DatasetFolder, Row
from studio.datasets.spec import SPLITS, DatasetSpec


def datasheet(folder: DatasetFolder, spec: DatasetSpec, sha256: str | None) -> str:
    """Markdown."""
    rows = folder.accepted()
    parts = [
        f"# {spec.name}",
        f"{len(rows)} pictures with {'outlines' if spec.labels == 'polygons' else 'boxes'} of "
        f"{len(spec.names)} class{'es' if len(spec.names) > 1 else ''}, drawn by Latent Studio. "
        + _made_of(spec),
        "## Use",
        _use(spec),
        "## What is in it",
        _per_split(spec, rows),
        _judged(folder, spec, rows),
        *_conditions(spec, rows),
        "## How it came about",
        _origin(spec, rows, sha256),
        "## Limits",
        _limits(spec),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _made_of(spec: DatasetSpec) -> str:
    if spec.steering == "variations":
        return "They are photos drawn over, each in other words."
    return "Things are painted into photos." if spec.photos else "All of it is synthetic."


_LABELS_FROM = {
    "silhouettes": "what steered the drawing: silhouettes in a segmentation map",
    "regions": "what steered the drawing: the regions that things were painted into",
    "variations": "the label files of the photos",
}


_ABOUT_LABELS = {
    "silhouettes": "- Outlines are those of the silhouettes that were asked for.\n",
    "regions": "- A region is where a thing was asked for, and larger than the thing itself.\n",
    "variations": "- Labels are as true as the photos' own, as far as drawing left things alone.\n",
}


def _use(spec: DatasetSpec) -> str:
    task = "yolo11n-seg.yaml" if spec.labels == "polygons" else "yolo11n.yaml"
    return (
        "```python\n"
        "from ultralytics import YOLO  # AGPL-3.0; not part of Latent Studio\n\n"
        f'model = YOLO("{task}")\n'
        'model.train(data="/path/to/this/folder/dataset.yaml", epochs=100)\n'
        "```\n\n"
        "`dataset.yaml` names the folder by nothing (`path:`), which means its own. COCO's JSON is "
        "in `annotations/`, where each picture comes from in `provenance.csv`. A picture without "
        "things has an empty label file."
    )


def _table(head: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(_cell(value) for value in row) + " |" for row in rows)


def _cell(value: object) -> str:
    return str(value).replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


def _per_split(spec: DatasetSpec, rows: Sequence[Row]) -> str:
    counts = Counter((row.split, label.name) for row in rows for label in row.labels)
    lines: list[list[object]] = []
    for name in spec.names:
        each = [counts[split, name] for split in SPLITS]
        lines.append([name, *each, sum(each)])
    empty = [sum(not row.labels and row.split == split for row in rows) for split in SPLITS]
    lines.append(["*no thing (backgrounds)*", *empty, sum(empty)])
    pictures = [sum(row.split == split for row in rows) for split in SPLITS]
    lines.append(["**pictures**", *pictures, sum(pictures)])
    return _table(["class", *SPLITS, "all"], lines)


def _judged(folder: DatasetFolder, spec: DatasetSpec, rows: Sequence[Row]) -> str:
    counts = folder.counts()
    done = max(1, sum(counts.values()))
    left_out = counts["review"] + counts["rejected"]
    seen = [label.agreement for row in rows for label in row.labels if label.agreement is not None]
    by_hand = sum(row.judged_by == "hand" for row in rows)
    drawings = sum(row.attempts for row in folder.rows.values())
    told = (
        f"Of {done} pictures {counts['accepted']} are in it, {counts['review']} wait for review "
        f"and {counts['rejected']} were rejected: {left_out / done:.1%} left out. "
        f"{drawings} drawings were made for them. {by_hand} were judged by hand."
    )
    lines = [told]
    if spec.checks.detector == "none":
        lines.append(
            "**Nobody looked at the labels a second time**: they are where things were asked for."
        )
    elif seen:
        lines.append(
            f"Labels were held against {spec.checks.detector}: their boxes overlap what it saw by "
            f"{sum(seen) / len(seen):.2f} on average (IoU), at least {spec.checks.agreement:g} "
            "unless somebody decided by hand."
        )
    return "\n\n".join(lines)


def _conditions(spec: DatasetSpec, rows: Sequence[Row]) -> list[str]:
    """How often each condition comes with each class: where it is uneven a detector learns that."""
    parts = []
    for condition in spec.conditions:
        counts: Counter[tuple[str, str]] = Counter()
        for row in rows:
            value = (row.conditions or {}).get(condition)
            if value is not None:
                counts.update(
                    (value, name) for name in {label.name for label in row.labels} or {""}
                )
        values = list(spec.conditions[condition])
        lines = [[v, *(counts[v, name] for name in spec.names), counts[v, ""]] for v in values]
        parts.append(f"Pictures by `{condition}`:")
        parts.append(_table([condition, *spec.names, "backgrounds"], lines))
    return parts


def _origin(spec: DatasetSpec, rows: Sequence[Row], sha256: str | None) -> str:
    sources = len({row.source for row in rows if row.source})
    lines = [
        f"- model: {spec.checkpoint}" + (f", sha256 `{sha256}`" if sha256 else ""),
        f"- {spec.scheduler}, {spec.steps} steps, guidance scale {spec.guidance_scale:g}",
        f"- planned by the seed {spec.seed}",
        f"- labels come from {_LABELS_FROM[spec.steering]}",
        "- no seed and no photo, nor photos that look alike, is in two splits",
        "- pictures that look almost the same were drawn anew, or left out",
    ]
    if sources:
        lines.append(f"- {sources} photos; whose they are, and what they allow, is for you to say")
    if spec.license:
        lines.append(f"- licence note: {spec.license}")
    return "\n".join(lines)


def _limits(spec: DatasetSpec) -> str:
    return (
        "- What the model cannot draw, or draws always alike, is missing: test on real pictures.\n"
        "- A second look errs too; both may miss the same.\n"
        + _ABOUT_LABELS[spec.steering]
        + "- Unless that was switched off the pictures carry the studio's invisible mark, which a "
        "detector could take for a sign of being synthetic."
    )
