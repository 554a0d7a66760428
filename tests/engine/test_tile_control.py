"""A ControlNet for tiles is found by its name, shows each tile of a refined picture what is there,
and is told of."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.torch import save_file

from studio.catalog.catalog import Catalog
from studio.catalog.settle import settle
from studio.catalog.tile_controls import is_for_tiles
from studio.domain.errors import InvalidRequest
from studio.domain.events import Picture
from studio.domain.preprocessor_spec import union_types
from studio.domain.request import GenerationRequest
from studio.settings import assets_dir
from tests.catalog import files
from tests.control_nets import random_controlnet
from tests.engine.pictures import scene
from tests.engine.upscaling import Table
from tests.refs import with_facts
from tests.weights.checkpoints import original_controlnet

NET = "control_v11f1e_sd15_tile"
TASK = {"kind": "upscale", "image": "image", "upscaler": "Lanczos", "refine": True}


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Table:
    """With the embedded model, and a ControlNet of random weights in one file."""
    folder = tmp_path_factory.mktemp("models")
    tensors = original_controlnet(random_controlnet(0))
    named = {f"control_model.{name}": tensor.half().clone() for name, tensor in tensors.items()}
    save_file(named, folder / f"{NET}.safetensors")
    seen = []

    def map_of(unit, image, size, mask):
        seen.append(image)
        return image

    made = Table(Catalog([assets_dir() / "models", folder]), map_of=map_of)
    made.seen = seen
    return made


def refined(table: Table, **how) -> Picture:
    """In two tiles."""
    how |= {"refine": True, "strength": 0.75, "steps": 2, "prompt": "a house"}
    return table.picture(scene((96, 64)), "Lanczos", **how)


def test_each_tile_is_shown_what_is_there(table):
    picture = refined(table)
    larger = table.enlarge(scene((96, 64)), "Lanczos", factor=2)
    first, last = table.seen
    assert first.tobytes() == larger.crop((0, 0, 128, 128)).tobytes()
    new = np.asarray(last, np.int16) - np.asarray(larger.crop((64, 0, 192, 128)), np.int16)
    assert np.abs(new[:, 64:]).max() == 0 < np.abs(new).max(), "beside the one before it"
    task = picture.request.task
    assert (task.tile_controlnet, task.tile_control_scale) == (NET, 1)
    assert f'ControlNet 0: "Module: none, Model: {NET}, Weight: 1,' in picture.infotext
    hand_set = refined(table, controls=[{"controlnet": NET}])
    assert hand_set.request.task.tile_control_scale == 0, "one unit is enough"
    assert hand_set.image.tobytes() == picture.image.tobytes()
    without = refined(table, tile_control_scale=0)
    assert "ControlNet" not in without.infotext
    weaker = refined(table, tile_controlnet=f"{NET}.safetensors", tile_control_scale=0.5)
    assert weaker.request.task.tile_controlnet == NET
    assert 0.02 < apart(weaker, without) < apart(picture, without)


def apart(one: Picture, other: Picture) -> float:
    """The mean difference of a channel."""
    pair = [np.asarray(each.image, np.float32) for each in (one, other)]
    return float(np.abs(pair[0] - pair[1]).mean())


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("control_v11f1e_sd15_tile", True),
        ("control_v11f1e_sd15_tile_fp16", True),
        ("controlnet-tile-sdxl-1.0", True),
        ("TTPLANET_Controlnet_Tile_realistic_v2_fp16", True),
        ("ttplanetSDXLControlnet_v20Fp16", True),
        ("xinsirTileSDXL", True),
        ("control_v11p_sd15_canny", False),
        ("reptile_scribble", False),
        ("versatile-depth", False),
    ],
)
def test_which_are_for_tiles(tmp_path, name, fits):
    files.write(tmp_path / f"{name}.safetensors", files.controlnet(768))
    files.write(tmp_path / "one.safetensors", files.checkpoint(768))
    files.write(tmp_path / "xl.safetensors", files.checkpoint(2048))
    catalog = Catalog([tmp_path])
    ref = catalog.find(name, "controlnet")
    assert is_for_tiles(ref) == fits
    assert not is_for_tiles(with_facts(ref, architecture="t2i_adapter"))
    union = {"architecture": "union", "control_types": union_types(8)}
    assert is_for_tiles(with_facts(ref, **union)), "by its own word"
    assert not is_for_tiles(with_facts(ref, **union | {"control_types": union_types(6)}))
    asked = GenerationRequest(checkpoint="one", task=TASK)
    task = settle(catalog, asked, (512, 512)).task
    assert (task.tile_controlnet, task.tile_control_scale) == ((name, 1) if fits else (None, 0))
    other = settle(catalog, asked.model_copy(update={"checkpoint": "xl"}), (512, 512)).task
    assert (other.tile_controlnet, other.tile_control_scale) == (None, 0), "of another family"
    task = asked.task.model_copy(update={"tile_controlnet": name})
    named = asked.model_copy(update={"task": task})
    assert settle(catalog, named, (512, 512)).task.tile_controlnet == name, "the user knows"
    with pytest.raises(InvalidRequest, match=f"{name} is for SD 1.x, but xl is SDXL") as refused:
        settle(catalog, named.model_copy(update={"checkpoint": "xl"}), (512, 512))
    assert refused.value.field == "tile_controlnet"
