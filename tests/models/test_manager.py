"""Checkpoints in memory: loaded once, really given back, safe from what happens to their files."""

import gc
import shutil
import weakref

import pytest
import torch

from studio.domain.errors import CheckpointError, InvalidRequest
from studio.models import device
from studio.models.catalog import Catalog
from studio.models.manager import ModelManager
from studio.settings import assets_dir

EMBEDDED = assets_dir() / "models" / "picturebook"


@pytest.fixture
def catalog(tmp_path):
    for name in ("a", "b"):
        shutil.copytree(EMBEDDED, tmp_path / name)
    return Catalog([tmp_path])


@pytest.fixture
def manager():
    return ModelManager("cpu", "float32")


def test_two_leases_share_one_load(catalog, manager):
    with manager.lease(catalog.find("a")) as first:
        pass
    with manager.lease(catalog.find("a")) as second:
        assert second.unet is first.unet
    assert list(manager.prepare(catalog.find("a"))) == []


def test_after_a_swap_the_old_unet_is_gone(catalog, manager):
    with manager.lease(catalog.find("a")) as models:
        old = weakref.ref(models.unet)
    del models
    with manager.lease(catalog.find("b")):
        gc.collect()
        assert old() is None
    assert manager.state == ("b", "warm", 1.0)


def test_the_state_tells_how_far_loading_is(catalog, manager):
    assert manager.state == (None, "cold", 0.0)
    states = [manager.state for _ in manager.prepare(catalog.find("a"))]
    assert [state for _, state, _ in states] == ["loading"] * 4
    assert [fraction for *_, fraction in states] == sorted(fraction for *_, fraction in states)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_file_overwritten_in_place_does_not_change_the_live_model(catalog, dtype):
    """float16 is the format on disk: loading it maps the file, unless it is copied off."""
    ref = catalog.find("a")
    manager = ModelManager("cpu", dtype)
    with manager.lease(ref) as models:
        before = [tensor.clone() for tensor in models.unet.parameters()]
        for path in ref.path.rglob("*.safetensors"):
            size = path.stat().st_size
            with path.open("r+b") as file:
                file.seek(size // 2)
                file.write(bytes(size - size // 2))
        assert all(map(torch.equal, models.unet.parameters(), before))


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_broken_weights_say_which_and_what_to_do(catalog, manager, part):
    ref = catalog.find("a")
    weights = next((ref.path / part).glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=rf"a: its {part} cannot be loaded .* again"):
        list(manager.prepare(ref))
    assert manager.state[1] == "cold"
    with manager.lease(catalog.find("b")) as models:
        assert models.ref.name == "b"


def test_missing_weights_say_so(catalog, manager):
    ref = catalog.find("a")
    shutil.rmtree(ref.path / "vae")
    with pytest.raises(CheckpointError, match="vae"):
        list(manager.prepare(ref))


def test_pickles_are_not_read(catalog, manager):
    ref = catalog.find("a")
    weights = next((ref.path / "unet").glob("*.safetensors"))
    weights.rename(weights.with_name("diffusion_pytorch_model.bin"))
    with pytest.raises(CheckpointError):
        list(manager.prepare(ref))


def test_device_and_dtype_are_chosen_or_refused():
    cpu = torch.device("cpu")
    assert device.choose_device("cpu") == cpu
    assert device.choose_dtype("float32", cpu) is torch.float32
    assert device.choose_dtype("auto", torch.device("cuda")) is torch.float16
    assert device.choose_dtype("auto", cpu) in (torch.bfloat16, torch.float32)
    for wanted in ("tpu", "cuda:97"):
        with pytest.raises(InvalidRequest, match="auto"):
            device.choose_device(wanted)
    with pytest.raises(InvalidRequest, match="float32"):
        device.choose_dtype("int4", cpu)
