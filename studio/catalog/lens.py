"""What a prompt comes to, before anything is drawn: told without a model in memory."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from studio.catalog.catalog import Catalog
from studio.catalog.wildcards import Wildcards
from studio.domain import dynamic_prompts, embedding_names
from studio.domain import prompt_dialects as dialects
from studio.domain.dynamic_syntax import named
from studio.domain.errors import CheckpointError, StudioError, UnknownModel, shorten
from studio.domain.lora_tags import Tag
from studio.domain.prompt_emphasis import Segment
from studio.domain.prompt_syntax import Part, Reading
from studio.domain.refs import ModelFile, ModelRef

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_STRONG = 2.0
"""A weight above it tears a picture apart."""
_MOST_KEPT = 8


@dataclass(frozen=True)
class Seen:
    """A prompt under the lens.

    tokens    of the longest text that it is at some step, without marks and padding; None where the
              checkpoint's vocabulary cannot be read. Of a prompt that is many, those of one of them
    chunks    of 75 tokens, in families that have them
    segments  of the text, networks and comments left out
    schedule  [(the last step of which it is the text, the text)]
    parts     the prompts that are mixed
    networks  as they stand in the prompt
    text      what is left without networks and comments
    unknown   words that the checkpoint's vocabulary knows in crumbs alone
    loras     names in the catalog of those among `networks` that there are
    embeddings  that the text names
    wildcards  that it draws from
    pictures  how many prompts it is
    warnings  what will be refused, or does not mean what it may look like
    """

    tokens: int | None
    chunks: int | None
    segments: Sequence[Segment]
    schedule: Sequence[tuple[int, str]]
    parts: Sequence[Part]
    networks: Sequence[Tag]
    text: str
    unknown: Sequence[str]
    loras: Sequence[str]
    embeddings: Sequence[str]
    wildcards: Sequence[str]
    pictures: int
    warnings: Sequence[str]


class Lens:
    """Looks at prompts for the checkpoints of `catalog`. Safe in several threads."""

    def __init__(self, catalog: Catalog, wildcards: Wildcards) -> None:
        self._catalog = catalog
        self._wildcards = wildcards
        self._lock = threading.Lock()
        self._tokenizers: OrderedDict[ModelFile, Any] = OrderedDict()

    def look(self, prompt: str, checkpoint: str | None, steps: int, dialect: str) -> Seen:
        """`prompt` for a drawing of `steps`. Raises `UnknownCheckpoint`."""
        ref = self._catalog.find(checkpoint)
        drawn, pictures, objections = self._drawn(prompt)
        one = dialects.reading(drawn, dialect)
        reading = dialects.reading(prompt, dialect)
        whole = dialects.pieces(reading.text, "original", dialect)
        texts = {
            text for part in one.parts for _, text in dialects.schedule(part.text, dialect, steps)
        }
        tokenizers = self._of(ref)
        counted = [
            ref.family.count(dialects.pieces(text, "original", dialect), tokenizers)
            for text in texts
            if tokenizers
        ]
        tokens, chunks = max(counted, default=(None, None))
        loras, warnings = self._loras(one)
        embeddings = embedding_names.named_in(
            one.text, (each.name for each in self._catalog.refs("embedding"))
        )
        words = _words(one, embeddings)
        unknown = ref.family.unknown(words, tokenizers) if tokenizers else []
        return Seen(
            tokens=tokens,
            chunks=chunks,
            segments=whole,
            schedule=dialects.schedule(reading.text, dialect, steps),
            parts=reading.parts,
            networks=reading.networks,
            text=reading.text,
            unknown=unknown,
            loras=loras,
            embeddings=sorted(embeddings),
            wildcards=self._known(named(prompt)),
            pictures=pictures,
            warnings=[*objections, *warnings, *_about_weights(whole, ref)],
        )

    def _drawn(self, prompt: str) -> tuple[str, int, list[str]]:
        """One of the prompts that it is, how many it is, and what will be refused about that."""
        try:
            drawn = dynamic_prompts.draw(prompt, 0, self._wildcards)
            return drawn, dynamic_prompts.count(prompt, self._wildcards), []
        except StudioError as error:
            return prompt, 1, [error.message]

    def _known(self, names: Sequence[str]) -> list[str]:
        known = set()
        for name in names:
            with suppress(StudioError):
                if self._wildcards(name):
                    known.add(name)
        return [name for name in names if name in known]

    def _of(self, ref: ModelRef) -> Any:
        """Its tokenizers; None where they cannot be read."""
        with self._lock:
            if ref.file not in self._tokenizers:
                self._tokenizers[ref.file] = None
                with suppress(CheckpointError):
                    self._tokenizers[ref.file] = ref.family.tokenizers(ref)
                while len(self._tokenizers) > _MOST_KEPT:
                    self._tokenizers.popitem(last=False)
            self._tokenizers.move_to_end(ref.file)
            return self._tokenizers[ref.file]

    def _loras(self, reading: Reading) -> tuple[list[str], list[str]]:
        names, warnings = [], []
        for tag in reading.networks:
            try:
                names.append(self._catalog.find(tag.name, "lora").name)
            except UnknownModel as error:
                warnings.append(f"{shorten(tag.text)}: {error.message}")
        return names, warnings


def _words(reading: Reading, named: set[str]) -> list[str]:
    """Each once, in the order in which they stand; those that name embeddings are none."""
    pieces = embedding_names.split(reading.text, named)
    text = " ".join(piece for piece, name in pieces if name is None)
    return list(dict.fromkeys(_WORD.findall(text)))


def _about_weights(pieces: Sequence[Segment], ref: ModelRef) -> list[str]:
    heavy = [one for one in pieces if one.weight != 1 and not one.is_break]
    if heavy and not ref.family.takes_weights:
        return [f"{ref.family.name} reads brackets and weights as letters."]
    return [
        f"{shorten(one.text)} counts {one.weight:g} times. Above {_STRONG:g} a picture is torn "
        "apart. If the brackets are meant as letters, write \\( and \\)."
        for one in heavy
        if abs(one.weight) > _STRONG
    ]
