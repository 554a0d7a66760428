"""ControlNets are leased beside a checkpoint: read once, told apart, given back."""

from __future__ import annotations

import pytest
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from safetensors.torch import save_file

from studio.catalog.catalog import Catalog
from studio.domain.refs import LoraUse, Selection
from studio.residence.manager import ModelManager
from studio.settings import assets_dir
from studio.weights import differences
from tests.refs import ref_to
from tests.residence.leasing import stages
from tests.weights.checkpoints import original_controlnet
from tests.weights.nets import shaken

EMBEDDED = assets_dir() / "models" / "picturebook"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two ControlNets of one shape, with different weights."""
    folder = tmp_path_factory.mktemp("nets")
    unet = UNet2DConditionModel.from_pretrained(EMBEDDED / "unet", torch_dtype=torch.float32)
    for name in ("edges", "classes"):
        net = ControlNetModel.from_unet(unet)
        for tensor in net.controlnet_mid_block.parameters():
            tensor.data.fill_(1.0 if name == "edges" else 2.0)
        net.save_pretrained(folder / name)
    return folder


@pytest.fixture
def select(folder):
    catalog = Catalog([EMBEDDED.parent, folder])
    checkpoint = catalog.find("picturebook")

    def selected(*names: str) -> Selection:
        nets = tuple(ref_to(n, "controlnet", folder / n, checkpoint.family) for n in names)
        return Selection(checkpoint, controlnets=nets)

    return selected


@pytest.fixture
def manager():
    return ModelManager("cpu", "float32")


def middle(net) -> float:
    return float(net.controlnet_mid_block.weight.flatten()[0])


def test_two_of_one_shape_keep_their_own_weights(select, manager):
    with manager.lease(select("edges", "classes")) as models:
        assert [middle(net) for net in models.controlnets] == [1.0, 2.0]
    with manager.lease(select("classes", "edges")) as models:
        assert [middle(net) for net in models.controlnets] == [2.0, 1.0]


def test_taking_one_on_reads_nothing_else_and_taking_it_off_reads_nothing(select, manager):
    with manager.lease(select()) as models:
        assert models.controlnets == ()
        unet = models.backbone
    read = {stage.split(":")[0] for stage, _ in stages(manager, select("edges"))}
    assert read == {"edges"}
    with manager.lease(select("edges")) as models:
        assert models.backbone is unet
    assert stages(manager, select()) == []
    assert stages(manager, select("edges")) == []


def test_a_difference_is_added_to_the_unet_of_the_checkpoint(folder, manager, tmp_path):
    """As extract tools write it: of the layers that the U-Net has too the differences, the others
    whole, and a key that says so."""
    unet = UNet2DConditionModel.from_pretrained(EMBEDDED / "unet", torch_dtype=torch.float32)
    whole_net = shaken(ControlNetModel.from_unet(unet))
    net, of_unet = whole_net.state_dict(), unet.state_dict()
    made = {n: t - of_unet[n] if n in of_unet else t for n, t in net.items()}
    assert len(made.keys() - of_unet.keys()) > 10 and len(made.keys() & of_unet.keys()) > 100
    save_file(original_controlnet(whole_net), tmp_path / "whole.safetensors")
    whole_net.load_state_dict(made)
    net = {name: made[name] + of_unet.get(name, 0) for name in made}
    tensors = original_controlnet(whole_net) | {"difference": torch.zeros(1)}
    save_file(tensors, tmp_path / "added.safetensors")
    catalog = Catalog([EMBEDDED.parent, tmp_path])
    checkpoint = catalog.find("picturebook")
    added, whole = (catalog.find(name, "controlnet") for name in ("added", "whole"))
    assert (added.facts.layout, whole.facts.layout) == ("difference", "single")
    look = LoraUse(catalog.find("blueprint", "lora"), 1.0)
    for nets, loras in (((added, whole), ()), ((whole, added), (look,)), ((added,), ())):
        with manager.lease(Selection(checkpoint, loras=loras, controlnets=nets)) as models:
            for module in models.controlnets:
                for name, tensor in module.state_dict().items():
                    assert torch.allclose(tensor, net[name], atol=1e-5), name


def test_a_difference_from_another_kind_of_unet_is_refused_and_a_wider_one_is_cut():
    net = {
        "conv_in.weight": torch.ones(8, 4, 3, 3),
        "a.weight": torch.ones(3),
        "zero": torch.ones(1),
    }
    unet = {"conv_in.weight": torch.randn(8, 9, 3, 3), "a.weight": torch.ones(3)}
    deltas = differences.of_unet(net, unet)
    assert deltas.keys() == unet.keys()
    first = deltas["conv_in.weight"].add_to(net["conv_in.weight"], 1.0)
    assert torch.equal(first, 1 + unet["conv_in.weight"][:, :4])
    with pytest.raises(ValueError, match="a.weight is 3 in the net, 5 in the checkpoint"):
        differences.of_unet(net, unet | {"a.weight": torch.ones(5)})


def test_it_counts_in_the_budget_of_host_memory(select):
    manager = ModelManager("cpu", "float32", host_bytes=0)
    with manager.lease(select("edges")) as models:
        assert middle(models.controlnets[0]) == 1.0
    with manager.lease(select("classes")):
        pass
    assert "edges" not in manager.warm
