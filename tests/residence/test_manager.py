"""Models in memory: swapped in place, really given back, safe from what happens to their files."""

import gc
import json
import shutil
import weakref
from dataclasses import replace

import psutil
import pytest
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file

from studio.catalog.catalog import Catalog
from studio.domain.errors import CheckpointError, InvalidRequest
from studio.domain.refs import LoraUse, Selection
from studio.families.stable_diffusion.family import PICTUREBOOK
from studio.residence import device
from studio.residence.manager import ModelManager
from studio.settings import assets_dir
from studio.weights.configs import METADATA_CONFIGS
from tests.refs import ref_to
from tests.residence.leasing import Owner, stages

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
    return next(models.backbone.parameters()).flatten()[:8].clone()


def test_two_leases_share_one_load(of, manager):
    with manager.lease(of("a")) as first:
        pass
    with manager.lease(of("a")) as second:
        assert second.backbone is first.backbone
    assert stages(manager, of("a")) == []


def test_a_swap_keeps_the_modules_and_exchanges_their_weights(of, manager):
    with manager.lease(of("a")) as models:
        unet, weights = models.backbone, first_weight(models)
    with manager.lease(of("b")) as models:
        assert models.backbone is unet
        assert torch.allclose(first_weight(models), 1.01 * weights, rtol=2e-3)
    assert stages(manager, of("a")) == [], "a is still in host memory"
    with manager.lease(of("a")) as models:
        assert models.backbone is unet
        assert torch.equal(first_weight(models), weights)
    assert manager.state == ("a", "warm", 1.0)
    assert set(manager.warm) == {"a", "b"}


def test_what_exceeds_the_budget_is_given_up_and_really_gone(of):
    manager = ModelManager("cpu", "float32", host_bytes=0)
    with manager.lease(of("a")) as models:
        gone = [weakref.ref(models.backbone), *map(weakref.ref, models.backbone.parameters())]
    del models
    with manager.lease(of("b")):
        gc.collect()
        assert not any(reference() for reference in gone)
    assert manager.warm == ("b",)


def test_nine_swaps_leave_the_process_no_larger(of):
    manager = ModelManager("cpu", "float32", host_bytes=0)
    process = psutil.Process()

    def once_round():
        for name in ("a", "b", "c"):
            with manager.lease(of(name)):
                pass
        manager.free()
        return process.memory_info().rss

    after_first = once_round()
    after_last = [once_round() for _ in range(2)][-1]
    assert after_last < 1.05 * after_first


def test_the_state_tells_how_far_loading_is(of, manager):
    assert manager.state == (None, "cold", 0.0)
    owner = Owner()
    with manager.borrow(of("a"), owner) as lease:
        states = [manager.state for _ in manager.prepare(lease)]
    assert {state for _, state, _ in states} == {"loading"}
    fractions = [fraction for *_, fraction in states]
    assert fractions == sorted(fractions) and len(set(fractions)) > 3


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_file_overwritten_in_place_does_not_change_the_live_model(of, dtype):
    """float16 is the format on disk: loading it could leave it mapped."""
    manager = ModelManager("cpu", dtype)
    with manager.lease(of("a")) as models:
        before = [tensor.clone() for tensor in models.backbone.parameters()]
        for path in models.ref.path.rglob("*.safetensors"):
            size = path.stat().st_size
            with path.open("r+b") as file:
                file.seek(size // 2)
                file.write(bytes(size - size // 2))
        assert all(map(torch.equal, models.backbone.parameters(), before))


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_broken_weights_say_which_and_what_to_do(of, manager, part):
    selection = of("a")
    weights = next((selection.checkpoint.path / part).glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="a: .* cut short.* again"):
        stages(manager, selection)
    assert manager.state[1] == "cold"
    with manager.lease(of("b")) as models:
        assert models.ref.name == "b"


def test_a_checkpoint_that_cannot_be_read_leaves_the_one_in_use(of, manager):
    with manager.lease(of("b")) as models:
        weights = first_weight(models)
    broken = of("a")
    shutil.rmtree(broken.checkpoint.path)
    with pytest.raises(CheckpointError, match="no longer there"):
        stages(manager, broken)
    assert stages(manager, of("b")) == []
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


def write_lora(path, seed=0, rank=4):
    """A LoRA in the dialect of kohya for two layers of the U-Net and one of the text encoder."""
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape):
        return torch.randn(shape, generator=generator) * 0.1

    tensors = {}
    for layer, width, out in (
        ("lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k", 192, 256),
        ("lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q", 256, 256),
        ("lora_te_text_model_encoder_layers_0_self_attn_q_proj", 192, 192),
    ):
        tensors[f"{layer}.lora_down.weight"] = noise(rank, width)
        tensors[f"{layer}.lora_up.weight"] = noise(out, rank)
        tensors[f"{layer}.alpha"] = torch.tensor(float(rank))
    save_file(tensors, path)
    return ref_to(path.stem, "lora", path, PICTUREBOOK, layout="kohya", rank=rank)


def all_weights(models):
    return [p.clone() for m in (models.backbone, *models.text_encoders) for p in m.parameters()]


def equal(before, after):
    return all(map(torch.equal, before, after))


def test_a_lora_taken_off_leaves_no_bit_changed(of, manager, tmp_path):
    plain = of("a")
    one, two = (
        write_lora(tmp_path / "one.safetensors", 1),
        write_lora(tmp_path / "two.safetensors", 2),
    )
    with manager.lease(plain) as models:
        before, addresses = (
            all_weights(models),
            [p.data_ptr() for p in models.backbone.parameters()],
        )
    for uses in ([LoraUse(one)], [LoraUse(one, 0.5), LoraUse(two, -1.0, 0.3)], [LoraUse(two, 0.2)]):
        with manager.lease(replace(plain, loras=tuple(uses))) as models:
            changed = [
                not torch.equal(a, b) for a, b in zip(before, all_weights(models), strict=True)
            ]
            assert sum(changed) == 3, "two of the U-Net, one of the text encoder, and no other"
    with manager.lease(plain) as models:
        assert equal(before, all_weights(models))
        assert [p.data_ptr() for p in models.backbone.parameters()] == addresses, (
            "nothing was copied"
        )
    with manager.lease(replace(plain, loras=(LoraUse(one, 0.0, 0.0),))) as models:
        assert equal(before, all_weights(models)), "weight 0 adds nothing"


def test_two_loras_add_up_whatever_their_order(of, manager, tmp_path):
    plain = of("a")
    one, two = (
        write_lora(tmp_path / "one.safetensors", 1),
        write_lora(tmp_path / "two.safetensors", 2),
    )
    key = "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight"

    def weight(*uses):
        with manager.lease(replace(plain, loras=uses)) as models:
            return dict(models.backbone.named_parameters())[key].clone()

    base = weight()
    added = weight(LoraUse(one, 0.7)) + weight(LoraUse(two, 0.4)) - base
    both = weight(LoraUse(one, 0.7), LoraUse(two, 0.4))
    assert torch.allclose(both, added, atol=1e-6)
    assert torch.allclose(both, weight(LoraUse(two, 0.4), LoraUse(one, 0.7)), atol=1e-6)
    assert torch.allclose(weight(LoraUse(one, 0.7), LoraUse(one, -0.7)), base, atol=1e-6)


def test_a_lora_follows_the_checkpoint_it_is_used_with(of, manager, tmp_path):
    use = LoraUse(write_lora(tmp_path / "one.safetensors"))
    with manager.lease(replace(of("a"), loras=(use,))) as models:
        first = all_weights(models)
    with manager.lease(replace(of("b"), loras=(use,))):
        pass
    with manager.lease(of("b")) as models:
        plain_b = all_weights(models)
    with manager.lease(replace(of("a"), loras=(use,))) as models:
        assert equal(first, all_weights(models))
    fresh = ModelManager("cpu", "float32")
    with fresh.lease(of("b")) as models:
        assert equal(plain_b, all_weights(models))


def test_a_lora_that_cannot_be_used_leaves_all_as_it_was(of, manager, tmp_path):
    plain = of("a")
    with manager.lease(plain) as models:
        before = all_weights(models)
    broken = write_lora(tmp_path / "broken.safetensors")
    save_file({"lora_unet_no_such_layer.lora_down.weight": torch.ones(1, 2)}, broken.path)
    with pytest.raises((CheckpointError, InvalidRequest), match="broken"):
        stages(manager, replace(plain, loras=(LoraUse(broken),)))
    with manager.lease(plain) as models:
        assert equal(before, all_weights(models))


def test_another_vae_is_put_in_the_place_of_the_checkpoints_own(of, manager, tmp_path):
    state = load_file(next((EMBEDDED / "vae").glob("*.safetensors")))
    path = tmp_path / "other.safetensors"
    untold = {"vae": {"norm_num_groups": 2}}  # no shape tells it, and it is no usual number
    metadata = {METADATA_CONFIGS: json.dumps(untold)}
    save_file({key: tensor * 1.01 for key, tensor in state.items()}, path, metadata)
    other = ref_to("other", "vae", path, layout="single")
    plain = of("a")
    with manager.lease(plain) as models:
        own, unet = next(models.vae.parameters()).clone(), models.backbone
    with manager.lease(replace(plain, vae=other)) as models:
        assert torch.allclose(next(models.vae.parameters()), own * 1.01, rtol=2e-3)
        assert models.backbone is unet
        assert models.vae.config.scaling_factor == pytest.approx(
            AutoencoderKL.load_config(EMBEDDED / "vae")["scaling_factor"]
        )
    with manager.lease(plain) as models:
        assert torch.equal(next(models.vae.parameters()), own)


def test_pickles_in_a_folder_are_not_read(of, manager):
    selection = of("a")
    weights = next((selection.checkpoint.path / "unet").glob("*.safetensors"))
    weights.rename(weights.with_name("diffusion_pytorch_model.bin"))
    with pytest.raises(CheckpointError):
        stages(manager, selection)


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
