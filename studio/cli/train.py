"""`studio train`: a folder of pictures -> a LoRA or an embedding, captions for them, or a copy for
another trainer, without a server."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, get_args

from studio.cli.flags import add_flags, given
from studio.cli.progress import ProgressBar
from studio.cli.running import opened
from studio.cli.status import INTERRUPTED
from studio.cli.stopping import stopping
from studio.domain.files import as_text
from studio.domain.training import (
    Done,
    EmbeddingTraining,
    Layout,
    LoraTraining,
    Preparing,
    Remark,
    Stopped,
    Trained,
    Training,
    TrainingKind,
    Waiting,
)
from studio.settings import Settings

_SETTINGS = ("models_dir", "data_dir", "device")
_SET_SETTINGS = ("data_dir", "pictures_dir")
_LINES = 50
"""So many lines tell of a whole training where no bar can be drawn."""


def add_train(commands: Any) -> None:
    """Add `train` to `commands`."""
    train = commands.add_parser(
        "train",
        help="teach a model something new, without a server",
        description="Teach a model something new from pictures.",
        allow_abbrev=False,
    )
    kinds = train.add_subparsers(
        dest="kind", metavar="{lora,embedding,caption,export}", required=True
    )
    _add_kind(kinds, LoraTraining, "lora", "a LoRA")
    _add_kind(
        kinds, EmbeddingTraining, "embedding", "an embedding (textual inversion, arXiv:2208.01618)"
    )
    _add_caption(kinds)
    _add_export(kinds)


def _add_kind(kinds: Any, model: type[Training], kind: TrainingKind, trained: str) -> None:
    parser = kinds.add_parser(
        kind,
        help=f"train {trained} on a folder of pictures",
        description=f"Train {trained} on the pictures in a folder, each with its caption in a .txt "
        "beside it, in metadata.jsonl, or in the name of its folder (kohya's NN_words). Ctrl-C "
        "keeps what was learnt, and --resume goes on with it.",
        allow_abbrev=False,
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="the pictures")
    add_flags(parser, model, _flags(model))
    parser.add_argument(
        "--model", dest="checkpoint", metavar="NAME", help="the same as --checkpoint"
    )
    group = parser.add_argument_group("how to run")
    group.add_argument("--resume", action="store_true", help="go on where it stopped")
    group.add_argument(
        "--hours",
        metavar="FROM-UNTIL",
        help="learn between two times of the day only, as 22:00-06:00, and wait at all others with "
        "nothing in memory",
    )
    group.add_argument("--json", action="store_true", help="print one JSON object at the end")
    add_flags(group, Settings, _SETTINGS)
    parser.set_defaults(run=partial(_train, model))


def _add_caption(kinds: Any) -> None:
    parser = kinds.add_parser(
        "caption",
        help="write captions for the pictures in a folder",
        description="Look at each picture in a folder that has no caption with a captioner, the "
        "folder of a BLIP network in 'captioners' of a folder of models, and write what it shows "
        "into a .txt beside it.",
        allow_abbrev=False,
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="the pictures")
    parser.add_argument("--captioner", metavar="NAME", help="by default the first there is")
    parser.add_argument("--overwrite", action="store_true", help="replace captions that are there")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    add_flags(parser.add_argument_group("how to run"), Settings, _SETTINGS)
    parser.set_defaults(run=_caption)


def _caption(options: argparse.Namespace) -> int:
    captions = {}
    with opened(Settings.read(given(options, _SETTINGS))) as studio:
        captioning = studio.school.captioning
        for told in captioning.write(options.folder, options.captioner, options.overwrite):
            captions[as_text(told.file)] = told.caption
            if not options.json:
                print(f"{as_text(told.file)}: {told.caption}", flush=True)
    if options.json:
        print(json.dumps({"captions": captions}))
    elif not captions:
        print("All pictures have captions. --overwrite replaces them.", file=sys.stderr)
    return 0


def _add_export(kinds: Any) -> None:
    parser = kinds.add_parser(
        "export",
        help="write a set of pictures as other trainers want it",
        description="Copy the pictures in a folder, or in a set of the page's, with their captions "
        "and masks into another folder, laid out as another trainer wants it.",
        allow_abbrev=False,
    )
    parser.add_argument("pictures", metavar="FOLDER|SET", type=Path, help="the pictures")
    parser.add_argument("out", metavar="OUT", type=Path, help="a folder that is empty, or none yet")
    parser.add_argument(
        "--layout",
        choices=get_args(Layout),
        default="flat",
        help="flat: each picture with its caption in a .txt (ai-toolkit); kohya: img/NN_words and "
        "reg; metadata: captions in metadata.jsonl (Hugging Face, diffusers); default: flat",
    )
    parser.add_argument(
        "--trigger",
        metavar="WORD",
        help="put it into captions, as a training does; by default they stay as they are",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    add_flags(parser.add_argument_group("where sets are"), Settings, _SET_SETTINGS)
    parser.set_defaults(run=_export)


def _export(options: argparse.Namespace) -> int:
    with opened(Settings.read(given(options, _SET_SETTINGS))) as studio:
        how = options.layout, options.trigger
        found = studio.school.export(options.pictures, options.out, *how)
    for text in found.remarks:
        print(f"note: {text}", file=sys.stderr)
    if options.json:
        told = {"folder": as_text(options.out), "pictures": len(found.pictures)}
        print(json.dumps(told))
    else:
        print(as_text(options.out))
    return 0


def _flags(model: type[Training]) -> list[str]:
    """Its fields; which kind it is says the command."""
    return [name for name in model.model_fields if name != "kind"]


def _train(model: type[Training], options: argparse.Namespace) -> int:
    training = model.parse(given(options, _flags(model)))
    settings = Settings.read(given(options, _SETTINGS))
    last, telling, how = None, _Telling(), (options.resume, options.hours)
    with opened(settings) as studio, stopping("this step") as stop, telling:
        for event in studio.school.train(options.folder, training, *how, stop.is_set):
            telling.show(event)
            last = event
    if isinstance(last, Stopped):
        name = training.name or options.folder.resolve().name
        hours = f" --hours {options.hours}" if options.hours else ""
        print(
            f"Stopped at step {last.step}, which is kept. To go on: studio train {training.kind} "
            f"{as_text(options.folder)} --name {as_text(name)!r} --resume{hours}",
            file=sys.stderr,
        )
        return INTERRUPTED
    if options.json:
        told = {training.kind: as_text(last.path), "steps": last.steps, "loss": last.loss}
        print(json.dumps(told))
    else:
        print(as_text(last.path))
    return 0


class _Telling:
    """Events, told on stderr: a bar on a terminal, else now and then a line."""

    def __init__(self) -> None:
        self._bar = ProgressBar(sys.stderr) if sys.stderr.isatty() else None
        self._within = self._bar or nullcontext()

    def __enter__(self) -> None:
        self._within.__enter__()

    def __exit__(self, *raised: Any) -> None:
        self._within.__exit__(*raised)

    def show(self, event: object) -> None:
        match event:
            case Remark(text):
                print(f"{chr(13) if self._bar else ''}note: {text}", file=sys.stderr)
            case Waiting(until):
                print(f"{chr(13) if self._bar else ''}Waits until {until}.", file=sys.stderr)
            case Preparing(what, done, total) if self._bar:
                self._bar.show_count(what, done, total)
            case Trained(step, steps) if self._bar:
                self._bar.show_share(step / steps, _told(event))
            case Trained(step, steps):
                if step % max(1, steps // _LINES) == 0 or step == steps:
                    print(_told(event), file=sys.stderr, flush=True)
            case Done():
                pass


def _told(event: Trained) -> str:
    tested = "" if event.validation_loss is None else f" · validation {event.validation_loss:.4f}"
    left = "" if event.seconds_left is None else f" · {_clock(event.seconds_left)} left"
    return f"step {event.step}/{event.steps} · loss {event.loss:.4f}{tested}{left}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
