"""Tokenizers: a folder's own, or that of CLIP, whose vocabulary comes with open_clip_torch."""

from __future__ import annotations

import gzip
import hashlib
import os
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from transformers import CLIPTokenizer

from studio.domain.errors import CheckpointError
from studio.domain.files import read_file
from studio.families.stable_diffusion.prompt_encoder import END_OF_TEXT

START_OF_TEXT = "<|startoftext|>"
_MAX_FILE_BYTES = 64 * 2**20
_MERGES = 49152 - 256 - 2
_PLAIN_BYTES = (*range(33, 127), *range(161, 173), *range(174, 256))
"""Bytes that stand for themselves in a vocabulary of bytes; the others are lifted above 255."""


def from_folder(folder: Path) -> Any:
    """The CLIPTokenizer in `folder`. Folders with the same files share one. Raises
    `CheckpointError`."""
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix in (".json", ".txt"))
        digest = hashlib.sha256()
        for path in files:
            digest.update(os.fsencode(path.name) + b"\0" + read_file(path, _MAX_FILE_BYTES))
        return _from_folder(digest.hexdigest(), folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise CheckpointError(f"its {folder.name} cannot be loaded ({first})") from error


_kept: dict[str, Any] = {}
_MOST_KEPT = 16


def _from_folder(digest: str, folder: Path) -> Any:
    """Reading a full vocabulary takes a fifth of a second, which a swap should not pay twice."""
    if digest not in _kept:
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[digest] = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    return _kept[digest]


def from_text(tokenizer_json: str, pad_token: str) -> Any:
    """From the text of a tokenizer.json, as a single file may carry it. Raises
    `CheckpointError`."""
    try:
        backend = Tokenizer.from_str(tokenizer_json)
    except Exception as error:
        raise CheckpointError(f"its vocabulary is damaged ({str(error)[:200]})") from None
    return CLIPTokenizer(
        tokenizer_object=backend,
        bos_token=START_OF_TEXT,
        eos_token=END_OF_TEXT,
        unk_token=END_OF_TEXT,
        pad_token=pad_token,
        model_max_length=77,
    )


@lru_cache(maxsize=4)
def clip(pad_token: str = END_OF_TEXT) -> Any:
    """CLIP's tokenizer. SD 2.x and SDXL's second encoder pad with "!".

    Raises `CheckpointError` where open_clip_torch is not installed.
    """
    vocabulary, merges = _clip_vocabulary()
    return CLIPTokenizer(vocab=vocabulary, merges=merges, pad_token=pad_token, model_max_length=77)


def _clip_vocabulary() -> tuple[dict[str, int], list[tuple[str, ...]]]:
    """Token -> id, and the merges in order: bytes, bytes that end a word, merged pieces, marks.

    The package is only looked for, never imported: that would take seconds.
    """
    spec = find_spec("open_clip")
    folders = spec.submodule_search_locations if spec else ()
    for folder in folders or ():
        path = Path(folder) / "bpe_simple_vocab_16e6.txt.gz"
        if path.is_file():
            break
    else:
        raise CheckpointError(
            "CLIP's vocabulary is not installed. Install it: pip install open_clip_torch"
        )
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = file.read().split("\n")[1 : _MERGES + 1]
    merges = [tuple(line.split()) for line in lines]
    lifted = len(set(range(256)) - set(_PLAIN_BYTES))
    letters = [chr(byte) for byte in _PLAIN_BYTES] + [chr(256 + k) for k in range(lifted)]
    tokens = letters + [letter + "</w>" for letter in letters]
    tokens += ["".join(pair) for pair in merges] + [START_OF_TEXT, END_OF_TEXT]
    return {token: number for number, token in enumerate(tokens)}, merges
