"""Words and patterns that no prompt may hold."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import regex

from studio.domain.errors import InvalidRequest, NotAllowed
from studio.domain.request import GenerationRequest
from studio.domain.safety import SafetyRules

PATTERN_S = 0.05
"""For which one pattern may look at one prompt."""
OF_A_CLASS = (
    *("nude", "naked", "nudity", "nsfw", "topless", "porn", "pornographic", "erotic", "sexy"),
    *("sex", "hentai", "lingerie", "gore", "gory", "mutilated", "beheaded", "dismembered"),
    *("suicide", "self-harm", "swastika", "nazi"),
)
"""What a class begins with where its teacher has written no list."""
_MOST_QUOTED = 60
_WEIGHTS = regex.compile(r"[()\[\]{}\\|]|:\s*-?[\d.]+")
"""What emphasis, schedules and alternation put between the letters of a word."""
_INVISIBLE = regex.compile(r"\p{Cf}+")
_SPACES = regex.compile(r"\s+")


@dataclass(frozen=True)
class Hit:
    """What of a prompt is not allowed, and by which rule, as in "word 3"; `word` is "" where the
    pattern took too long."""

    rule: str
    word: str

    @property
    def message(self) -> str:
        if not self.word:
            return (
                f"The prompt could not be held against {self.rule} of this studio's owner in "
                "time. Make it shorter, or tell the owner."
            )
        return (
            f'The prompt holds "{self.word[:_MOST_QUOTED]}", which the owner of this studio does '
            f"not allow ({self.rule}). Leave it out."
        )


def check(request: GenerationRequest, rules: SafetyRules) -> None:
    """Raises `NotAllowed` about the field that holds what `rules` forbid; `request` is settled, so
    that styles and wildcards are in its prompts."""
    if not (rules.forbidden_words or rules.forbidden_patterns):
        return
    for field, text in prompts(request.model_dump(), rules.forbidden_in_negative):
        hit = found(text, rules.forbidden_words, rules.forbidden_patterns)
        if hit is not None:
            raise NotAllowed(hit.message, field)


def prompts(values: dict[str, Any], negative: bool, place: str = "") -> Iterator[tuple[str, str]]:
    """(Field, text) of all prompts in a request, those of its stages and details too."""
    for name, value in values.items():
        field = f"{place}{name}"
        if isinstance(value, str) and name.endswith("prompt"):
            if negative or not name.startswith("negative"):
                yield field, value
        elif isinstance(value, dict):
            yield from prompts(value, negative, f"{field}.")
        elif isinstance(value, tuple | list):
            for number, one in enumerate(value):
                if isinstance(one, dict):
                    yield from prompts(one, negative, f"{field}.{number}.")


def found(text: str, words: Sequence[str], patterns: Sequence[str]) -> Hit | None:
    """The first rule that `text` breaks, as it is written and without its weights."""
    plain = _plain(text)
    variants = [plain]
    if (bare := _plain(_WEIGHTS.sub("", text))) != plain:
        variants.append(bare)
    if (apart := _plain(_WEIGHTS.sub(" ", text))) not in variants:
        variants.append(apart)
    for number, word in enumerate(words, 1):
        whole = _word(word)
        if any(whole.search(each) for each in variants):
            return Hit(f"word {number}", word)
    for number, pattern in enumerate(patterns, 1):
        try:
            matches = (compiled(pattern).search(each, timeout=PATTERN_S) for each in variants)
            hit = next((match for match in matches if match), None)
        except TimeoutError:
            return Hit(f"pattern {number}", "")
        if hit:
            return Hit(f"pattern {number}", hit[0] or pattern)
    return None


@lru_cache(maxsize=2048)
def compiled(pattern: str) -> regex.Pattern:
    """Raises `InvalidRequest` for what is no regular expression."""
    try:
        return regex.compile(pattern, regex.IGNORECASE)
    except (regex.error, OverflowError, RecursionError) as error:
        raise InvalidRequest(
            f"{pattern[:80]!r} is no regular expression: {error}.", "forbidden_patterns"
        ) from None


@lru_cache(maxsize=4096)
def _word(word: str) -> regex.Pattern:
    """Whole: what comes before and after it is no letter and no digit."""
    return regex.compile(rf"(?<!\w){regex.escape(_plain(word))}(?!\w)")


def _plain(text: str) -> str:
    """Without differences of case, width and accents' spelling, and what cannot be seen."""
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    return _SPACES.sub(" ", text.casefold().replace("_", " "))
