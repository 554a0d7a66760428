"""What benchmarks share that draw: their flags, the checkpoint they draw with, and their report."""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from common import models, pairs
from studio.catalog.catalog import Catalog
from studio.domain.events import Finished
from studio.domain.refs import ModelRef, Selection
from studio.domain.request import GenerationRequest
from studio.engine.protocol import WantsPreview, ended, never
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.residence import device as devices
from studio.residence.manager import ModelManager
from studio.weights.loader import Models

Work = Callable[[], None]


def compare(
    doc: str,
    rows: Mapping[str, str],
    make: Callable[..., dict[str, tuple[Work, Work]]],
    has_sides: bool = False,
    more: Callable[..., dict[str, dict[str, float]]] | None = None,
) -> None:
    """A whole benchmark: flags, models and report. `make(selection, manager, flags)` gives, by the
    names of `rows`, what is compared: ours and the baseline; `more`, given the same, what else is
    told of a row, by name."""
    flags = options(doc, rows, has_sides)
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        selection = Selection(checkpoint(flags.model, Path(folder)))
        manager = ModelManager(flags.device, flags.dtype)
        made = make(selection, manager, flags)
        told = more(selection, manager, flags) if more else {}
        report(flags, manager, rows, made, told)


def options(doc: str, rows: Mapping[str, str], has_sides: bool = False) -> argparse.Namespace:
    """The flags of a benchmark whose `rows` are name -> what is compared."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--model", choices=("picturebook", "sd15"), default="picturebook")
    parser.add_argument("--steps", type=int, help="default: 20, or 3 for sd15 on a CPU")
    parser.add_argument("--repeats", type=int, help="default: 9, or 3 for sd15 on a CPU")
    if has_sides:
        parser.add_argument("--side", type=int, help="of a picture, px; default: the model's own")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--warmup", type=int, default=1, help="runs before the counted ones")
    parser.add_argument("--row", choices=rows, help="only this one")
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    slow = flags.model == "sd15" and devices.choose_device(flags.device).type == "cpu"
    flags.steps = flags.steps or (3 if slow else 20)
    flags.repeats = flags.repeats or (3 if slow else 9)
    return flags


def checkpoint(model: str, folder: Path) -> ModelRef:
    """picturebook, or "sd15": random weights of Stable Diffusion 1.5's size, put into `folder`."""
    if model == "picturebook":
        return models.embedded()
    models.write_sd15(folder / "sd15-random")
    return Catalog([folder]).find("sd15-random")


def pipeline(kind: Any, held: Models, scheduler: Any, **more: Any) -> Any:
    """diffusers' pipeline of that kind, with the modules that our engine draws with, and `more`."""
    # Our modules know no size of their own, which some pipelines ask for.
    held.backbone.register_to_config(sample_size=64)
    made = kind(
        vae=held.vae,
        text_encoder=held.text_encoders[0],
        tokenizer=held.tokenizers[0],
        unet=held.backbone,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        **more,
    )
    made.set_progress_bar_config(disable=True)
    return made


def run(
    engine: StableDiffusionEngine, request: GenerationRequest, wants_preview: WantsPreview = never
) -> None:
    """All of a run that must succeed."""
    last = ended(engine, request, wants_preview)
    assert isinstance(last, Finished), last


def report(
    flags: argparse.Namespace,
    manager: ModelManager,
    names: Mapping[str, str],
    pairs_of: Mapping[str, tuple[Work, Work]],
    more: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
) -> None:
    """Time each pair of (ours, baseline) and print the table, or JSON, with what `more` tells of
    each."""
    rows = []
    for name, (ours, baseline) in pairs_of.items():
        if flags.row in (None, name):
            one, other = (partial(pairs.seconds, draw) for draw in (ours, baseline))
            times = pairs.compare(one, other, flags.repeats, flags.warmup)
            rows.append({"name": names[name], **times, **more.get(name, {})})
    if not rows:
        raise SystemExit(f"Row {flags.row} compares a thing with itself here; choose another.")
    result = {
        "model": flags.model,
        "device": devices.describe(manager.device),
        "dtype": str(manager.dtype).removeprefix("torch."),
        "torch": torch.__version__,
        "steps": flags.steps,
        "repeats": flags.repeats,
        "rows": rows,
    }
    head = f"{result['model']} · {result['device']} · {result['dtype']} · torch {result['torch']}"
    head += f" · {result['steps']} steps · {result['repeats']} repeats"
    print(json.dumps(result) if flags.json else pairs.table(head, rows))
