"""Captions by a network that looks at the pictures: BLIP (arXiv:2201.12086), read from a folder."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors import SafetensorError, safe_open

from studio.domain.errors import CheckpointError, OutOfMemory, is_out_of_memory
from studio.domain.imports import IMPORTING
from studio.residence.networks import Wanted
from studio.training import dataset
from studio.training.dataset import TrainingPicture

_BEAMS, _LEAST_TOKENS, _MOST_TOKENS = 3, 5, 40
"""Beam search as in BLIP's own demonstration, and room for longer sentences."""


def wanting(folder: Path, overwrite: bool) -> list[TrainingPicture]:
    """The pictures of a folder that have no caption; `overwrite`: all. Raises as `dataset.read`."""
    found = dataset.read(folder, trigger=None)
    return [picture for picture in found.pictures if overwrite or not picture.caption]


def captioner(folder: Path) -> Wanted[Blip]:
    """The network in `folder`, to be lent. Raises `CheckpointError` where it cannot be read."""
    numbers = 0
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, "pt") as weights:
                shapes = [weights.get_slice(key).get_shape() for key in weights.keys()]  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise _unreadable(folder, error) from None
        numbers += sum(map(math.prod, shapes))
    size_bytes = numbers * torch.float32.itemsize
    return Wanted(("captioner", folder), folder.name, size_bytes, partial(Blip, folder))


def write(picture: TrainingPicture, network: Blip, overwrite: bool = False) -> str:
    """The caption of `picture`, which is written into a `.txt` beside it; without `overwrite` one
    that somebody has written meanwhile stays.

    Raises `InvalidRequest` for a picture that cannot be read any more, `OutOfMemory` and
    `SaveError`.
    """
    caption = None if overwrite else dataset.caption_beside(picture.path)
    if not caption:
        caption = network.caption(picture.image())
        dataset.write_captions({picture.path: caption})
    return caption


class Blip:
    """In float32, on `device`. Raises `CheckpointError` where `folder` is not whole; nothing is
    ever downloaded."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        with IMPORTING:
            from transformers import (
                BertTokenizer,
                BlipForConditionalGeneration,
                BlipImageProcessorPil,
            )

        self._device = device
        self._processor = _read(BlipImageProcessorPil, folder)
        self._tokenizer = _read(BertTokenizer, folder)
        network, report = _read(
            BlipForConditionalGeneration,
            folder,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
        if lacks := sorted(report["missing_keys"]):
            raise CheckpointError(f"{folder} lacks weights, as {lacks[0]}. Download it again.")
        with _told_of_memory(device):
            self._network = network.eval().to(device)

    @property
    def size_bytes(self) -> int:
        """Of its weights."""
        return sum(tensor.nbytes for tensor in self._network.state_dict().values())

    @torch.inference_mode()
    def caption(self, image: Image.Image) -> str:
        """What `image`, RGB, shows: a line without signs of the tokenizer's. Raises
        `OutOfMemory`."""
        with _told_of_memory(self._device):
            pixels = self._processor(image, return_tensors="pt")["pixel_values"].to(self._device)
            tokens = self._network.generate(
                pixels,
                num_beams=_BEAMS,
                min_length=_LEAST_TOKENS,
                max_new_tokens=_MOST_TOKENS,
                do_sample=False,
            )
        # The first stands for the beginning, and is none of the tokenizer's.
        return " ".join(self._tokenizer.decode(tokens[0, 1:], skip_special_tokens=True).split())


@contextmanager
def _told_of_memory(device: torch.device) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(
            f"The memory of {device} ran out. Close other programs that use it, or caption with "
            "--device cpu."
        ) from None


def _read(kind: Any, folder: Path, **options: Any) -> Any:
    try:
        return kind.from_pretrained(folder, local_files_only=True, **options)
    except Exception as error:  # of many kinds, transformers' and safetensors' own
        if is_out_of_memory(error):
            raise
        raise _unreadable(folder, error) from None


def _unreadable(folder: Path, error: Exception) -> CheckpointError:
    cause = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
    return CheckpointError(
        f"{folder} cannot be read as a BLIP captioner: {cause}. Download it again."
    )
