"""The studio beside a ComfyUI of yours, each over HTTP, in turn.

    python benchmarks/peer_http.py --checkpoint NAME [--studio URL] [--comfyui URL] [--json]

Both must run, with the same file: `--checkpoint` is its name in the studio, `--peer-checkpoint` in
ComfyUI (if left out, the one whose file is called so). Text to image with Euler, a new seed each
time, from the request to the picture's bytes. Told are the seconds of a step, from drawings of
`--few` and of `--steps` steps, those of all that is not a step, and of the whole picture. Let
nothing else run, and neither draw for anybody else meanwhile.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from common import pairs
from common.comfyui import ComfyUI, Drawing, PeerError

from studio import GenerationRequest
from studio.client import Client
from studio.domain.errors import StudioError

_PROMPT = "a red house on a meadow at sunset"
_ROWS = {"a step": "step_s", "all but the steps": "fixed_s", "a picture": "picture_s"}


def main() -> None:
    flags = _flags()
    try:
        report = _measure(flags)
    except (PeerError, StudioError) as error:
        raise SystemExit(str(error)) from None
    head = f"{flags.size} x {flags.size}, {flags.few} and {flags.steps} steps, studio / ComfyUI"
    print(json.dumps(report) if flags.json else pairs.table(head, report))


def _flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", required=True, help="its name in the studio")
    parser.add_argument("--peer-checkpoint", help="its name in ComfyUI")
    parser.add_argument("--studio", default="http://127.0.0.1:7860", help="where the studio is")
    parser.add_argument("--comfyui", default="http://127.0.0.1:8188", help="where ComfyUI is")
    parser.add_argument("--size", type=int, default=512, help="width and height, in pixels")
    parser.add_argument("--few", type=int, default=2, help="steps of the shorter drawing")
    parser.add_argument("--steps", type=int, default=8, help="steps of the longer one")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    if not 1 <= flags.few < flags.steps or flags.repeats < 1:
        parser.error("--steps must be more than --few, and that and --repeats at least 1")
    return flags


def _measure(flags: argparse.Namespace) -> list[dict[str, Any]]:
    comfyui = ComfyUI(flags.comfyui)
    peer_checkpoint = _named(flags.peer_checkpoint, flags.checkpoint, comfyui.checkpoints())

    def theirs(steps: int, seed: int) -> None:
        size = flags.size
        comfyui.draw(Drawing(peer_checkpoint, _PROMPT, "blurry", size, size, steps, 7.0, seed))

    with Client(flags.studio) as client:

        def ours(steps: int, seed: int) -> None:
            request = {"prompt": _PROMPT, "negative_prompt": "blurry", "scheduler": "Euler"}
            request |= {"width": flags.size, "height": flags.size, "guidance_scale": 7.0}
            request |= {"checkpoint": flags.checkpoint, "steps": steps, "seed": seed}
            client.generate(GenerationRequest(**request))

        rounds = []
        for number in range(flags.repeats + 1):  # the first warms up
            pair = (ours, theirs) if number % 2 else (theirs, ours)
            rounds.append({draw: _one(draw, flags, seed=number) for draw in pair})
    rounds = rounds[1:]
    return [
        _row(name, [(each[ours][key], each[theirs][key]) for each in rounds])
        for name, key in _ROWS.items()
    ]


def _named(wanted: str | None, ours: str, names: list[str]) -> str:
    """What ComfyUI calls the checkpoint."""
    fitting = [name for name in names if name == wanted]
    if wanted is None:
        fitting = [name for name in names if PurePosixPath(name.replace("\\", "/")).stem == ours]
    if not fitting:
        raise PeerError(
            f"ComfyUI has no checkpoint {wanted or ours}. It has: {', '.join(names) or 'none'}. "
            "Choose one with --peer-checkpoint."
        )
    return fitting[0]


def _one(draw: Callable[[int, int], None], flags: argparse.Namespace, seed: int) -> dict:
    few_s = pairs.seconds(lambda: draw(flags.few, 2 * seed))
    picture_s = pairs.seconds(lambda: draw(flags.steps, 2 * seed + 1))
    step_s = (picture_s - few_s) / (flags.steps - flags.few)
    return {"step_s": step_s, "fixed_s": few_s - flags.few * step_s, "picture_s": picture_s}


def _row(name: str, seconds: list[tuple[float, float]]) -> dict[str, Any]:
    """Of (ours, theirs) in each round."""
    ratios = [ours / theirs if theirs else float("nan") for ours, theirs in seconds]
    return {
        "name": name,
        "ratio": round(statistics.median(ratios), 3),
        "ratio_min": round(min(ratios), 3),
        "ratio_max": round(max(ratios), 3),
        "ours_s": round(statistics.median(ours for ours, _ in seconds), 4),
        "baseline_s": round(statistics.median(theirs for _, theirs in seconds), 4),
    }


if __name__ == "__main__":
    main()
