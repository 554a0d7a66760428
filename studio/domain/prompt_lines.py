"""Prompts as lines of a text: each is a prompt, or begins with `--` and says what is different in
its picture, as AUTOMATIC1111 has it: --prompt "a cat" --steps 20 --sampler_name "Euler a"."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from studio.domain.axes import changed
from studio.domain.errors import InvalidRequest, StudioError, shorten
from studio.domain.request import GenerationRequest
from studio.domain.scheduler_names import resolve
from studio.domain.tasks import Frozen

MOST_LINES = 200
"""As many jobs as one account may have waiting."""

Changes = dict[str, Any]

FLAGS = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "styles": "styles",
    "seed": "seed",
    "subseed": "variation_seed",
    "subseed_strength": "variation_strength",
    "seed_resize_from_w": "seed_resize_from_width",
    "seed_resize_from_h": "seed_resize_from_height",
    "sampler_name": "scheduler",
    "scheduler": "noise_schedule",
    "batch_size": "batch_size",
    "steps": "steps",
    "cfg_scale": "guidance_scale",
    "width": "width",
    "height": "height",
    "tiling": "tiling",
    "sd_model": "checkpoint",
    "denoising_strength": "strength@",
}
"""What AUTOMATIC1111 calls them -> the field; of the task where it ends with @."""
_WORDS = ("prompt", "negative_prompt")


class LinesInput(Frozen):
    """`request`: what is the same for all. `insert`: each line's prompts stand instead of those of
    the request, or before or after them. `seeds`: each picture has its "own", where the request
    leaves it open, all have the "same", or they are "counting" up from line to line."""

    request: GenerationRequest
    text: Annotated[str, Field(max_length=1_000_000)]
    insert: Literal["instead", "before", "after"] = "instead"
    seeds: Literal["own", "same", "counting"] = "own"


def requests(lines: LinesInput, most: int = MOST_LINES) -> list[GenerationRequest]:
    """One for each line that is not empty. Raises `InvalidRequest` where these are more than
    `most`, and for a line, which it names."""
    numbered = [(number, line.strip()) for number, line in enumerate(lines.text.splitlines(), 1)]
    numbered = [(number, line) for number, line in numbered if line]
    if not numbered:
        raise InvalidRequest("there are no lines. Write a prompt on each.", "text")
    if len(numbered) > most:
        raise InvalidRequest(
            f"{len(numbered):,} lines are more than the {most:,} that may wait at once. Draw them "
            "in several goes.",
            "text",
        )
    base = lines.request if lines.seeds == "own" else lines.request.with_seed()
    found = []
    for place, (number, line) in enumerate(numbered):
        count = place * base.batch_size if lines.seeds == "counting" else 0
        try:
            changes = _put_in(lines, _changes(line))
            found.append(changed(base.going_on(count) if count else base, changes))
        except StudioError as error:
            raise InvalidRequest(f"line {number}: {error}", "text") from None
    return found


def _changes(line: str) -> Changes:
    """What a line says. Raises `InvalidRequest`."""
    if not line.startswith("--"):
        return {"prompt": line}
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise InvalidRequest(
            f"{str(error).lower()}. Close each quotation, and put prompts with an apostrophe into "
            "double quotes."
        ) from None
    changes: Changes = {}
    while words:
        flag = words.pop(0)
        name = flag.removeprefix("--").replace("-", "_")
        if not flag.startswith("--") or name not in FLAGS:
            raise InvalidRequest(
                f"{shorten(flag)} is no flag of such a line. There are: --{', --'.join(FLAGS)}."
            )
        end = next((at for at, word in enumerate(words) if word.startswith("--")), len(words))
        values, words = words[:end], words[end:]
        if not values:
            raise InvalidRequest(f"{flag} has no value. Write one behind it.")
        if len(values) > 1 and name not in (*_WORDS, "styles", "sampler_name", "scheduler"):
            raise InvalidRequest(f"{flag} has more than one value: {shorten(' '.join(values))}.")
        changes |= _meant(name, values)
    return changes


def _meant(name: str, values: Sequence[str]) -> Changes:
    """The fields of a request that a flag sets. Numbers stay text, which the request reads."""
    value, field = " ".join(values), FLAGS[name]
    if name == "sampler_name":
        scheduler, schedule = resolve(value)
        return {field: scheduler} | (
            {"noise_schedule": schedule} if schedule != "automatic" else {}
        )
    if name == "scheduler":
        return {field: resolve("", value)[1]}
    if name == "styles":
        return {field: [style.strip() for style in value.split(",") if style.strip()]}
    if name == "tiling":
        return {field: {"true": "both", "false": "none"}.get(value.casefold(), value)}
    if field.endswith("@"):
        return {field: float(value) if _is_number(value) else value}
    return {field: value}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _put_in(lines: LinesInput, changes: Changes) -> Changes:
    """`changes` with the words of the request where they belong too."""
    if lines.insert == "instead":
        return changes
    joined = {}
    for name in _WORDS:
        own, all_have = changes.get(name, ""), getattr(lines.request, name)
        texts = (own, all_have) if lines.insert == "before" else (all_have, own)
        joined[name] = " ".join(text for text in texts if text)
    return changes | joined
