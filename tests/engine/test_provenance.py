"""What a picture says that it was drawn with: that blocks were compiled only where they may be."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from studio.catalog.select import select
from studio.diffusion.execution import Eager
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.residence.manager import ModelManager
from tests.engine.running import run, settled
from tests.models_in_memory import catalog, manager


class Altering(Eager):
    alters = "blocks compiled"


def engine_of(models: ModelManager) -> StableDiffusionEngine:
    return StableDiffusionEngine(models, partial(select, catalog()), execution=Altering())


@pytest.mark.parametrize("mode", ["device", "fp8"])
def test_a_picture_says_what_its_execution_alters_where_it_is_asked(mode):
    models = manager("float32") if mode == "device" else ModelManager("cpu", "float32", mode)
    engine = engine_of(models)
    request = settled(prompt="a red house", steps=1, width=64, height=64)
    [picture] = run(engine, request)[-1].pictures
    told = picture.provenance
    assert ("blocks compiled" in told.kernels) == (mode == "device")
    assert told == engine.provenance(request), "what is foretold is what is told"


@pytest.mark.parametrize(
    ("mode", "stays"), [("device", True), ("auto", True), ("offload", False), ("sequential", False)]
)
def test_parts_that_come_and_go_are_called_as_they_are(mode, stays, monkeypatch):
    models = ModelManager("cpu", "float32", mode)
    request = settled(prompt="a red house", steps=1, width=64, height=64)
    monkeypatch.setattr(models, "device", torch.device("cuda"))
    monkeypatch.setattr("studio.engine.provenance.describe", str)
    monkeypatch.setattr("studio.engine.provenance.kernels", lambda device: "cuDNN")
    told = engine_of(models).provenance(request)
    assert told.kernels == ("cuDNN, blocks compiled" if stays else "cuDNN")
