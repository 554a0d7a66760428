"""How a model lives in the memory there is."""

from functools import partial

import numpy as np
import pytest
import torch

from studio.domain.errors import OutOfMemory
from studio.domain.refs import Selection
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.residence import memory
from studio.residence.manager import ModelManager
from studio.residence.slot import Slot
from tests import models_in_memory
from tests.engine import tiny_models
from tests.engine.running import pictures
from tests.models_in_memory import manager, picturebook
from tests.residence.leasing import stages

GIB = memory.GIB
FIELDS = {"prompt": "a red house on a meadow", "seed": 3, "steps": 5}
SDXL = {"unet": 5 * GIB, "text_encoder": GIB // 4, "text_encoder_2": GIB, "vae": GIB // 8}


@pytest.mark.parametrize(
    ("free_gib", "mode"), [(24, "device"), (9, "device"), (8, "offload"), (6, "partial")]
)
def test_the_fastest_mode_that_fits_is_taken(free_gib, mode):
    assert memory.mode_for(free_gib * GIB, SDXL) == mode


def test_each_mode_has_a_thriftier_one_but_the_last():
    assert memory.thriftier("device") == "offload"
    assert memory.thriftier("offload") == "partial"
    assert memory.thriftier("partial") == "sequential"
    assert memory.thriftier("sequential") is None


def test_on_a_cpu_there_is_nothing_thriftier_to_try():
    assert not ModelManager("cpu", "float32").be_thriftier()


def test_free_memory_is_less_than_there_is():
    assert 0 < memory.free_host_bytes() < 2**50
    assert memory.host_reserve_bytes() >= 2 * GIB


def test_a_load_that_cannot_fit_is_refused_with_figures(monkeypatch):
    """The system would end the process instead."""
    monkeypatch.setattr(memory, "free_host_bytes", lambda: 10_000_000)
    small = ModelManager("cpu", "float32")
    with pytest.raises(OutOfMemory, match=r"picturebook takes 0.1 GiB, and 0.0 GiB .* bfloat16"):
        stages(small, picturebook())
    assert small.state == (None, "cold", 0.0)


@torch.inference_mode()
def test_a_streamed_unet_predicts_the_same():
    """Its blocks come to the device one by one; here the device is host memory again."""
    with manager("float32").lease(picturebook()) as models:
        unet = models.backbone
        weights = dict(unet.state_dict())
        slot = Slot("unet", dict(unet.config), torch.device("cpu"), room=lambda: 0)
        slot.fill(weights)
        slot.bring()
        generator = torch.Generator().manual_seed(0)
        sample = torch.randn(1, 4, 16, 16, generator=generator)
        words = torch.randn(1, 77, unet.config.cross_attention_dim, generator=generator)
        expected = unet(sample, 500, words, return_dict=False)[0]
        found = slot.module(sample, 500, words, return_dict=False)[0]
        assert torch.allclose(found, expected, atol=1e-5)
        slot.fill({key: tensor * 0.9 for key, tensor in weights.items()})
        other = slot.module(sample, 500, words, return_dict=False)[0]
        assert not torch.allclose(other, expected, atol=1e-3), "weights are exchanged here too"


def test_weights_in_eight_bits_change_the_picture_a_little_and_lastingly(tmp_path):
    plain, small = manager("float32"), ModelManager("cpu", "float32", mode="fp8")
    sizes = []
    for held in (plain, small):
        with held.lease(picturebook()) as models:
            assert {p.dtype for p in models.vae.parameters()} == {torch.float32}
            sizes.append(sum(p.nbytes for p in models.backbone.parameters()))
    assert sizes[1] < 0.3 * sizes[0], "a quarter of float32, but for the norms"
    select = partial(models_in_memory.select, models_in_memory.catalog())
    first, again = (pictures(StableDiffusionEngine(small, select), **FIELDS) for _ in range(2))
    [exact] = pictures(StableDiffusionEngine(plain, select), **FIELDS)
    assert first[0].tobytes() == again[0].tobytes()
    difference = np.abs(np.asarray(first[0], int) - np.asarray(exact, int))
    assert 0 < difference.mean() < 12


def test_models_that_nobody_holds_make_room_for_a_drawing(tmp_path, monkeypatch):
    models = tiny_models.write(tmp_path)
    loans = ModelManager("cpu", "float32")
    one, two = (Selection(models.refs["checkpoint"][name]) for name in ("one", "two"))
    with loans.lease(one), loans.lease(two):
        pass
    idle = loans._cache.size_bytes // 2
    monkeypatch.setattr(memory, "free_host_bytes", lambda: GIB)
    with loans.lease(two):
        assert loans.room(GIB) == GIB + idle and loans.warm == ("one", "two")
        assert loans.room(GIB + idle + 1) == GIB + idle and len(loans._cache._held) == 2
        assert loans.room(GIB + idle) == GIB + idle and len(loans._cache._held) == 1
