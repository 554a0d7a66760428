"""The ControlNets beside picturebook: small, found, loaded as diffusers loads them, and obeyed."""

import argparse

import numpy as np
import pytest
import torch

from studio.domain.family import PICTUREBOOK
from studio.models.catalog import Catalog
from studio.models.loader import read
from studio.picturebook import control_maps, data
from studio.picturebook.control_net import MODELS, folder_of
from studio.picturebook.evaluate import load_parts
from studio.picturebook.evaluate_control import as_bytes, edge_f1, load_controlnet, pictures_of

SHIPPED = [kind for kind in control_maps.KINDS if folder_of(kind).is_dir()]


@pytest.fixture(scope="module", autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(min(2, before))
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("kind", SHIPPED)
def test_a_shipped_controlnet_is_small_half_precision_and_has_a_card(kind):
    weights = folder_of(kind) / "diffusion_pytorch_model.safetensors"
    assert weights.stat().st_size <= 15e6
    net = load_controlnet(folder_of(kind))
    assert all(torch.equal(p, p.half().float()) for p in net.parameters())
    assert "apache-2.0" in (folder_of(kind) / "README.md").read_text("utf-8")


@pytest.mark.parametrize("kind", SHIPPED)
def test_the_studio_finds_and_reads_it_as_diffusers_does(kind):
    ref = Catalog([MODELS]).find(f"picturebook-controlnet-{kind}", "controlnet")
    assert ref.family is PICTUREBOOK
    *_, (_, _, weights) = read(ref, torch.float32)
    net = load_controlnet(folder_of(kind))
    config = weights.configs["controlnet"]
    assert all(list(net.config[k]) == list(config[k]) for k in ("attention_head_dim",))
    found = weights.parts["controlnet"]
    assert found.keys() == net.state_dict().keys()
    assert all(torch.equal(found[name], value) for name, value in net.state_dict().items())


def test_pictures_follow_the_edges_of_the_map():
    parts, scenes = load_parts(), [data.unseen_scene(k) for k in range(6)]
    maps = np.stack([control_maps.plain_map("canny", scene, (128, 128)) for scene in scenes])
    options = argparse.Namespace(batch=6, steps=8, guidance=5.0, device="cpu", scale=1.0)
    f1 = []
    for net in (load_controlnet(folder_of("canny")), None):
        pictures = as_bytes(pictures_of(parts, scenes, maps, net, options))
        pairs = zip(pictures, maps[..., 0], strict=True)
        f1.append(np.mean([edge_f1(control_maps.canny(p)[..., 0], wanted) for p, wanted in pairs]))
    assert f1[0] > 0.55 and f1[0] > 1.5 * f1[1], f1
