"""A line of the script Prompts from file, which may have settings of its own: `--steps 20`."""

from __future__ import annotations

import shlex
from typing import Any

from studio.domain.errors import InvalidRequest, shorten

_FIELDS = {
    **dict.fromkeys(("prompt", "negative_prompt", "sampler_name", "scheduler"), str),
    **dict.fromkeys(("seed", "subseed", "batch_size", "n_iter", "steps"), int),
    **dict.fromkeys(("width", "height", "seed_resize_from_w", "seed_resize_from_h"), int),
    **dict.fromkeys(("cfg_scale", "subseed_strength"), float),
    **dict.fromkeys(("restore_faces", "tiling"), bool),
}
"""Settings that a line may have: field -> what its value is."""
_LEFT_OUT = ("outpath_samples", "outpath_grids", "prompt_for_display", "styles")
_NO = ("false", "0", "no")


def line_changes(line: str) -> dict[str, Any]:
    """Fields of the body. A line without settings is a prompt. Raises `InvalidRequest`."""
    if "--" not in line:
        return {"prompt": line}
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise InvalidRequest(f"{shorten(line)} cannot be read: {error}.", "script_args") from None
    changes: dict[str, Any] = {}
    at = 0
    while at < len(words):
        name = words[at].removeprefix("--")
        end = at + 1
        while end < len(words) and not words[end].startswith("--"):
            end += 1
        value = " ".join(words[at + 1 : end])
        at = end
        if name == "sd_model":
            changes["override_settings"] = {"sd_model_checkpoint": value}
        elif name in _FIELDS:
            changes[name] = _read(name, value)
        elif name not in _LEFT_OUT:
            raise InvalidRequest(f"There is no setting {shorten(name)} for a line.", "script_args")
    return changes


def _read(name: str, value: str) -> Any:
    kind = _FIELDS[name]
    if kind is bool:
        return value.casefold() not in _NO
    try:
        return kind(value)
    except ValueError:
        raise InvalidRequest(
            f"--{name} {shorten(value)}: this is no number.", "script_args"
        ) from None
