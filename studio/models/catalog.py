"""What checkpoints there are: found by looking at folders, recognised by their contents, no torch.

For now these are folders in diffusers layout with safetensors weights. A folder that looks like a
checkpoint but cannot be used is kept with the reason, so that nobody has to wonder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from studio.domain.errors import CheckpointError, UnknownCheckpoint, UnknownModel
from studio.domain.family import PICTUREBOOK, SD1, SD2, ModelFamily
from studio.domain.refs import ModelRef

MAX_DEPTH = 5
_PARTS = {
    "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
    "text_encoder": ("CLIPTextModel",),
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL",),
    "scheduler": None,
}
"""What a checkpoint consists of and the classes we can run; None: any."""

_FAMILY_OF_TEXT_WIDTH = {768: SD1, 1024: SD2}
"""In-width of the U-Net's cross attention -> family; any narrower model is a picturebook."""


class Catalog:
    """The checkpoints below some folders. The first folder is the embedded one."""

    def __init__(self, folders: Sequence[Path], data_dir: Path | None = None) -> None:
        self._folders = (*folders, *([data_dir / "models"] if data_dir else []))
        self._refs: dict[str, ModelRef] = {}
        self.broken: dict[Path, str] = {}
        self.refresh()

    def refresh(self) -> None:
        """Look again: new folders appear, deleted ones vanish."""
        refs: dict[str, ModelRef] = {}
        broken: dict[Path, str] = {}
        for folder in self._folders:
            for path in _diffusers_folders(folder):
                try:
                    ref = inspect(path)
                except CheckpointError as error:
                    broken[path] = str(error)
                    continue
                name = _unused(ref.name, refs)
                refs[name] = replace(ref, name=name)
        self._refs, self.broken = refs, broken

    def refs(self, kind: str = "checkpoint") -> list[ModelRef]:
        """All usable models of a kind, the embedded ones first."""
        return [ref for ref in self._refs.values() if ref.kind == kind]

    def find(self, name: str | None, kind: str = "checkpoint") -> ModelRef:
        """By name; None is the first. Raises `UnknownCheckpoint`, and for other kinds
        `UnknownModel`, with the names there are."""
        refs = self.refs(kind)
        for ref in refs:
            if name in (None, ref.name):
                return ref
        known = ", ".join(ref.name for ref in refs)
        known = known or "none; start the studio with --models-dir FOLDER"
        error = UnknownCheckpoint if kind == "checkpoint" else UnknownModel
        raise error(f"{kind}: {name!r} is unknown. There are: {known}.")


def inspect(path: Path) -> ModelRef:
    """What the diffusers folder `path` holds. Raises `CheckpointError` if we cannot run it."""
    index = _json(path / "model_index.json")
    for part, classes in _PARTS.items():
        library, cls = (index.get(part) or [None, None])[:2]
        if cls is None:
            raise CheckpointError(f"{path.name} has no {part}. Add the missing folder.")
        if library not in ("diffusers", "transformers") or (classes and cls not in classes):
            raise CheckpointError(f"{path.name}: a {part} of class {cls} cannot be run here.")
    unet = _json(path / "unet" / "config.json")
    if unet.get("in_channels") != 4:
        channels = unet.get("in_channels")
        raise CheckpointError(
            f"{path.name} is not a text-to-image model: its U-Net takes {channels} channels."
        )
    scheduler = _json(path / "scheduler" / "scheduler_config.json")
    return ModelRef(
        name=path.name,
        kind="checkpoint",
        path=path,
        family=_family(path, unet),
        prediction_type=scheduler.get("prediction_type", "epsilon"),
    )


def _family(path: Path, unet: dict) -> ModelFamily:
    width = unet.get("cross_attention_dim")
    if not isinstance(width, int):
        raise CheckpointError(f"{path.name}: its U-Net takes no text, so it cannot be prompted.")
    if width < min(_FAMILY_OF_TEXT_WIDTH):
        return PICTUREBOOK
    if width not in _FAMILY_OF_TEXT_WIDTH:
        raise CheckpointError(
            f"{path.name} is of a family that is not known here (text width {width})."
        )
    return _FAMILY_OF_TEXT_WIDTH[width]


def _diffusers_folders(folder: Path) -> Iterator[Path]:
    """Folders with a model_index.json, `folder` itself included, in alphabetical order."""
    for root, names, files in os.walk(folder):
        path = Path(root)
        if "model_index.json" in files:
            names.clear()
            yield path
        elif len(path.relative_to(folder).parts) >= MAX_DEPTH:
            names.clear()
        names.sort()


def _json(path: Path) -> dict:
    try:
        found = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged: {error}.") from None
    if not isinstance(found, dict):
        raise CheckpointError(f"{path} is damaged: it holds no JSON object.")
    return found


def _unused(name: str, taken: dict[str, ModelRef]) -> str:
    """`name`, or `name (2)`, … where two folders are called alike."""
    unused, count = name, 1
    while unused in taken:
        count += 1
        unused = f"{name} ({count})"
    return unused
