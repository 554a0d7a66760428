"""Whose latents a tiny VAE decodes: those of SD 1.x and of SDXL have the same names and shapes."""

from __future__ import annotations

from studio.catalog.catalog import Catalog
from studio.domain.errors import CheckpointError
from studio.domain.family import ModelFamily
from studio.domain.refs import ModelRef
from studio.families.stable_diffusion.family import SD1, SDXL

_PUBLISHED = {
    "db169d69145ec4ff064e49d99c95fa05d3eb04ee453de35824a6d0f325513549": SD1,
    "d903e7cc3ae58f21d985a3498a841fa8b230edccff7ac5d27607b0c557945c6f": SD1,
    "ff4824aca94dd6111e0340fa749347fb74101060d9712cb5ef1ca8f1cf17502f": SDXL,
    "ae5256b046b01d577279ed93a55bbb1fb2689e55aa14cfc0f7f841e0160202a5": SDXL,
}
"""sha256 of TAESD's and TAESDXL's files, whole and decoder alone, which say nothing of it."""


def tiny_vae_for(catalog: Catalog, family: ModelFamily) -> ModelRef | None:
    """The first that decodes the latents of `family`: of a family that its header tells, or one
    of the published files. What tells nothing is left alone, since it might show wrong colours."""
    for ref in catalog.refs("tiny_vae"):
        own = ref.family or _published(catalog, ref)
        if own and own.latent_scale == family.latent_scale:
            return ref
    return None


def _published(catalog: Catalog, ref: ModelRef) -> ModelFamily | None:
    try:
        return _PUBLISHED.get(catalog.compute_sha256(ref))  # of ten megabytes at most, and once
    except CheckpointError:
        return None
