"""The ControlNets beside picturebook: small, found, loaded as diffusers loads them, and obeyed."""

import argparse

import numpy as np
import pytest
import torch

from studio.catalog.catalog import Catalog
from studio.families.stable_diffusion.family import PICTUREBOOK
from studio.picturebook import control_maps, data
from studio.picturebook.control_net import MODELS, folder_of
from studio.picturebook.control_segmenter import (
    confusion,
    mean_iou,
)
from studio.picturebook.evaluate_control import edge_f1, load_controlnet, pictures_of
from studio.picturebook.loading import load_parts
from studio.picturebook.segmenter import SEGMENTER_PATH, Segmenter
from studio.picturebook.train_vae import as_bytes, to_tensor
from studio.weights.loader import read

SIDE = 256
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
    assert ref.family == PICTUREBOOK
    *_, (_, _, weights) = read(ref, torch.float32)
    net = load_controlnet(folder_of(kind))
    config = weights.configs["controlnet"]
    assert all(list(net.config[k]) == list(config[k]) for k in ("attention_head_dim",))
    found = weights.parts["controlnet"]
    assert found.keys() == net.state_dict().keys()
    assert all(torch.equal(found[name], value) for name, value in net.state_dict().items())


@pytest.fixture(scope="module")
def drawn():
    """Four unseen scenes, the model's parts, and a function from a kind (None: no control) to the
    pictures of the scenes that it leads to."""
    parts, scenes = load_parts(), [data.unseen_scene(k) for k in range(4)]
    options = argparse.Namespace(batch=4, steps=8, guidance=5.0, device="cpu", scale=1.0, side=SIDE)
    made = {}

    def pictures(kind):
        if kind not in made:
            maps = net = None
            if kind:
                maps = np.stack([control_maps.plain_map(kind, s, (SIDE, SIDE)) for s in scenes])
                net = load_controlnet(folder_of(kind))
            made[kind] = pictures_of(parts, scenes, maps, net, options)
        return made[kind]

    return scenes, pictures


def test_pictures_follow_the_edges_of_the_map(drawn):
    scenes, pictures = drawn
    wanted = [control_maps.plain_map("canny", scene, (SIDE, SIDE))[..., 0] for scene in scenes]

    def f1(kind):
        found = [control_maps.canny(p)[..., 0] for p in as_bytes(pictures(kind))]
        return np.mean([edge_f1(*pair) for pair in zip(found, wanted, strict=True)])

    assert f1("canny") > 0.55 and f1("canny") > 1.5 * f1(None)


@pytest.mark.parametrize("kind", ["segmentation", "scribble"])
def test_what_the_map_shows_is_where_the_map_shows_it(kind, drawn):
    scenes, pictures = drawn
    truth = np.stack([scene.segmentation((SIDE, SIDE)) for scene in scenes])
    segmenter = Segmenter.load()

    def iou(kind):
        return mean_iou(confusion(truth, segmenter.read(pictures(kind))))

    assert iou(kind) > 1.15 * iou(None)


def test_the_segmenter_knows_drawn_scenes():
    scenes = [data.unseen_scene(k) for k in range(16)]
    pictures = to_tensor(np.stack([np.asarray(scene.draw((128, 128))) for scene in scenes]))
    truth = np.stack([scene.segmentation((128, 128)) for scene in scenes])
    assert mean_iou(confusion(truth, Segmenter.load().read(pictures))) > 0.65
    assert SEGMENTER_PATH.stat().st_size < 1.5e6
