"""Upscalers: told from headers, read as data, run by the library that knows their architecture."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file
from spandrel.architectures.Compact import Compact
from spandrel.architectures.ESRGAN import ESRGAN
from spandrel.architectures.OmniSR import OmniSR
from spandrel.architectures.SPAN import SPAN
from spandrel.architectures.SwinIR import SwinIR

from studio.catalog.catalog import Catalog
from studio.catalog.probe import probe
from studio.catalog.shipped import shipped_upscalers
from studio.domain.errors import CheckpointError, InvalidRequest
from studio.domain.refs import ModelRef
from studio.weights.upscaler import read_upscaler

CPU = torch.device("cpu")
SWIN = {"embed_dim": 12, "depths": [2], "num_heads": [2], "window_size": 8, "mlp_ratio": 2}
NETS = {
    "ESRGAN ×2": ("ESRGAN", lambda: ESRGAN(num_filters=8, num_blocks=2, scale=2)),
    "ESRGAN ×4": ("ESRGAN", lambda: ESRGAN(num_filters=8, num_blocks=1, scale=4)),
    "Compact ×3": ("Compact", lambda: Compact(num_feat=8, num_conv=2, upscale=3)),
    "SPAN ×2": ("SPAN", lambda: SPAN(num_in_ch=3, num_out_ch=3, feature_channels=8, upscale=2)),
    "OmniSR ×4": ("OmniSR", lambda: OmniSR(num_feat=16, res_num=1, block_num=1, up_scale=4)),
    "SwinIR ×4": ("SwinIR", lambda: SwinIR(upscale=4, upsampler="pixelshuffle", **SWIN)),
    "SwinIR ×2": ("SwinIR", lambda: SwinIR(upscale=2, upsampler="pixelshuffledirect", **SWIN)),
    "SwinIR slow ×4": ("SwinIR", lambda: SwinIR(upscale=4, upsampler="nearest+conv", **SWIN)),
}


def weights_of(net: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.contiguous() for name, tensor in net.state_dict().items()}


def saved(folder: Path, name: str) -> Path:
    """A network with random weights, half of the kinds as PyTorch writes them."""
    torch.manual_seed(0)
    weights = weights_of(NETS[name][1]())
    if "SwinIR" in name or "Compact" in name:
        path = folder / f"{name}.pth"
        torch.save({"params_ema": weights}, path)
    else:
        path = folder / f"{name}.safetensors"
        save_file(weights, path)
    return path


@pytest.mark.parametrize("name", NETS)
def test_the_header_tells_what_the_network_is(tmp_path, name):
    saved(tmp_path, name)
    [ref] = Catalog([tmp_path]).refs("upscaler")
    scale = int(name[-1])
    assert (ref.facts.architecture, ref.facts.scale) == (NETS[name][0], scale)
    network = read_upscaler(ref, CPU)
    assert network.scale == scale and network.size_bytes > 0
    side = max(network.least, 16)
    with torch.inference_mode():
        given = torch.rand(1, 3, side, side)
        larger = network.module(given)
        assert larger.shape == (1, 3, scale * side, scale * side)
        torch.manual_seed(0)
        own = NETS[name][1]().eval()
        assert torch.allclose(larger, own(given), atol=1e-5)


def shipped() -> list[ModelRef]:
    return Catalog([], shipped=shipped_upscalers()).refs("upscaler")


def test_shipped_networks_are_there_and_enlarge():
    refs = {ref.name: ref for ref in shipped()}
    assert list(refs) == [
        "Real-ESRGAN animevideov3",
        "Real-ESRGAN x4plus",
        "Real-ESRGAN x4plus anime",
    ]
    drawn = Image.new("RGB", (48, 48), "skyblue")
    ImageDraw.Draw(drawn).ellipse((8, 8, 40, 40), "tomato", "black", 3)
    picture = torch.from_numpy(np.array(drawn)).permute(2, 0, 1)[None] / 255
    for name, ref in refs.items():
        assert ref.facts.scale == 4, name
        with torch.inference_mode():
            larger = read_upscaler(ref, CPU).module(picture)
        smaller = torch.nn.functional.interpolate(larger, size=48, mode="area")
        assert (smaller - picture).abs().mean() < 0.04, f"{name} gives the picture back, larger"


def test_shipped_networks_cannot_be_deleted():
    catalog = Catalog([], shipped=shipped_upscalers())
    with pytest.raises(InvalidRequest, match="comes with the studio"):
        catalog.delete(catalog.find(None, "upscaler"))


def pair(folder: Path) -> tuple[Path, Path]:
    """A pair of files of ncnn's, copied."""
    [weights] = [path for path in shipped_upscalers() if "ANIMAVIDEO" in path.name]
    layers = weights.with_suffix(".param")
    return shutil.copy(weights, folder / "x.bin"), shutil.copy(layers, folder / "x.param")


def test_damaged_pairs_are_told(tmp_path):
    weights, layers = pair(tmp_path)
    assert probe(weights).scale == 4
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-4])
    with pytest.raises(CheckpointError, match="1,247,368 bytes belong to its layers, it has"):
        probe(weights)
    weights.write_bytes(whole)
    text = layers.read_text()
    for change, message in (
        (("PReLU", "LSTM"), "layers that are unknown here .LSTM."),
        (("7767517", "1"), "no list of ncnn's layers"),
        (("PixelShuffle", "Interp"), "neither of Real-ESRGAN's networks"),
        (("6=1728", "6=1729"), "makes no sense"),
        (("0=64 1=3", "0=0 1=0"), "makes no sense"),
        (("0=64 1=3", "0=many 1=3"), "invalid literal"),
    ):
        layers.write_text(text.replace(*change))
        with pytest.raises(CheckpointError, match=message):
            probe(weights)


class Harmful:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_code_in_a_file_is_not_run(tmp_path):
    trap = tmp_path / "trap"
    (tmp_path / "ESRGAN").mkdir()
    path = tmp_path / "ESRGAN" / "x.pth"
    path.write_bytes(pickle.dumps(Harmful(trap), 2))
    torch.save(Harmful(trap), path.with_name("y.pth"))
    for ref in Catalog([tmp_path]).refs("upscaler"):
        with pytest.raises(CheckpointError, match="program code"):
            read_upscaler(ref, CPU)
    assert not trap.exists()


def test_what_enlarges_nothing_is_refused(tmp_path):
    gray = Compact(num_in_ch=1, num_out_ch=1, num_feat=8, num_conv=2, upscale=2)
    save_file(weights_of(gray), tmp_path / "gray.safetensors")
    unknown = {"conv_first.weight": torch.zeros(8, 3, 3, 3), "unheard.of": torch.zeros(2, 2)}
    save_file(unknown, tmp_path / "unknown.safetensors")
    weights = weights_of(ESRGAN(num_filters=8, num_blocks=1, scale=4))
    weights["model.0.weight"] = torch.zeros(9, 3, 3, 3)
    save_file(weights, tmp_path / "wrong.safetensors")
    catalog = Catalog([tmp_path])
    for name, message in (
        ("gray", "takes 1 channels and gives 1. Choose another"),
        ("unknown", "architecture that is unknown here"),
        ("wrong", "cannot be loaded"),
    ):
        with pytest.raises((InvalidRequest, CheckpointError), match=message):
            read_upscaler(catalog.find(name, "upscaler"), CPU)
