"""Captioners: BLIP networks (arXiv:2201.12086) that say what a picture shows, each a folder of
transformers' layout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from studio.catalog.probe_folder import read_config
from studio.domain.errors import CheckpointError, InvalidRequest, shorten

FOLDERS = ("captioners", "BLIP")
"""Where they lie in a folder of models; the latter as in AUTOMATIC1111's tree."""

_CLASS = "BlipForConditionalGeneration"


def names(roots: Iterable[Path]) -> list[str]:
    """Those that can be used in the folders of models `roots`, by name."""
    return sorted({folder.name for folder in _folders(roots) if _has_safetensors(folder)})


def find(roots: Iterable[Path], name: str | None, belongs: Path) -> Path:
    """The folder of the captioner that is called so; None: of the first. `belongs` is told as the
    folder for more. Raises `InvalidRequest` about `captioner`."""
    folders = sorted(_folders(roots), key=lambda folder: folder.name)
    found = [folder for folder in folders if name is None or folder.name == name]
    for folder in found:
        if _has_safetensors(folder):
            return folder
    if found:
        raise InvalidRequest(
            f"{found[0]} has no weights as safetensors. Those of other kinds are pickles, which "
            "can run code: download its model.safetensors, or convert them.",
            "captioner",
        )
    there = ", ".join(folder.name for folder in folders)
    what = "There is no captioner" if name is None else f"There is no captioner {shorten(name)}"
    raise InvalidRequest(
        f"{what}{f'. There are: {there}' if there else ' here'}. Put the folder of a BLIP network "
        f"({_CLASS}, as transformers keeps it, with model.safetensors) into {belongs}.",
        "captioner",
    )


def _folders(roots: Iterable[Path]) -> Iterator[Path]:
    for root in roots:
        for place in (root / name for name in FOLDERS):
            with suppress(OSError):
                yield from (folder for folder in place.iterdir() if _is_captioner(folder))


def _is_captioner(folder: Path) -> bool:
    with suppress(CheckpointError, TypeError):
        return _CLASS in read_config(folder / "config.json").get("architectures", ())
    return False


def _has_safetensors(folder: Path) -> bool:
    return any(folder.glob("*.safetensors"))
