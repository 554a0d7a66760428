"""What there is: samplers, models, styles, scripts, as AUTOMATIC1111 lists them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from studio.api.sdapi import machine, names, plots
from studio.api.sdapi.desk import Desk
from studio.catalog.catalog import Catalog
from studio.domain.family import ModelFamily
from studio.domain.files import as_text
from studio.domain.noise_schedules import NOISE_SCHEDULES
from studio.domain.refs import ModelRef
from studio.domain.schedulers import SCHEDULERS
from studio.domain.stages import PIXEL_UPSCALERS

_RHO = {"karras": 7.0, "polyexponential": 1.0}
_OWN_SIGMAS = ("karras", "exponential", "polyexponential", "automatic", "uniform")
_ESRGAN = "esrgan"


Answer = tuple[Callable[[], Any], str]
"""What a route answers, and what docs/api.md says of it."""


def answers(desk: Desk) -> dict[str, Answer]:
    """Route below /sdapi/v1 -> its answer."""
    return {
        "samplers": (samplers, "Ours, with their names there."),
        "schedulers": (schedulers, "Our noise schedules."),
        "upscalers": (lambda: upscalers(desk), "None, Lanczos, Nearest, and the networks."),
        "latent-upscale-modes": (latent_modes, "All of theirs; the closest of ours are taken."),
        "sd-models": (lambda: checkpoints(desk), "Checkpoints."),
        "sd-vae": (lambda: vaes(desk), "VAEs."),
        "loras": (lambda: loras(desk), "LoRAs; their `metadata` is empty."),
        "hypernetworks": (list, "None: they cannot be used here."),
        "face-restorers": (list, "None."),
        "realesrgan-models": (lambda: real_esrgans(desk), "Those of the networks."),
        "embeddings": (lambda: embeddings(desk), "`skipped` do not go with the checkpoint."),
        "extensions": (list, "None."),
        "memory": (machine.memory, "Of this machine; nothing of its device."),
        "cmd-flags": (machine.flags, "What clients look for; nothing of the command line."),
    }


def samplers() -> list[dict[str, Any]]:
    return [
        {"name": spec.name, "aliases": _aliases(spec.name, spec.aliases), "options": {}}
        for spec in SCHEDULERS.values()
    ]


def _aliases(name: str, others: tuple[str, ...]) -> list[str]:
    key = name.lower().replace("++", "pp").replace(" ", "_")
    return [f"k_{key}", key, *others]


def schedulers() -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "label": label,
            "aliases": None,
            "default_rho": _RHO.get(name, -1.0),
            "need_inner_model": name not in _OWN_SIGMAS,
        }
        for name, label in NOISE_SCHEDULES.items()
    ]


def upscaler_names(catalog: Catalog) -> list[str]:
    return ["None", *PIXEL_UPSCALERS, *(ref.name for ref in catalog.refs("upscaler"))]


def upscalers(desk: Desk) -> list[dict[str, Any]]:
    scales = {ref.name: ref.facts.scale for ref in desk.catalog.refs("upscaler")}
    paths = {ref.name: _path(ref, desk) for ref in desk.catalog.refs("upscaler")}
    return [
        {
            "name": name,
            "model_name": name if name in paths else None,
            "model_path": paths.get(name),
            "model_url": None,
            "scale": scales.get(name) or 4,
        }
        for name in upscaler_names(desk.catalog)
    ]


def latent_modes() -> list[dict[str, str]]:
    return [{"name": name} for name in names.LATENT_MODES]


def checkpoints(desk: Desk) -> list[dict[str, Any]]:
    return [
        {
            "title": names.title(ref, desk.catalog),
            "model_name": ref.name,
            "hash": desk.catalog.short_hash(ref),
            "sha256": desk.catalog.sha256(ref),
            "filename": _path(ref, desk),
            "config": None,
        }
        for ref in desk.catalog.refs()
    ]


def vaes(desk: Desk) -> list[dict[str, str]]:
    return [
        {"model_name": ref.name, "filename": _path(ref, desk)} for ref in desk.catalog.refs("vae")
    ]


def loras(desk: Desk) -> list[dict[str, Any]]:
    return [
        {
            "name": ref.name,
            "alias": ref.facts.title or ref.name,
            "path": _path(ref, desk),
            "metadata": {},
        }
        for ref in desk.catalog.refs("lora")
    ]


def real_esrgans(desk: Desk) -> list[dict[str, Any]]:
    return [
        {"name": ref.name, "path": _path(ref, desk), "scale": ref.facts.scale or 4}
        for ref in desk.catalog.refs("upscaler")
        if _ESRGAN in f"{ref.facts.architecture} {ref.name}".casefold()
    ]


def embeddings(desk: Desk) -> dict[str, Any]:
    """`skipped`: those that the checkpoint which draws cannot read."""
    name = desk.checkpoint()
    family = desk.catalog.find(name).family if name else None
    loaded, skipped = {}, {}
    for ref in desk.catalog.refs("embedding"):
        fits = family is None or ref.family in (None, family)
        (loaded if fits else skipped)[ref.name] = {
            "step": None,
            "sd_checkpoint": None,
            "sd_checkpoint_name": None,
            "shape": _width(ref.family),
            "vectors": ref.facts.vectors or 1,
        }
    return {"loaded": loaded, "skipped": skipped}


def _width(family: ModelFamily | None) -> int | None:
    return {"SD 1.x": 768, "SD 2.x": 1024, "SDXL": 2048}.get(family.name) if family else None


def styles(desk: Desk, account: str) -> list[dict[str, str]]:
    return [
        {
            "name": style.name,
            "prompt": style.prompt,
            "negative_prompt": style.negative_prompt,
        }
        for style in desk.styles.all(account)
    ]


def _path(ref: ModelRef, desk: Desk) -> str:
    return desk.public(as_text(ref.path))


def script_arguments(titles: tuple[str, ...], is_edit: bool) -> list[dict[str, Any]]:
    """One entry for each place."""
    axes = plots.menu(is_edit)
    return [
        {
            "label": title,
            "value": None,
            "minimum": None,
            "maximum": None,
            "step": None,
            "choices": axes if title.endswith(" type") else None,
        }
        for title in titles
    ]
