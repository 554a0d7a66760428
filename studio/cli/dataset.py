"""`studio dataset generate`: a specification -> a folder of pictures with labels, without a
server."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from studio.cli.flags import add_flags, given
from studio.cli.progress import ProgressBar
from studio.cli.running import opened
from studio.cli.status import INTERRUPTED
from studio.cli.stopping import stopping
from studio.datasets import spec as specs
from studio.datasets.generating import DatasetEvent
from studio.domain.files import as_text
from studio.settings import Settings

_SETTINGS = ("models_dir", "data_dir", "device")


def add_dataset(commands: Any) -> None:
    """Add `dataset` to `commands`."""
    dataset = commands.add_parser(
        "dataset",
        help="draw a dataset for a detector, without a server",
        description="Draw pictures with true labels, for whoever trains a detector.",
        allow_abbrev=False,
    )
    kinds = dataset.add_subparsers(dest="kind", metavar="{generate}", required=True)
    generate = kinds.add_parser(
        "generate",
        help="draw what a specification says",
        description="Draw the dataset that a specification (YAML) says, with its labels for YOLO "
        "and COCO. Ctrl-C keeps what is done, and --resume goes on with it, also after a crash.",
        allow_abbrev=False,
    )
    generate.add_argument("spec", metavar="SPEC", type=Path, help="the specification, a YAML file")
    generate.add_argument(
        "--out", metavar="FOLDER", type=Path, required=True, help="where it is written"
    )
    generate.add_argument("--count", metavar="N", help="so many pictures, whatever SPEC says")
    group = generate.add_argument_group("how to run")
    group.add_argument("--resume", action="store_true", help="go on with what is in FOLDER")
    group.add_argument("--json", action="store_true", help="print one JSON object at the end")
    add_flags(group, Settings, _SETTINGS)
    generate.set_defaults(run=_generate)


def _generate(options: argparse.Namespace) -> int:
    spec = specs.from_file(options.spec)
    if options.count is not None:
        spec = specs.changed(spec, count=options.count)
    settings = Settings.read(given(options, _SETTINGS))
    with opened(settings) as studio, stopping("this picture") as stop, _Telling() as telling:
        for event in studio.datasets.generate(spec, options.out, options.resume, stop.is_set):
            telling.show(event)
    counts = event.counts
    if options.json:
        print(json.dumps({"folder": as_text(options.out), **counts, "classes": event.per_class}))
    else:
        print(as_text(options.out / "dataset.yaml"))
    if counts["review"]:
        print(
            f"{counts['review']} pictures wait for review in {as_text(options.out / 'review')}.",
            file=sys.stderr,
        )
    if event.ended == "stopped":
        print(
            f"Stopped after {sum(counts.values())} of {spec.count} pictures, which are kept. To go "
            f"on: studio dataset generate {as_text(options.spec)} --out {as_text(options.out)} "
            "--resume",
            file=sys.stderr,
        )
        return INTERRUPTED
    return 0


class _Telling:
    """Events, told on stderr: a bar on a terminal, else a line for each tenth."""

    def __init__(self) -> None:
        self._bar = ProgressBar(sys.stderr) if sys.stderr.isatty() else None
        self._within = self._bar or nullcontext()

    def __enter__(self) -> _Telling:
        self._within.__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        self._within.__exit__(*raised)

    def show(self, event: DatasetEvent) -> None:
        done, total = sum(event.counts.values()), event.spec.count
        text = _told(event)
        if self._bar:
            self._bar.show_share(done / total, text)
        elif event.row is None or done % max(1, total // 10) == 0:
            print(text, file=sys.stderr, flush=True)


def _told(event: DatasetEvent) -> str:
    counts = event.counts
    classes = " · ".join(f"{name} {count}" for name, count in event.per_class.items())
    text = f"{sum(counts.values())}/{event.spec.count}"
    for status in ("review", "rejected"):
        if counts[status]:
            text += f" · {counts[status]} {status}"
    text += f" · {classes}"
    if event.seconds_left and not event.ended:
        minutes, seconds = divmod(round(event.seconds_left), 60)
        text += f" · {minutes}:{seconds:02d} left"
    return text
