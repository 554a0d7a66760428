"""How long changing the checkpoint takes: ours beside the bare copying or reading of the same
bytes, and beside diffusers, in one run. Random weights of Stable Diffusion 1.5's size."""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
from pathlib import Path

import torch
from common import drawing, pairs
from diffusers import StableDiffusionPipeline

from studio.catalog.catalog import Catalog
from studio.domain.refs import Selection
from studio.families.stable_diffusion.export import export_checkpoint
from studio.residence import device as devices
from studio.residence.manager import ModelManager

DTYPE = "bfloat16"
"""As the files are: what is measured is the way from disk to modules, not a conversion."""

ROWS = {
    "warm": "warm swap / copy of a U-Net's bytes",
    "read": "cold swap / reading the file",
    "diffusers": "cold swap / diffusers",
}


def main() -> None:
    options = _options()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), options)
    report = {
        "device": devices.describe(devices.choose_device(options.device)),
        "dtype": DTYPE,
        "torch": torch.__version__,
        "repeats": options.repeats,
        "rows": rows,
    }
    head = f"{report['device']} · {DTYPE} · torch {torch.__version__} · {options.repeats} repeats"
    print(json.dumps(report) if options.json else pairs.table(head, rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=("picturebook", "sd15"), default="sd15")
    parser.add_argument("--row", choices=ROWS, help="only this one")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measure(folder: Path, options: argparse.Namespace) -> list[dict]:
    """Rows of `pairs.table`. The same weights twice, as a folder and as a single file: two
    checkpoints to swap between."""
    ref = drawing.checkpoint(options.model, folder)
    export_checkpoint(ref, folder / "file.safetensors", torch.bfloat16)
    pair = [Selection(ref), Selection(Catalog([folder]).find("file"))]
    return [row for selection in pair for row in _swaps(selection, pair, options)]


def _swaps(selection: Selection, pair: list[Selection], options: argparse.Namespace) -> list[dict]:
    """Swaps to `selection`; `pair` has it and the other one."""
    other = next(one for one in pair if one != selection)
    manager = ModelManager(options.device, DTYPE)

    def warm() -> float:
        _lease(manager, selection)
        _lease(manager, other)
        return pairs.seconds(lambda: _lease(manager, selection))

    def cold() -> float:
        manager.release()
        return pairs.seconds(lambda: _lease(manager, selection))

    def copy() -> float:
        """A plain copy of a U-Net's bytes to the device, into memory that is there already."""
        with manager.lease(selection) as held:
            target = [p.data for p in held.backbone.parameters()]
        source = [torch.empty_like(t, device="cpu").fill_(0) for t in target]
        target = [t.clone() for t in target]
        return pairs.seconds(lambda: torch._foreach_copy_(target, source))

    def read() -> float:
        return pairs.seconds(lambda: _read_all(selection.checkpoint.path))

    def diffusers() -> float:
        manager.release()
        return pairs.seconds(lambda: _diffusers(selection, pair[0].checkpoint.path, manager))

    table = {"warm": (warm, copy), "read": (cold, read), "diffusers": (cold, diffusers)}
    return [
        {
            "name": f"{selection.checkpoint.name}: {ROWS[row]}",
            **pairs.compare(ours, baseline, options.repeats),
        }
        for row, (ours, baseline) in table.items()
        if options.row in (None, row)
    ]


def _lease(manager: ModelManager, selection: Selection) -> None:
    with manager.lease(selection):
        pass
    _wait(manager.device)


def _read_all(path: Path) -> list[bytearray]:
    """Every weight file's bytes into fresh memory: the least that a cold swap can cost."""
    files = [path] if path.is_file() else sorted(path.rglob("*.safetensors"))
    contents = []
    for file in files:
        space = bytearray(file.stat().st_size)
        with file.open("rb", buffering=0) as stream:
            view = memoryview(space)
            while view:
                view = view[stream.readinto(view) :]
        contents.append(space)
    return contents


def _diffusers(selection: Selection, config: Path, manager: ModelManager) -> None:
    ref = selection.checkpoint
    options = {"dtype": manager.dtype, "safety_checker": None}
    if ref.path.is_dir():
        pipeline = StableDiffusionPipeline.from_pretrained(
            ref.path, requires_safety_checker=False, **options
        )
    else:
        pipeline = StableDiffusionPipeline.from_single_file(
            str(ref.path), config=str(config), **options
        )
    pipeline.to(manager.device)
    if manager.device.type == "cpu":  # what it maps is not read yet
        for module in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
            for parameter in module.parameters():
                parameter.data = parameter.data.clone()
    _wait(manager.device)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
