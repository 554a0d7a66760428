"""IP-Adapters and the image encoders they see with: told from their headers, found together."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from safetensors.torch import save_file

from studio.catalog.catalog import Catalog
from studio.catalog.probe import probe
from studio.catalog.select import select
from studio.domain.errors import CheckpointError, InvalidRequest
from studio.domain.refs import ModelFile, ModelRef
from studio.domain.request import GenerationRequest
from studio.families.stable_diffusion.family import PICTUREBOOK, SD1, SDXL
from studio.weights import ip_adapter_files
from studio.weights.loader import read
from studio.weights.modules import build
from tests.catalog import files
from tests.refs import ref_to
from tests.weights import checkpoints, nets


def read_part(ref: ModelRef):
    *_, (_, _, weights) = read(ref, torch.float32)
    [kind] = weights.parts
    return kind, weights.parts[kind], weights.configs[kind]


def header(text: int, **projection: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Of an IP-Adapter for a family with text as wide as that."""
    told = {f"image_proj.{name.replace('__', '.')}": shape for name, shape in projection.items()}
    return told | {
        "ip_adapter.1.to_k_ip.weight": (320, text),
        "ip_adapter.1.to_v_ip.weight": (320, text),
    }


PLAIN_SD1 = header(768, proj__weight=(3072, 1024), norm__weight=(768,))
PLUS_SD1 = header(768, latents=(1, 16, 768), proj_in__weight=(768, 1280))
PLAIN_XL = header(2048, proj__weight=(8192, 1280), norm__weight=(2048,))
FULL_FACE = {f"proj__{n}": s for n, s in (("0__weight", (1280, 1280)), ("3__weight", (768,)))}
FACE_ID = {"proj__0__weight": (1024, 512), "proj__2__weight": (3072, 1024), "norm__weight": (768,)}
VIT_H = {
    "vision_model.embeddings.class_embedding": (1280,),
    "vision_model.encoder.layers.0.self_attn.q_proj.weight": (1280, 1280),
    "visual_projection.weight": (1024, 1280),
}


@pytest.mark.parametrize(
    ("tensors", "family", "reads"),
    [
        (PLAIN_SD1, SD1, (0, 1024)),
        (PLUS_SD1, SD1, (1280, 0)),
        (PLAIN_XL, SDXL, (0, 1280)),
        (header(768, **FULL_FACE), SD1, (1280, 0)),
    ],
)
def test_what_an_ip_adapter_is_for(tmp_path, tensors, family, reads):
    told = probe(files.write(tmp_path / "x.safetensors", tensors))
    assert (told.kind, told.architecture, told.problem) == ("controlnet", "ip_adapter", "")
    assert (told.family, told.image_features) == (family, reads)


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        (header(768, **FACE_ID), "FaceID"),
        (header(768, perceiver_resampler__proj_in__weight=(768, 1280)), "FaceID"),
        (header(4096, proj__weight=(3072, 1024)), "cannot run"),
        (header(768, other=(1,)), "cannot run"),
    ],
)
def test_those_that_cannot_be_used_say_why(tmp_path, tensors, says):
    told = probe(files.write(tmp_path / "x.safetensors", tensors))
    assert says in told.problem and "IP-Adapter" in told.problem


def test_image_encoders_are_told(tmp_path):
    told = probe(files.write(tmp_path / "x.safetensors", VIT_H))
    assert (told.kind, told.image_features) == ("image_encoder", (1280, 1024))
    part = {"visual_projection.weight": (1024, 1280)}
    assert "part is missing" in probe(files.write(tmp_path / "y.safetensors", part)).problem


@pytest.mark.parametrize("kind", ["plain", "plus"])
def test_every_weight_finds_its_place(kind, tmp_path):
    """The fused keys and values of the resampler are taken apart in the right order."""
    tensors = nets.ip_adapter(checkpoints.unet_of(SD1), kind)
    path = tmp_path / "x.safetensors"
    save_file(tensors, path)
    found, weights, config = read_part(ref_to("x", "controlnet", path))
    assert found == "ip_adapter"
    assert sum(t.numel() for t in weights.values()) == sum(t.numel() for t in tensors.values())
    build("ip_adapter", config).load_state_dict(weights, assign=True)
    if kind == "plus":
        fused = tensors["image_proj.layers.2.0.to_kv.weight"]
        key, value = (weights[f"projection.layers.2.attn.to_{each}.weight"] for each in "kv")
        assert torch.equal(torch.cat([key, value]), fused)


def test_an_ip_adapter_of_which_a_part_is_missing_is_refused(tmp_path):
    tensors = nets.ip_adapter(checkpoints.unet_of(SD1), "plus")
    del tensors["image_proj.layers.1.0.to_kv.weight"]
    save_file(tensors, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match="x: 2 of its .* weights are missing, projection"):
        read_part(ref_to("x", "controlnet", tmp_path / "x.safetensors"))


def test_an_image_encoder_from_a_file_with_and_without_its_configuration(tmp_path):
    made = nets.image_encoder()
    made.save_pretrained(tmp_path / "eyes")
    [ref] = Catalog([tmp_path]).refs("image_encoder")
    assert ref.name == "eyes"
    kind, weights, config = read_part(ref)
    assert kind == "image_encoder" and config["num_attention_heads"] == 2
    assert all(torch.equal(weights[name], tensor) for name, tensor in made.state_dict().items())
    assert str(build(kind, config)) == str(made)
    alone = dataclasses.replace(ref, file=ModelFile(ref.path.rename(tmp_path / "clip.safetensors")))
    assert read_part(alone)[2]["num_attention_heads"] == 16  # as in all published ones so wide


@pytest.fixture
def shelf(tmp_path):
    files.write(tmp_path / "sd.safetensors", files.checkpoint(768))
    files.write(tmp_path / "plus.safetensors", PLUS_SD1)
    files.write(tmp_path / "plain.safetensors", PLAIN_SD1)
    files.write(tmp_path / "xl.safetensors", PLAIN_XL)

    def selected(*names: str, **unit):
        units = [{"controlnet": name, "image": "a", **unit} for name in names]
        catalog = Catalog([tmp_path / "none", tmp_path])
        return select(catalog, GenerationRequest(checkpoint="sd", controls=units))

    return selected


def test_without_its_image_encoder_it_says_what_to_get_and_where(shelf, tmp_path):
    with pytest.raises(InvalidRequest, match=r"plus sees with CLIP ViT-H/14, which is not there"):
        shelf("plus")
    big = VIT_H | {
        "vision_model.embeddings.class_embedding": (1664,),
        "visual_projection.weight": (1280, 1664),
    }
    files.write(tmp_path / "clip_vision" / "big.safetensors", big)
    with pytest.raises(InvalidRequest, match=r"from models/image_encoder of .*h94/IP-Adapter"):
        shelf("plain")
    files.write(tmp_path / "clip_vision" / "huge.safetensors", VIT_H)
    assert [ref.name for ref in shelf("plain", "plus").image_encoders] == ["huge"]


def test_what_an_ip_adapter_has_no_use_for_is_refused(shelf, tmp_path):
    files.write(tmp_path / "huge.safetensors", VIT_H)
    with pytest.raises(InvalidRequest, match=r"controls\.0: plus .* preprocessor none"):
        shelf("plus", preprocessor="canny")
    with pytest.raises(InvalidRequest, match=r"controls\.0: plus has no control modes"):
        shelf("plus", mode="prompt")
    with pytest.raises(InvalidRequest, match=r"xl is for SDXL, but sd is SD 1\.x.*: plain, plus"):
        shelf("xl")


def test_one_for_another_unet_is_refused_by_its_shapes(tmp_path):
    """Where the text is as wide by chance, as of small models."""
    unet = checkpoints.unet_of(SD1)
    save_file(nets.ip_adapter(unet, "plain"), tmp_path / "x.safetensors")
    _, _, config = read_part(ref_to("x", "controlnet", tmp_path / "x.safetensors", PICTUREBOOK))
    assert not ip_adapter_files.misfit(config, dict(unet.config))
    other = dict(unet.config) | {"layers_per_block": 1}
    assert ip_adapter_files.misfit(config, other)
