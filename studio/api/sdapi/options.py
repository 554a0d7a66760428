"""AUTOMATIC1111's options: those that act here, for each caller, and those that its clients look
for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from studio.api.sdapi import names
from studio.catalog.catalog import Catalog
from studio.domain.errors import refused, shorten
from studio.domain.prompt_emphasis import EMPHASES

_MOST_CALLERS = 1000
_KEPT = "Kept, and nothing more."
_EMPHASES = {name.casefold(): own for own, label in EMPHASES.items() for name in (own, label)}
"""Theirs and ours, in small letters -> ours."""


class Options(BaseModel):
    """A caller's; frozen. Unknown ones are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    sd_model_checkpoint: str | None = Field(
        None,
        description="Draws this caller's pictures; one that is not there is refused. Once written, "
        "it is loaded as soon as nobody draws with another, and `progress` tells of it.",
    )
    sd_vae: str = Field("Automatic", description="The VAE; `Automatic` and `None`: its own.")
    CLIP_stop_at_last_layers: int = Field(1, ge=1, le=12, description="Clip skip.")
    emphasis: str = Field("Original", description="What becomes of weights in the prompt.")
    samples_format: str = Field(
        "png", pattern="^(png|jpg|jpeg|webp|avif)$", description="How pictures are encoded."
    )
    jpeg_quality: int = Field(80, ge=1, le=100, description="Of JPEG, WebP and AVIF.")
    return_grid: bool = Field(True, description="Whether a grid comes first, with `save_images`.")
    img2img_color_correction: bool = Field(False, description="Our colour correction.")
    eta_ancestral: float | None = Field(None, ge=0, le=1, description="Where `eta` is not given.")
    eta_ddim: float | None = Field(None, ge=0, le=1, description="The same, of DDIM.")
    upscaler_for_img2img: str | None = Field(None, description=_KEPT)
    control_net_no_detectmap: bool = Field(
        False, description="True: the maps of ControlNet units are not sent along."
    )
    live_previews_enable: bool = Field(True, description="False: `current_image` is null.")
    show_progress_every_n_steps: int = Field(10, description=_KEPT)
    send_seed: bool = Field(True, description=_KEPT)
    send_size: bool = Field(True, description=_KEPT)
    face_restoration_model: str | None = Field(None, description=_KEPT)

    @field_validator("emphasis")
    @classmethod
    def _is_an_emphasis(cls, value: str) -> str:
        if value.casefold() not in _EMPHASES:
            there = ", ".join(EMPHASES.values())
            raise ValueError(f"{shorten(value)} is unknown. There are: {there}.")
        return value


class AllOptions:
    """Of all callers; the newest are remembered. Safe from many threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._lock = threading.Lock()
        self._of: OrderedDict[str, Options] = OrderedDict()

    def get(self, account: str) -> Options:
        with self._lock:
            return self._of.get(account, Options())

    def changed(self, options: Options, given: Mapping[str, Any]) -> Options:
        """`options` with those of `given` that are known, null being the default. Raises
        `InvalidRequest`, and as the catalog does for a model that is not there."""
        defaults = Options().model_dump()
        known = {
            name: defaults[name] if value is None else value
            for name, value in given.items()
            if name in defaults
        }
        try:
            now = Options.model_validate(options.model_dump() | known)
        except ValidationError as error:
            raise refused(error) from None
        if "sd_model_checkpoint" in known and now.sd_model_checkpoint is not None:
            found = names.model(now.sd_model_checkpoint, "checkpoint", self._catalog)
            now = now.model_copy(update={"sd_model_checkpoint": found})
        if "sd_vae" in known and now.sd_vae:
            found = names.model(now.sd_vae, "vae", self._catalog)
            now = now.model_copy(update={"sd_vae": found or "Automatic"})
        return now

    def put(self, account: str, options: Options) -> None:
        with self._lock:
            self._of[account] = options
            self._of.move_to_end(account)
            while len(self._of) > _MOST_CALLERS:
                self._of.popitem(last=False)


def drawn_with(options: Options, default: str | None) -> tuple[str | None, str | None]:
    """(the checkpoint, the VAE; None: its own). `default` draws where none is chosen."""
    vae = None if options.sd_vae.casefold() in names.NOTHING else options.sd_vae
    return options.sd_model_checkpoint or default, vae


def passed_over(given: Mapping[str, Any]) -> list[str]:
    """Of `given` those that do nothing, and why."""
    told = []
    for name, value in given.items():
        field = Options.model_fields.get(name)
        if field is None:
            told.append(f"{name[:100]} was passed over: there is no such option here.")
        elif field.description == _KEPT and value not in (None, field.get_default()):
            told.append(f"{name} was passed over: nothing here goes by it.")
    return told


def settings(options: Options) -> dict[str, Any]:
    """Fields of a request that `options` stand for."""
    checkpoint, vae = drawn_with(options, None)
    return {
        "checkpoint": checkpoint,
        "vae": vae,
        "clip_skip": options.CLIP_stop_at_last_layers,
        "emphasis": _EMPHASES[options.emphasis.casefold()],
    }


def shown(options: Options, catalog: Catalog, checkpoint: str | None) -> dict[str, Any]:
    """All that a caller sees; `checkpoint` draws where it has chosen none."""
    name = options.sd_model_checkpoint or checkpoint
    ref = catalog.find(name) if name else None
    told = options.model_dump()
    told["sd_model_checkpoint"] = names.title(ref, catalog) if ref else None
    return told | {
        "sd_checkpoint_hash": (ref and catalog.sha256(ref)) or "",
        "eta_noise_seed_delta": 0,
        "randn_source": "CPU",
        "outdir_samples": "",
        "outdir_txt2img_samples": "",
        "outdir_img2img_samples": "",
        "outdir_extras_samples": "",
        "outdir_grids": "",
        "outdir_txt2img_grids": "",
        "outdir_img2img_grids": "",
    }
