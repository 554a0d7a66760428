"""What the writer of a safetensors file says about it: kohya's `ss_*` and the modelspec fields.

Everything here is text from a stranger: shortened, stripped of control characters, never trusted
for more than words to show and hints that nothing else gives.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

import pydantic_core

MAX_TITLE = 200
MAX_WORD = 100
MAX_WORDS = 8
_MAX_TAGS_BYTES = 4 * 2**20


def title(metadata: Mapping[str, str]) -> str:
    """The name its author gave it, else the one it was trained under; "" if there is none."""
    for key in ("modelspec.title", "ss_output_name"):
        text = clean(metadata.get(key, ""), MAX_TITLE)
        if text and text != "None":
            return text
    return ""


def trigger_words(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """What to write in a prompt: the author's words, else the commonest tags of the training."""
    phrase = metadata.get("modelspec.trigger_phrase") or metadata.get("trigger_words") or ""
    words = [clean(word, MAX_WORD) for word in phrase[:2000].split(",")]
    if not any(words):
        words = _commonest_tags(metadata.get("ss_tag_frequency", ""))
    return tuple(dict.fromkeys(filter(None, words)))[:MAX_WORDS]


def _commonest_tags(text: str) -> list[str]:
    """From {"folder": {"tag": how often}}: tags of at least half the commonest one's frequency."""
    counts: dict[str, int] = {}
    if len(text) > _MAX_TAGS_BYTES:
        return []
    try:
        for tags in dict(pydantic_core.from_json(text)).values():
            for tag, count in tags.items():
                counts[tag] = counts.get(tag, 0) + int(count)
    except (ValueError, TypeError, AttributeError, OverflowError):
        return []
    often = sorted(counts, key=counts.__getitem__, reverse=True)[:MAX_WORDS]
    return [clean(tag, MAX_WORD) for tag in often if 2 * counts[tag] >= counts[often[0]]]


_PREDICTIONS = {"epsilon": "epsilon", "eps": "epsilon", "v": "v_prediction"}
_PREDICTIONS["v_prediction"] = _PREDICTIONS["v-prediction"] = "v_prediction"


def prediction_type(metadata: Mapping[str, str]) -> str | None:
    """ "epsilon" or "v_prediction", where the metadata say so."""
    prediction = _PREDICTIONS.get(metadata.get("modelspec.prediction_type", "").lower())
    architecture = metadata.get("modelspec.architecture", "")
    if prediction is None and architecture.startswith("stable-diffusion-v2"):
        prediction = {"768-v": "v_prediction", "512": "epsilon"}.get(
            architecture.removeprefix("stable-diffusion-v2-").partition("/")[0]
        )
    if prediction is None:
        prediction = {"True": "v_prediction", "False": "epsilon"}.get(
            metadata.get("ss_v_parameterization", "")
        )
    return prediction


def zero_snr(metadata: Mapping[str, str]) -> bool:
    """Whether it was trained with a schedule that ends in pure noise."""
    return metadata.get("ss_zero_terminal_snr") == "True"


def clean(text: str, length: int) -> str:
    """One line of printable text, at most `length` characters."""
    printable = text[: 4 * length]
    if not printable.isprintable():
        printable = "".join(
            " " if unicodedata.category(character)[0] == "C" else character
            for character in printable
        )
    return " ".join(printable.split())[:length].strip()
