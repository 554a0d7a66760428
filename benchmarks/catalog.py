"""How long the catalog takes to know a big models folder: cold, and from its index.

    python benchmarks/catalog.py [--files 1000] [--repeats 5]

Makes a folder as artists have it (checkpoints of SD 1.5 and SDXL, many LoRAs, embeddings, VAEs,
ControlNets, some broken files) with headers of true size and names; the weights are holes. "Cold"
looks into every file, "indexed" is the next start. The files themselves are in the page cache in
both. The baseline is the same walk with the safetensors library opening every file and listing its
tensors' shapes, timed in turn in the same process. "inspect" is `models inspect` of the largest
file, without its imports, beside the library listing that one. "cpu" is the processor's time, which
says more than the clock's on a machine that is busy with other things.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from safetensors import SafetensorError, safe_open

from studio.catalog.catalog import Catalog
from studio.catalog.inspect import inspect
from studio.domain.refs import KINDS

Tensors = dict[str, tuple[int, ...]]
Times = tuple[float, float]
"""Seconds by the clock, and of the processor."""

GOALS_S = {"cold": 2.0, "indexed": 0.2, "inspect": 0.1}
"""The first two for a thousand files."""

_SHARES = {
    "Lora/xl-{}": 0.35, "Lora/sd-{}": 0.30, "embeddings/{}": 0.13, "Stable-diffusion/sd-{}": 0.07,
    "Stable-diffusion/xl-{}": 0.04, "VAE/{}": 0.03, "ControlNet/{}": 0.05, "broken/{}": 0.03,
}  # fmt: skip
"""What lies in the folder, and which part of all files that is."""


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = _fill(folder / "models", options.files)
        times, kinds = _measure(folder, options.repeats)
    report = {
        "files": count,
        "kinds": kinds,
        "repeats": options.repeats,
        "rows": [
            {
                "name": row,
                "median_s": statistics.median(wall for wall, _ in values),
                "least_s": min(wall for wall, _ in values),
                "most_s": max(wall for wall, _ in values),
                "cpu_s": statistics.median(cpu for _, cpu in values),
                "goal_s": GOALS_S.get(row) if count >= 1000 else None,
            }
            for row, values in times.items()
        ],
    }
    print(json.dumps(report) if options.json else _table(report))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _measure(folder: Path, repeats: int) -> tuple[dict[str, list[Times]], dict[str, int]]:
    """Row -> times of each repeat, and how many models of each kind were found."""
    models, data = folder / "models", folder / "data"
    times: dict[str, list[Times]] = {"cold": [], "indexed": [], "safetensors library": []}
    times |= {"inspect": [], "inspect: the library": []}
    largest = max(models.rglob("*.safetensors"), key=lambda path: path.stat().st_size)
    for _ in range(repeats):
        shutil.rmtree(data, ignore_errors=True)
        seconds, catalog = _timed(lambda: Catalog([models], data))
        times["cold"].append(seconds)
        times["indexed"].append(_timed(lambda: Catalog([models], data))[0])
        times["safetensors library"].append(_timed(lambda: _with_library(models))[0])
        times["inspect"].append(_timed(lambda: inspect(largest, None, False))[0])
        times["inspect: the library"].append(_timed(lambda: _tensors_in(largest))[0])
    kinds = {kind: len(catalog.refs(kind)) for kind in KINDS}
    return times, kinds | {"broken": len(catalog.broken)}


def _timed(work: Callable[[], object]) -> tuple[Times, object]:
    began_s, cpu_began_s = time.perf_counter(), time.process_time()
    result = work()
    return (time.perf_counter() - began_s, time.process_time() - cpu_began_s), result


def _with_library(folder: Path) -> int:
    return sum(map(_tensors_in, folder.rglob("*.safetensors")))


def _tensors_in(path: Path) -> int:
    try:
        with safe_open(path, framework="numpy") as file:
            return sum(len(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    except SafetensorError:
        return 0


def _fill(folder: Path, count: int) -> int:
    """Make the files; returns how many."""
    makers: dict[str, Callable[[], Tensors]] = {
        "Lora/xl-{}": lambda: _lora(2048, 722),
        "Lora/sd-{}": lambda: _lora(768, 264),
        "embeddings/{}": lambda: {"emb_params": (8, 768)},
        "Stable-diffusion/sd-{}": lambda: _checkpoint(768, 686, 248, 196),
        "Stable-diffusion/xl-{}": lambda: _checkpoint(2048, 1680, 248, 587),
        "VAE/{}": lambda: _vae("", 248),
        "ControlNet/{}": lambda: _controlnet(340),
        "broken/{}": dict,
    }
    made = 0
    for pattern, share in _SHARES.items():
        tensors = makers[pattern]()
        for number in range(max(1, round(count * share))):
            path = folder / f"{pattern.format(number)}.safetensors"
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, tensors, number)
            made += 1
    return made


def _write(path: Path, tensors: Tensors, number: int) -> None:
    header, at = {"__metadata__": _metadata(number)}, 0
    for name, shape in tensors.items():
        end = at + 2 * math.prod(shape)
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header, separators=(",", ":")).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + at if tensors else 20)
    a_day_ago_s = time.time() - 86_400
    os.utime(path, (a_day_ago_s, a_day_ago_s))


def _metadata(number: int) -> dict[str, str]:
    """As a trainer leaves it: the tags of its pictures are the most of it."""
    tags = {"10_subject": {f"tag {index}": 100 - index % 100 for index in range(300)}}
    return {
        "modelspec.title": f"Model {number}",
        "ss_output_name": f"model-{number}",
        "ss_tag_frequency": json.dumps(tags),
    }


def _lora(width: int, layers: int) -> Tensors:
    tensors: Tensors = {}
    for name in _layers("lora_unet_down_blocks_{}_attentions_0_transformer_blocks_0_{}", layers):
        tensors[f"{name}.alpha"] = ()
        tensors[f"{name}.lora_down.weight"] = (16, width if "attn2_to_k" in name else 320)
        tensors[f"{name}.lora_up.weight"] = (320, 16)
    return tensors


def _checkpoint(width: int, unet: int, vae: int, text: int) -> Tensors:
    begin = "model.diffusion_model.input_blocks"
    tensors: Tensors = {f"{begin}.0.0.weight": (320, 4, 3, 3)}
    for name in _layers(begin + ".{}.1.transformer_blocks.0.{}", unet - 1):
        tensors[f"{name}.weight"] = (320, width if "attn2.to_k" in name else 320)
    encoder = {768: "cond_stage_model.transformer.text_model", 2048: "conditioner.embedders.1"}
    for layer in range(text):
        tensors[f"{encoder[width]}.encoder.layers.{layer}.mlp.fc1.weight"] = (768, 768)
    return tensors | _vae("first_stage_model.", vae)


def _vae(prefix: str, layers: int) -> Tensors:
    tensors: Tensors = {f"{prefix}decoder.conv_in.weight": (512, 4, 3, 3)}
    for layer in range(layers - 1):
        tensors[f"{prefix}decoder.up.{layer // 9}.block.{layer % 9}.conv1.weight"] = (128, 128, 3)
    return tensors


def _controlnet(layers: int) -> Tensors:
    begin = "control_model.input_blocks"
    tensors: Tensors = {"control_model.input_hint_block.0.weight": (16, 3, 3, 3)}
    for name in _layers(begin + ".{}.1.transformer_blocks.0.{}", layers):
        tensors[f"{name}.weight"] = (320, 768 if "attn2.to_k" in name else 320)
    return tensors


_PLACES = ("attn1.to_q", "attn1.to_k", "attn1.to_v", "attn2.to_q", "attn2.to_k", "ff.net.0.proj")


def _layers(pattern: str, count: int) -> Iterator[str]:
    """Names of `count` layers; written with "_" where the pattern has no dots."""
    for number in range(count):
        place = _PLACES[number % len(_PLACES)]
        place = place if "." in pattern else place.replace(".", "_")
        yield pattern.format(number // len(_PLACES), place)


def _table(report: dict) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in report["kinds"].items() if count)
    lines = [
        f"{report['files']} files: {kinds}. {report['repeats']} repeats.",
        "",
        f"{'':24}{'median':>10}{'least':>10}{'most':>10}{'cpu':>10}{'goal':>10}",
    ]
    for row in report["rows"]:
        times = "".join(f"{row[key]:>8.3f} s" for key in ("median_s", "least_s", "most_s", "cpu_s"))
        goal = f"{row['goal_s']:>8.1f} s" if row["goal_s"] else ""
        lines.append(f"{row['name']:24}{times}{goal}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
