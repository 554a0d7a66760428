"""A VAE that overflows in half precision, as that of SDXL does: told, and decoded all the same."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

from studio.domain.events import Failed, Finished
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.residence.manager import ModelManager
from tests.engine.running import run, settled
from tests.models_in_memory import picturebook

FIELDS = {"prompt": "a red house", "seed": 1, "steps": 2}


def engine_with_large_vae(dtype: str, largest: float) -> StableDiffusionEngine:
    """The decoder's last convolution before its norm, which takes any scale out, has weights up to
    `largest`: what comes out of it no longer fits into half precision."""
    manager = ModelManager("cpu", dtype)
    with manager.lease(picturebook()) as models, torch.inference_mode():
        conv = models.vae.decoder.up_blocks[-1].resnets[-1].conv2
        factor = largest / conv.weight.abs().max()
        conv.weight.mul_(factor)
        conv.bias.mul_(factor)
    return StableDiffusionEngine(manager, lambda request: picturebook())


def test_float32_takes_over_and_says_so(caplog):
    engine = engine_with_large_vae("float16", 60000.0)
    with caplog.at_level(logging.WARNING):
        last = run(engine, settled(**FIELDS))[-1]
    assert isinstance(last, Finished), last
    assert "decoded again in float32" in last.pictures[0].warnings[0]
    assert "float32" in caplog.text
    assert np.asarray(last.pictures[0].image).std() > 5
    again = run(engine, settled(**FIELDS))[-1]
    assert again.pictures[0].image.tobytes() == last.pictures[0].image.tobytes()


def test_a_vae_that_is_broken_fails_that_job_only():
    engine = engine_with_large_vae("float32", float("inf"))
    last = run(engine, settled(**FIELDS))[-1]
    assert isinstance(last, Failed)
    assert "Choose another VAE" in last.message


@pytest.mark.parametrize("dtype", ["float32", pytest.param("bfloat16", marks=pytest.mark.slow)])
def test_others_go_unremarked(dtype):
    engine = StableDiffusionEngine(ModelManager("cpu", dtype), lambda request: picturebook())
    last = run(engine, settled(**FIELDS))[-1]
    assert last.warnings == ()
    assert torch.get_default_dtype() is torch.float32
