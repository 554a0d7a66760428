"""What a prompt comes to, before anything is drawn: told without a model in memory."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from studio.catalog.catalog import Catalog
from studio.catalog.wildcards import Wildcards
from studio.domain import dynamic_prompts, dynamic_syntax, embedding_names
from studio.domain import prompt_dialects as dialects
from studio.domain.dynamic_syntax import named
from studio.domain.errors import CheckpointError, StudioError, UnknownModel, shorten
from studio.domain.lora_tags import LORA_KINDS, Tag
from studio.domain.prompt_emphasis import Segment
from studio.domain.prompt_mixtures import left_as_letters, mixture
from studio.domain.prompt_syntax import COMMENT, Part, Reading
from studio.domain.refs import ModelFile, ModelRef

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_HALF = re.compile(r"<\w{1,20}(:[^<>\n]*)?\Z")
"""A network's tag that is still being typed."""
_STRONG = 2.0
"""A weight above it tears a picture apart."""
_MOST_KEPT = 8


@dataclass(frozen=True)
class Mark:
    """What stands from character `start` up to `end` of a prompt: a network (lora, lyco,
    hypernet), an embedding, a wildcard, or an unknown word. `known`: whether there is such a
    thing; `weight`: a network's own, on the backbone."""

    kind: str
    name: str
    start: int
    end: int
    known: bool = True
    weight: float | None = None


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
    marks     where what it names stands in the prompt as it was typed, by place
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
    marks: Sequence[Mark]
    loras: Sequence[str]
    embeddings: Sequence[str]
    wildcards: Sequence[str]
    pictures: int
    warnings: Sequence[str]


class Lens:
    """Looks at prompts for the checkpoints of `catalog`. Safe in several threads.

    `is_ready`: tokens are counted, which imports much; not while others import the same, which
    diffusers does not bear.
    """

    def __init__(self, catalog: Catalog, wildcards: Wildcards, is_ready: bool = True) -> None:
        self.is_ready = is_ready
        self._catalog = catalog
        self._wildcards = wildcards
        self._lock = threading.Lock()
        self._tokenizers: OrderedDict[ModelFile, Any] = OrderedDict()

    def look(
        self,
        prompt: str,
        checkpoint: str | None,
        steps: int,
        dialect: str,
        more: Sequence[str] = (),
    ) -> Seen:
        """`prompt` for a drawing of `steps`, with LoRAs `more`. Raises `UnknownCheckpoint`."""
        ref = self._catalog.find(checkpoint)
        drawn, pictures, objections = self._drawn(prompt)
        one = dialects.reading(drawn, dialect)
        reading = dialects.reading(prompt, dialect)
        whole = [
            piece
            for text, _ in mixture(reading.text, dialect).texts
            for piece in dialects.pieces(text, "original", dialect)
        ]
        texts = dict.fromkeys(
            leaf
            for part in one.parts
            for _, text in dialects.schedule(part.text, dialect, steps)
            for leaf, _ in mixture(text, dialect).texts
        )
        tokenizers, read = self._of(ref), [dialects.pieces(t, "original", dialect) for t in texts]
        counted = [ref.family.count(pieces, tokenizers) for pieces in read if tokenizers]
        tokens, chunks = max(counted, default=(None, None))
        loras, warnings = self._loras(one)
        names = [each.name for each in self._catalog.refs("embedding")]
        embeddings = embedding_names.named_in(one.text, names)
        wildcards = self._known(named(prompt))
        marks = [*self._networks(reading), *_wildcards(prompt, wildcards)]
        typed = _without(prompt, marks, dialect)
        marks += [Mark("embedding", *place) for place in embedding_names.places(typed, names)]
        typed = _without(typed, marks, dialect)
        words, typed = _with_typed(_words(read, embeddings), typed)
        new = self._untaught(words, [*loras, *more])
        unknown = ref.family.unknown(new, tokenizers) if tokenizers else []
        marks += _unknown(typed, set(unknown))
        return Seen(
            tokens=tokens,
            chunks=chunks,
            segments=whole,
            schedule=dialects.schedule(reading.text, dialect, steps),
            parts=reading.parts,
            networks=reading.networks,
            text=reading.text,
            unknown=unknown,
            marks=sorted(marks, key=lambda mark: mark.start),
            loras=loras,
            embeddings=sorted(embeddings),
            wildcards=wildcards,
            pictures=pictures,
            warnings=[
                *objections,
                *warnings,
                *_about_weights(whole, ref),
                *_about_letters(one.text, dialect),
            ],
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

    def warm_up(self, checkpoint: str | None) -> None:
        """Import and read now what the first look would have to wait for."""
        with suppress(StudioError):
            self.look("", checkpoint, 1, "a1111")

    def _of(self, ref: ModelRef) -> Any:
        """Its tokenizers; None where they cannot be read, or not yet."""
        if not self.is_ready:
            return None
        with self._lock:
            if ref.file not in self._tokenizers:
                self._tokenizers[ref.file] = None
                with suppress(CheckpointError):
                    self._tokenizers[ref.file] = ref.family.tokenizers(ref)
                while len(self._tokenizers) > _MOST_KEPT:
                    self._tokenizers.popitem(last=False)
            self._tokenizers.move_to_end(ref.file)
            return self._tokenizers[ref.file]

    def _networks(self, reading: Reading) -> list[Mark]:
        marks = []
        for tag in reading.networks:
            name, known = tag.name, False
            with suppress(UnknownModel):
                name, known = self._catalog.find(tag.name, "lora").name, tag.kind in LORA_KINDS
            marks.append(Mark(tag.kind, name, tag.start, tag.end, known, tag.unet_weight))
        return marks

    def _loras(self, reading: Reading) -> tuple[list[str], list[str]]:
        names, warnings = [], []
        for tag in reading.networks:
            try:
                names.append(self._catalog.find(tag.name, "lora").name)
            except UnknownModel as error:
                warnings.append(f"{shorten(tag.text)}: {error.message}")
        return names, warnings

    def _untaught(self, words: Iterable[str], loras: Iterable[str]) -> list[str]:
        """Those, each once, that no trigger word of the LoRAs is or has in it."""
        taught: set[str] = set()
        for name in loras:
            with suppress(UnknownModel):
                for phrase in self._catalog.find(name, "lora").facts.trigger_words:
                    taught.update(_WORD.findall(phrase.casefold()))
        return [word for word in dict.fromkeys(words) if word.casefold() not in taught]


def _with_typed(words: list[str], typed: str) -> tuple[list[str], str]:
    """`words` and those of `typed`, and the latter, without one that is being written yet."""
    whole, half = _HALF.sub("", typed), _HALF.search(typed)
    words += (word for word in _WORD.findall(whole) if not word.isdecimal())
    if half:
        words = [word for word in words if word in whole or word not in half[0]]
    return words, whole


def _wildcards(prompt: str, known: Sequence[str]) -> list[Mark]:
    found = dynamic_syntax.places(prompt)
    return [Mark("wildcard", *place, known=place[0] in known) for place in found]


def _without(prompt: str, marks: Sequence[Mark], dialect: str) -> str:
    """`prompt` with blanks where `marks` and comments stand, as long as it was."""
    letters = list(prompt)
    spans = [(mark.start, mark.end) for mark in marks]
    if dialect == "a1111":
        spans += [match.span() for match in COMMENT.finditer(prompt)]
    for start, end in spans:
        letters[start:end] = " " * (end - start)
    return "".join(letters)


def _unknown(text: str, words: set[str]) -> list[Mark]:
    found = (match for match in _WORD.finditer(text) if match[0] in words)
    return [Mark("unknown", match[0], *match.span(), known=False) for match in found]


def _words(texts: Iterable[Sequence[Segment]], named: set[str]) -> list[str]:
    """Those of `texts`, weights left out; those that name embeddings are none."""
    words = []
    for pieces in texts:
        for piece in pieces:
            for text, name in embedding_names.split(piece.text, named):
                words += _WORD.findall(text) if name is None and not piece.is_break else []
    return words


def _about_letters(text: str, dialect: str) -> list[str]:
    letters = left_as_letters(text, dialect)
    if letters is None:
        return []
    acts = '("a", "b").blend(0.7, 0.3) or ("a", "b").and(1, 1)'
    return [f"{letters} is read as letters. What acts is a prompt that is {acts} as a whole."]


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
