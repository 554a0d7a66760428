"""Models in memory: swapped in place, really given back, safe from what happens to their files."""

import gc
import shutil
import weakref

import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file

from studio.domain.errors import CheckpointError, InvalidRequest
from studio.domain.refs import Selection
from studio.models import device
from studio.models.catalog import Catalog
from studio.models.manager import ModelManager
from studio.settings import assets_dir

EMBEDDED = assets_dir() / "models" / "picturebook"
GIB = 2**30


def scaled(folder, factor):
    """A copy of the embedded model in `folder` whose U-Net's weights are `factor` times as large:
    another checkpoint of the same architecture."""
    shutil.copytree(EMBEDDED, folder)
    for path in (folder / "unet").glob("*.safetensors"):
        save_file({key: t * factor for key, t in load_file(path).items()}, path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name, factor in (("a", 1.0), ("b", 1.01), ("c", 0.99)):
        scaled(folder / name, factor)
    return folder


@pytest.fixture
def of(folder, tmp_path):
    """Name -> selection of that checkpoint, in a copy that a test may break."""
    for name in ("a", "b", "c"):
        shutil.copytree(folder / name, tmp_path / name)
    catalog = Catalog([tmp_path])
    return lambda name: Selection(catalog.find(name))


@pytest.fixture
def manager():
    return ModelManager("cpu", "float32")


def first_weight(models):
    return next(models.unet.parameters()).flatten()[:8].clone()


def test_two_leases_share_one_load(of, manager):
    with manager.lease(of("a")) as first:
        pass
    with manager.lease(of("a")) as second:
        assert second.unet is first.unet
    assert list(manager.prepare(of("a"))) == []


def test_a_swap_keeps_the_modules_and_exchanges_their_weights(of, manager):
    with manager.lease(of("a")) as models:
        unet, weights = models.unet, first_weight(models)
    with manager.lease(of("b")) as models:
        assert models.unet is unet
        assert torch.allclose(first_weight(models), 1.01 * weights, rtol=2e-3)
    assert list(manager.prepare(of("a"))) == [], "a is still in host memory"
    with manager.lease(of("a")) as models:
        assert models.unet is unet
        assert torch.equal(first_weight(models), weights)
    assert manager.state == ("a", "warm", 1.0)
    assert set(manager.warm) == {"a", "b"}


def test_what_exceeds_the_budget_is_given_up_and_really_gone(of):
    manager = ModelManager("cpu", "float32", host_bytes=0)
    with manager.lease(of("a")) as models:
        gone = [weakref.ref(models.unet), *map(weakref.ref, models.unet.parameters())]
    del models
    with manager.lease(of("b")):
        gc.collect()
        assert not any(reference() for reference in gone)
    assert manager.warm == ("b",)


def test_thirty_swaps_leave_the_process_no_larger(of):
    manager = ModelManager("cpu", "float32", host_bytes=0)
    process = psutil.Process()

    def once_round():
        for name in ("a", "b", "c"):
            with manager.lease(of(name)):
                pass
        manager.free()
        return process.memory_info().rss

    after_first = once_round()
    after_last = [once_round() for _ in range(9)][-1]
    assert after_last < 1.05 * after_first


def test_the_state_tells_how_far_loading_is(of, manager):
    assert manager.state == (None, "cold", 0.0)
    states = [manager.state for _ in manager.prepare(of("a"))]
    assert {state for _, state, _ in states} == {"loading"}
    fractions = [fraction for *_, fraction in states]
    assert fractions == sorted(fractions) and len(set(fractions)) > 3


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_file_overwritten_in_place_does_not_change_the_live_model(of, dtype):
    """float16 is the format on disk: loading it could leave it mapped."""
    manager = ModelManager("cpu", dtype)
    with manager.lease(of("a")) as models:
        before = [tensor.clone() for tensor in models.unet.parameters()]
        for path in models.ref.path.rglob("*.safetensors"):
            size = path.stat().st_size
            with path.open("r+b") as file:
                file.seek(size // 2)
                file.write(bytes(size - size // 2))
        assert all(map(torch.equal, models.unet.parameters(), before))


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_broken_weights_say_which_and_what_to_do(of, manager, part):
    selection = of("a")
    weights = next((selection.checkpoint.path / part).glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="a: .* cut short.* again"):
        list(manager.prepare(selection))
    assert manager.state[1] == "cold"
    with manager.lease(of("b")) as models:
        assert models.ref.name == "b"


def test_a_checkpoint_that_cannot_be_read_leaves_the_one_in_use(of, manager):
    with manager.lease(of("b")) as models:
        weights = first_weight(models)
    broken = of("a")
    shutil.rmtree(broken.checkpoint.path)
    with pytest.raises(CheckpointError, match="no longer there"):
        list(manager.prepare(broken))
    assert list(manager.prepare(of("b"))) == []
    with manager.lease(of("b")) as models:
        assert torch.equal(first_weight(models), weights)


def test_a_checkpoint_deleted_while_in_memory_still_draws(of, manager):
    with manager.lease(of("a")) as models:
        weights = first_weight(models)
    with manager.lease(of("b")):
        pass
    selection = of("a")
    shutil.rmtree(selection.checkpoint.path)
    with manager.lease(selection) as models:
        assert torch.equal(first_weight(models), weights)


def test_pickles_in_a_folder_are_not_read(of, manager):
    selection = of("a")
    weights = next((selection.checkpoint.path / "unet").glob("*.safetensors"))
    weights.rename(weights.with_name("diffusion_pytorch_model.bin"))
    with pytest.raises(CheckpointError):
        list(manager.prepare(selection))


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
