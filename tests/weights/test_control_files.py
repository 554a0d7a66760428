"""ControlNet-Unions and T2I-Adapters: told from their names, the same from every layout."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from studio.catalog.catalog import Catalog
from studio.catalog.probe import probe
from studio.catalog.select import select
from studio.domain.errors import InvalidRequest
from studio.domain.refs import ModelRef
from studio.domain.request import GenerationRequest
from studio.families.stable_diffusion.family import PICTUREBOOK, SD1, SDXL
from studio.weights.loader import read
from studio.weights.modules import build
from tests.catalog import files
from tests.refs import ref_to
from tests.weights import checkpoints
from tests.weights.nets import original_light_t2i, original_t2i, t2i_of, union_of


def part_of(ref: ModelRef) -> tuple[str, dict[str, torch.Tensor], dict]:
    """(kind, weights, configuration) of what a unit names."""
    *_, (_, _, weights) = read(ref, torch.float32)
    [kind] = weights.parts
    return kind, weights.parts[kind], weights.configs[kind]


def is_the_same(net: torch.nn.Module, ref: ModelRef, kind: str) -> None:
    found, weights, config = part_of(ref)
    expected = net.state_dict()
    assert found == kind and weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert str(build(kind, config)) == str(net)


@pytest.mark.parametrize("form", ["folder", "file", "file with prefix"])
def test_unions(form, tmp_path):
    net = union_of(checkpoints.unet_of(SDXL), types=8)
    path = tmp_path / ("net" if form == "folder" else "net.safetensors")
    if form == "folder":
        net.save_pretrained(path)
    else:
        prefix = "control_model." if "prefix" in form else ""
        save_file({prefix + name: tensor for name, tensor in net.state_dict().items()}, path)
    is_the_same(net, ref_to("n", "controlnet", path, SDXL), "controlnet_union")


def union_header(types: int) -> dict[str, tuple[int, ...]]:
    return {
        "controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3),
        "control_add_embedding.linear_1.weight": (1280, 256 * types),
        "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight": (640, 2048),
        "task_embedding": (types, 320),
    }


def test_how_many_types_a_union_knows_is_told_from_its_header(tmp_path):
    first, pro = (
        probe(files.write(tmp_path / f"{n}.safetensors", union_header(n))) for n in (6, 8)
    )
    assert (first.kind, first.architecture, first.family) == ("controlnet", "union", SDXL)
    assert set(pro.control_types) - set(first.control_types) == {"tile", "inpaint"}


@pytest.fixture
def catalog(tmp_path):
    files.write(tmp_path / "xl.safetensors", files.checkpoint(2048))
    files.write(tmp_path / "union.safetensors", union_header(6))
    return lambda: Catalog([tmp_path / "none", tmp_path], data_dir=None)


def selected(catalog: Catalog, **unit):
    unit = {"controlnet": "union", "image": "a", **unit}
    return select(catalog, GenerationRequest(checkpoint="xl", controls=[unit]))


def test_a_union_must_be_told_what_the_map_shows(catalog):
    catalog = catalog()
    [found] = selected(catalog, preprocessor="canny").controlnets
    assert found.facts.control_types[:2] == ("openpose", "depth")
    assert selected(catalog, union_type="normal").controlnets == (found,)
    with pytest.raises(InvalidRequest, match=r"controls\.0: union .*Set union_type .*: openpose"):
        selected(catalog)
    with pytest.raises(InvalidRequest, match="reads no maps of the type shuffle.* reads: openpose"):
        selected(catalog, preprocessor="shuffle")
    with pytest.raises(InvalidRequest, match="no maps of the type tile"):
        selected(catalog, union_type="tile")


T2I = {
    "full": ([64, 128, 256, 256], {}, original_t2i),
    "gray": ([64, 128, 256, 256], {"in_channels": 1, "num_res_blocks": 3}, original_t2i),
    "XL": (
        [64, 128, 256, 256],
        {"downscale_factor": 16, "adapter_type": "full_adapter_xl"},
        original_t2i,
    ),
    "light": ([64, 128, 256], {"adapter_type": "light_adapter"}, original_light_t2i),
}


@pytest.mark.parametrize("shape", T2I)
@pytest.mark.parametrize("form", ["folder", "file", "original"])
def test_t2i_adapters(shape, form, tmp_path):
    channels, more, original = T2I[shape]
    net = t2i_of(channels, **more)
    path = tmp_path / ("net" if form == "folder" else "net.safetensors")
    if form == "folder":
        net.save_pretrained(path)
        told = probe(path / "diffusion_pytorch_model.safetensors")
    else:
        save_file(net.state_dict() if form == "file" else original(net), path)
        told = probe(path)
    assert (told.kind, told.architecture, told.problem) == ("controlnet", "t2i_adapter", "")
    assert told.family is (SDXL if shape == "XL" else PICTUREBOOK)
    is_the_same(net, ref_to("n", "controlnet", path), "t2i_adapter")


def test_families_of_t2i_adapters_in_full_size(tmp_path):
    shapes = {"adapter.body.0.resnets.0.block1.weight": (320, 320, 3, 3)}
    for channels, family in ((64, SD1), (192, SD1), (256, SDXL), (768, SDXL)):
        tensors = shapes | {"adapter.conv_in.weight": (320, channels, 3, 3)}
        path = files.write(tmp_path / f"{channels}.safetensors", tensors)
        assert probe(path).family is family
