"""Quantised weights: their scales are applied wherever they lie, or the file is refused."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from studio.catalog.catalog import Catalog
from studio.catalog.probe import probe
from studio.domain.errors import CheckpointError
from studio.families.stable_diffusion.family import SD1, SDXL
from studio.weights import lora
from studio.weights.loader import read as read_weights
from studio.weights.tensor_files import open_tensors, read_tensors
from tests.refs import ref_to
from tests.weights import checkpoints
from tests.weights.test_controlnets_and_tiny_vaes import controlnet_of

MARK = torch.zeros(2).to(torch.float8_e4m3fn)


def note(form: str) -> torch.Tensor:
    return torch.frombuffer(bytearray(json.dumps({"format": form}).encode()), dtype=torch.uint8)


def scaled(tensor: torch.Tensor, dtype: torch.dtype, a_row: bool) -> tuple[torch.Tensor, ...]:
    """(numbers, scale): as published tools make them."""
    most = 127.0 if dtype is torch.int8 else torch.finfo(dtype).max
    rows = tensor.flatten(1).abs().amax(1) if a_row else tensor.abs().max()
    scale = rows.clamp(min=1e-6) / most
    if a_row:
        scale = scale.reshape(-1, *[1] * (tensor.ndim - 1))
    numbers = tensor / scale
    return (numbers.round() if dtype is torch.int8 else numbers).to(dtype), scale


FORMS = {
    "scaled fp8": (torch.float8_e4m3fn, "scale_weight", False),
    "mixed": (torch.float8_e4m3fn, "weight_scale", False),
    "fp8 a row": (torch.float8_e5m2, "weight_scale", True),
    "int8": (torch.int8, "weight_scale", False),
    "int8 a row": (torch.int8, "weight_scale", True),
}


def quantised(tensors, form: str):
    """(what a tool writes, what it stands for)."""
    dtype, name, a_row = FORMS[form]
    stored, meant = {}, {}
    for key, tensor in tensors.items():
        stored[key] = meant[key] = tensor.clone().contiguous()
        module = key.removesuffix(".weight")
        if module == key or tensor.ndim < 2:
            continue
        numbers, scale = scaled(tensor, dtype, a_row)
        stored[key], stored[f"{module}.{name}"] = numbers, scale
        meant[key] = numbers.float() * scale
        if form == "scaled fp8":
            stored[f"{module}.scale_input"] = torch.ones(())
        elif form == "mixed":
            stored[f"{module}.comfy_quant"] = note("float8_e4m3fn")
    if form == "scaled fp8":
        stored["scaled_fp8"] = MARK
    return stored, meant


def read(ref):
    return next(weights for *_, weights in read_weights(ref, torch.float32) if weights)


def assert_equal(found, expected) -> None:
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize("suffix", [".safetensors", pytest.param(".ckpt", marks=pytest.mark.slow)])
@pytest.mark.parametrize("form", FORMS)
def test_a_checkpoint_in_one_file(form, suffix, tmp_path):
    """U-Net, VAE and text encoders: each weight is what its number and scale stand for."""
    family = SDXL if form == "mixed" else SD1
    stored, meant = quantised(checkpoints.original(checkpoints.parts_of(family), family), form)
    path, plain = tmp_path / f"a{suffix}", tmp_path / "plain.safetensors"
    save_file(stored, path) if suffix == ".safetensors" else torch.save(stored, path)
    save_file(meant, plain)
    assert (probe(path).kind, probe(path).problem) == ("checkpoint", "")
    found, expected = (read(checkpoints.ref_of(family, each)) for each in (path, plain))
    for part, tensors in expected.parts.items():
        assert_equal(found.parts[part], tensors)


@pytest.mark.parametrize(
    ("form", "how"),
    [
        ("scaled fp8", {"max_shard_size": "200KB"}),
        ("int8 a row", {}),
        pytest.param("scaled fp8", {}, marks=pytest.mark.slow),
        pytest.param("int8 a row", {"max_shard_size": "200KB"}, marks=pytest.mark.slow),
    ],
)
def test_a_folder_and_its_shards(form, how, tmp_path):
    """Also where a scale lies in another shard than its weight."""
    parts = checkpoints.parts_of(SD1)
    folder = tmp_path / "folder"
    ref = checkpoints.write_folder(parts, SD1, folder, **how)
    expected = {}
    for part in parts:
        files = sorted((folder / part).glob("*.safetensors"))
        tensors = {name: t for file in files for name, t in load_file(file).items()}
        stored, expected[part] = quantised(tensors, form)
        names = sorted(stored)
        for number, file in enumerate(files):
            save_file({name: stored[name] for name in names[number :: len(files)]}, file)
    assert not how or len(list((folder / "unet").glob("*.safetensors"))) > 1
    assert [each.name for each in Catalog([tmp_path]).refs("checkpoint")] == ["folder"]
    for part, tensors in read(ref).parts.items():
        assert_equal(tensors, expected[part])


@pytest.mark.parametrize("layout", ["ours", "original"])
@pytest.mark.parametrize("form", FORMS)
def test_a_controlnet(form, layout, tmp_path):
    net = controlnet_of(SD1)
    tensors = net.state_dict() if layout == "ours" else checkpoints.original_controlnet(net)
    stored, meant = quantised(tensors, form)
    save_file(stored, tmp_path / "net.safetensors")
    save_file(meant, tmp_path / "plain.safetensors")
    assert (probe(tmp_path / "net.safetensors").problem) == ""
    found, expected = (
        read(ref_to(name, "controlnet", tmp_path / f"{name}.safetensors", SD1))
        for name in ("net", "plain")
    )
    assert_equal(found.parts["controlnet"], expected.parts["controlnet"])


@pytest.mark.parametrize("form", FORMS)
def test_a_lora(form, tmp_path):
    unet = checkpoints.unet_of(SD1).state_dict()
    module = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    name = f"lora_unet_{module.replace('.', '_')}"
    tensors = {
        f"{name}.lora_down.weight": torch.randn(4, 128),
        f"{name}.lora_up.weight": torch.randn(128, 4),
    }
    stored, meant = quantised(tensors, form)
    save_file(stored, tmp_path / "l.safetensors")
    assert (probe(tmp_path / "l.safetensors").problem) == ""
    found = lora.read(ref_to("l", "lora", tmp_path / "l.safetensors", SD1), SD1, {"unet": unet})
    [delta] = found.deltas.values()
    zero = torch.zeros(128, 128)
    expected = meant[f"{name}.lora_up.weight"] @ meant[f"{name}.lora_down.weight"]
    assert torch.allclose(delta.add_to(zero, 1.0), expected, rtol=1e-5, atol=1e-5)


def test_the_product_is_made_in_float32(tmp_path):
    numbers = torch.tensor([[448.0, -3.25]]).to(torch.float8_e4m3fn)
    scale = torch.tensor(3.0e-3)
    path = tmp_path / "a.safetensors"
    save_file({"x.weight": numbers, "x.weight_scale": scale}, path)
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        [(_, group)] = list(open_tensors(path).read(["x.weight"], dtype))
        assert torch.equal(group["x.weight"], (numbers.float() * scale).to(dtype))
    assert read_tensors(path).keys() == {"x.weight"}


def test_plain_fp8_has_no_scales_and_stays_as_it_is(tmp_path):
    numbers = torch.randn(4, 4).to(torch.float8_e4m3fn)
    save_file({"x.weight": numbers}, tmp_path / "a.safetensors")
    found = read_tensors(tmp_path / "a.safetensors")["x.weight"]
    assert found.dtype is torch.float8_e4m3fn and torch.equal(found.float(), numbers.float())


UNET = "model.diffusion_model.middle_block.1.proj_in"
WIDE, BYTES = torch.zeros(128, 128).half(), torch.zeros(128, 128, dtype=torch.uint8)
SMALL = torch.zeros(128, 128).to(torch.float8_e4m3fn)
REFUSED = {
    "bitsandbytes nf4": {
        ".weight": BYTES, ".weight.absmax": torch.ones(8), ".weight.quant_map": torch.ones(16),
        ".weight.quant_state.bitsandbytes__nf4": BYTES[0],
    },
    "absmax alone": {".weight": WIDE, ".absmax": torch.ones(8)},
    "bitsandbytes int8": {".weight": BYTES.to(torch.int8), ".SCB": torch.ones(128)},
    "gptq": {".qweight": BYTES.int(), ".qzeros": BYTES.int(), ".scales": torch.ones(2, 128)},
    "nunchaku": {".qweight": BYTES.to(torch.int8), ".smooth": torch.ones(128).half()},
    "smooth": {".weight": SMALL, ".weight_scale": torch.ones(()), ".smooth": torch.ones(128)},
    "nvfp4": {
        ".weight": BYTES, ".weight_scale": torch.ones(128, 8).to(torch.float8_e4m3fn),
        ".weight_scale_2": torch.ones(()),
    },
    "scaled in blocks": {".weight": SMALL, ".weight_scale": torch.ones(2, 2)},
    "scales of whole numbers": {".weight": SMALL, ".weight_scale": BYTES[:, 0]},
    "inverse scales": {".weight": SMALL, ".weight_scale_inv": torch.ones(1, 1)},
    "a companion nobody knows": {".weight": SMALL, ".mystery": torch.ones(128)},
    "sdnq": {".weight": BYTES.to(torch.int8), ".scale": torch.ones(128, 1)},
    "int8 without a scale": {".weight": BYTES.to(torch.int8)},
    "bytes with a scale": {".weight": BYTES, ".weight_scale": torch.ones(())},
    "a rotation in its notes": {
        ".weight": BYTES.to(torch.int8), ".weight_scale": torch.ones(()),
        ".comfy_quant": torch.frombuffer(
            bytearray(b'{"format": "int8_tensorwise", "convrot": true}'), dtype=torch.uint8
        ),
    },
    "another format in its notes": {
        ".weight": SMALL, ".weight_scale": torch.ones(()), ".comfy_quant": note("mxfp8"),
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def whole():
    tensors = checkpoints.original(checkpoints.parts_of(SD1), SD1)
    return {n: t for n, t in tensors.items() if not n.startswith(f"{UNET}.weight")}


@pytest.mark.parametrize("form", REFUSED)
def test_any_other_form_is_refused_in_the_catalog(form, whole, tmp_path):
    path = tmp_path / "a.safetensors"
    more = {f"{UNET}{leaf}": tensor.clone() for leaf, tensor in REFUSED[form].items()}
    save_file({**whole, **more}, path)
    problem = probe(path).problem
    assert problem.startswith("a.safetensors is quantised in a form") and "16 bits" in problem
    with pytest.raises(CheckpointError, match="is quantised in a form"):
        read(checkpoints.ref_of(SD1, path))


def test_a_form_in_the_metadata_is_read_too(whole, tmp_path):
    path = tmp_path / "a.safetensors"
    tensors = {**whole, f"{UNET}.weight": SMALL, f"{UNET}.weight_scale": torch.ones(())}
    for form, refused in (("float8_e4m3fn", False), ("nvfp4", True)):
        layers = {"layers": {UNET: {"format": form}}}
        save_file(tensors, path, {"_quantization_metadata": json.dumps(layers)})
        assert bool(probe(path).problem) is refused


def test_a_quantised_part_of_a_folder_is_refused_by_name(tmp_path):
    ref = checkpoints.write_folder(checkpoints.parts_of(SD1), SD1, tmp_path / "folder")
    path = next((ref.path / "vae").glob("*.safetensors"))
    tensors = load_file(path)
    save_file({**tensors, "decoder.conv_in.absmax": torch.ones(2)}, path)
    with pytest.raises(CheckpointError, match=r"its vae is quantised .*absmax"):
        probe(ref.path)


def test_whole_numbers_that_are_no_weights_do_not_matter(whole, tmp_path):
    more = {
        "global_step": torch.tensor(3), "model_ema.num_updates": torch.tensor(3, dtype=torch.int32),
        "x.num_batches_tracked": torch.tensor(5), "flags": torch.tensor([True]),
        "logit_scale": torch.tensor(4.6),
        "x.relative_position_index": torch.zeros(4, 4, dtype=torch.int64),
        f"{UNET}.weight": torch.zeros(128, 128),
    }  # fmt: skip
    save_file({**whole, **more}, tmp_path / "a.safetensors")
    assert probe(tmp_path / "a.safetensors").problem == ""
    read(checkpoints.ref_of(SD1, tmp_path / "a.safetensors"))
