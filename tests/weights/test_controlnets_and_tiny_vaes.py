"""ControlNets and tiny VAEs: the same from every layout."""

from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderTiny, ControlNetModel
from safetensors.torch import save_file

from studio.domain.errors import CheckpointError
from studio.domain.family import ModelFamily
from studio.domain.refs import ModelRef
from studio.families.stable_diffusion.family import SD1, SDXL
from studio.weights.loader import read
from studio.weights.modules import build
from studio.weights.tiny_vae import read_tiny_vae
from tests.refs import ref_to
from tests.weights import checkpoints


def controlnet_of(family: ModelFamily) -> ControlNetModel:
    """The encoder half of the family's small U-Net; what SDXL tells of sizes is full size."""
    unet = checkpoints.unet_of(family)
    if family is SDXL:
        config = dict(unet.config) | {
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": 6 * 256 + 128,
        }
        unet = type(unet).from_config(config)
    made = ControlNetModel.from_unet(unet)
    for tensor in made.parameters():
        tensor.data += torch.randn_like(tensor) * 0.02
    return made


def read_controlnet(ref: ModelRef) -> tuple[dict[str, torch.Tensor], dict]:
    *_, (_, _, weights) = read(ref, torch.float32)
    return weights.parts["controlnet"], weights.configs["controlnet"]


@pytest.mark.parametrize("family", [SD1, SDXL], ids=lambda family: family.name)
@pytest.mark.parametrize("form", ["original", "bare", "one file", "folder"])
def test_controlnets(family, form, tmp_path):
    net = controlnet_of(family)
    path = tmp_path / ("net" if form == "folder" else "net.safetensors")
    if form == "folder":
        net.save_pretrained(path)
    elif form == "one file":
        save_file(net.state_dict(), path)
    else:
        prefix = "control_model." if form == "original" else ""
        tensors = checkpoints.original_controlnet(net)
        save_file({prefix + name: tensor.clone() for name, tensor in tensors.items()}, path)
    weights, config = read_controlnet(ref_to("n", "controlnet", path, family))
    expected = net.state_dict()
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert str(build("controlnet", config)) == str(net)


@pytest.mark.parametrize("form", ["original", "ours", "folder"])
def test_tiny_vaes(form, tmp_path):
    tiny = AutoencoderTiny()
    path = tmp_path / ("taesd" if form == "folder" else "taesd_decoder.safetensors")
    if form == "folder":
        tiny.save_pretrained(path)
    elif form == "ours":
        save_file(tiny.state_dict(), path)
    else:
        layers = tiny.decoder.layers.state_dict()
        named = {name.split(".", 1)[0]: None for name in layers}
        shifted = {n: f"{int(n) + 1}" for n in named}
        save_file(
            {f"{shifted[n.split('.', 1)[0]]}.{n.split('.', 1)[1]}": t for n, t in layers.items()},
            path,
        )
    weights, config = read_tiny_vae(ref_to("t", "tiny_vae", path), torch.float32)
    expected = {n: t for n, t in tiny.state_dict().items() if n.startswith("decoder.")}
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert str(build("tiny_vae", config).decoder) == str(tiny.decoder)


def test_another_kind_of_file_is_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"something.weight": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match="n: there is no ControlNet in it"):
        read_controlnet(ref_to("n", "controlnet", path, SD1))
    with pytest.raises(CheckpointError, match="t: there is no decoder of a tiny VAE"):
        read_tiny_vae(ref_to("t", "tiny_vae", path), torch.float32)
