"""Which tokens of a drawing's texts belong to which words of its prompt."""

from __future__ import annotations

from bisect import bisect_left

from studio.diffusion.conditioning import TextModels, Word
from studio.domain import prompt_dialects as dialects
from studio.domain import prompt_words
from studio.domain.prompt_mixtures import mixture
from studio.domain.word_maps import MOST_WORDS
from studio.engine.recipe import Draw


def words(draw: Draw, emphasis: str, models: TextModels) -> list[list[tuple[Word, ...]]]:
    """Of each text that each of the mixed prompts of `draw` is at some step, in their order."""
    dialect = draw.sampling.prompt_dialect
    marked = prompt_words.marked(draw.prompt)

    def texts(prompt: str) -> list[list[str]]:
        parts = dialects.reading(prompt, dialect).parts
        return [
            [text for _, text in dialects.schedule(part.text, dialect, draw.steps, draw.begun)]
            for part in parts
        ]

    def of(plain: str, with_marks: str) -> tuple[Word, ...]:
        if mixture(plain, dialect).how != "one":  # whose tokens are of several texts
            return ()
        pieces = dialects.pieces(plain, emphasis, dialect)
        found, places = prompt_words.placed(dialects.pieces(with_marks, emphasis, dialect), marked)
        if found != tuple(piece.text for piece in pieces):  # read otherwise than with its words
            return ()
        starts = models.family.token_starts(pieces, models)
        begins = [start for start, _ in starts]
        known = []
        for inside, span in places:
            first, last = (bisect_left(begins, at) for at in inside)
            tokens = tuple(place for _, place in starts[first:last])
            if tokens and len(known) < MOST_WORDS:
                known.append(Word(*span, tokens))
        return tuple(known)

    plain, with_marks = texts(draw.prompt), texts(marked.text)
    if list(map(len, plain)) != list(map(len, with_marks)):
        return [[()] * len(part) for part in plain]
    return [list(map(of, *pair)) for pair in zip(plain, with_marks, strict=True)]
