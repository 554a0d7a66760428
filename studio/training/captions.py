"""Captions by a network that looks at the pictures: BLIP (arXiv:2201.12086), read from a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from studio.domain.errors import CheckpointError, OutOfMemory, is_out_of_memory
from studio.domain.imports import IMPORTING
from studio.domain.training import Captioned
from studio.residence.device import choose_device
from studio.residence.memory import give_back
from studio.training import dataset
from studio.training.dataset import TrainingPicture

_BEAMS, _LEAST_TOKENS, _MOST_TOKENS = 3, 5, 40
"""Beam search as in BLIP's own demonstration, and room for longer sentences."""


def wanting(folder: Path, overwrite: bool) -> list[TrainingPicture]:
    """The pictures of a folder that have no caption; `overwrite`: all. Raises as `dataset.read`."""
    found = dataset.read(folder, trigger=None)
    return [picture for picture in found.pictures if overwrite or not picture.caption]


def write(
    pictures: Sequence[TrainingPicture],
    folder: Path,
    captioner: Path,
    device: str = "auto",
    overwrite: bool = False,
) -> Iterator[Captioned]:
    """Caption `pictures`, of `folder`, each into a `.txt` beside it when the next is asked for.

    captioner  the folder of the network, which is in memory as long as this goes on
    device     as on the command line
    overwrite  whether captions may be replaced

    Raises `CheckpointError` where the network cannot be read, `InvalidRequest` for a device that is
    not there and a picture that cannot be read any more, `OutOfMemory` and `SaveError`.
    """
    if not pictures:
        return
    chosen = choose_device(device)
    try:
        network = _Blip(captioner, chosen)
        for done, picture in enumerate(pictures, 1):
            caption = None if overwrite else dataset.caption_beside(picture.path)
            if not caption:
                caption = network.caption(picture.image())
                dataset.write_captions({picture.path: caption})
            file = picture.path.relative_to(folder).as_posix()
            yield Captioned(file, caption, done, len(pictures))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(
            f"The memory of {chosen} ran out. Close other programs that use it, or caption with "
            "--device cpu."
        ) from None
    finally:
        network = None
        give_back(chosen)


class _Blip:
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
        self._network = network.eval().to(device)

    @torch.inference_mode()
    def caption(self, image: Image.Image) -> str:
        """What `image`, RGB, shows: a line without signs of the tokenizer's."""
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


def _read(kind: Any, folder: Path, **options: Any) -> Any:
    try:
        return kind.from_pretrained(folder, local_files_only=True, **options)
    except Exception as error:  # of many kinds, transformers' and safetensors' own
        if is_out_of_memory(error):
            raise
        cause = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise CheckpointError(
            f"{folder} cannot be read as a BLIP captioner: {cause}. Download it again."
        ) from None
