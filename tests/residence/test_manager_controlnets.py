"""ControlNets are leased beside a checkpoint: read once, told apart, given back."""

from __future__ import annotations

import pytest
import torch
from diffusers import ControlNetModel, UNet2DConditionModel

from studio.catalog.catalog import Catalog
from studio.domain.refs import Selection
from studio.residence.manager import ModelManager
from studio.settings import assets_dir
from tests.refs import ref_to
from tests.residence.leasing import stages

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
        unet = models.unet
    read = {stage.split(":")[0] for stage, _ in stages(manager, select("edges"))}
    assert read == {"edges"}
    with manager.lease(select("edges")) as models:
        assert models.unet is unet
    assert stages(manager, select()) == []
    assert stages(manager, select("edges")) == []


def test_it_counts_in_the_budget_of_host_memory(select):
    manager = ModelManager("cpu", "float32", host_bytes=0)
    with manager.lease(select("edges")) as models:
        assert middle(models.controlnets[0]) == 1.0
    with manager.lease(select("classes")):
        pass
    assert "edges" not in manager.warm
