"""Files of random weights for every preprocessor with a network, in the form of the real ones."""

from __future__ import annotations

import contextlib
import functools
import io
from pathlib import Path
from types import SimpleNamespace

import torch
import transformers

from studio.domain.preprocessors import find
from studio.preprocessors.loading import annotator


def write(name: str, folder: Path, tiny: bool = True) -> None:
    """The files that the preprocessor `name` needs, into `folder` as a download would put them.

    tiny  the networks of transformers with few layers; those of controlnet_aux have one size
    """
    torch.manual_seed(7)
    weights = find(name).weights
    if weights.folder:
        model = _DEPTH if name.startswith("depth") else _SEGMENTATION
        kind, config = model(tiny)
        network = kind(config)
        target = folder / weights.folder
        is_pickle = weights.files[-1].name.endswith(".bin")
        network.save_pretrained(target)
        if is_pickle:
            torch.save(network.state_dict(), target / weights.files[-1].name)
            (target / "model.safetensors").unlink()
        return
    target = folder / "annotators"
    target.mkdir(parents=True, exist_ok=True)
    for file in weights.files:
        torch.save(_annotator_file(file.name), target / file.name)


def _annotator_file(name: str) -> dict:
    """What is in the file of controlnet_aux's repository, nested and named as there."""
    if name in ("body_pose_model.pth", "hand_pose_model.pth"):
        kind = "bodypose_model" if name.startswith("body") else "handpose_model"
        network = getattr(annotator("open_pose.model"), kind)()
        return {key.partition(".")[2]: value for key, value in network.state_dict().items()}
    network = _NETWORKS[name]()
    state = network.state_dict()
    if name == "ControlNetHED.pth":
        return {key: value.half() for key, value in state.items()}
    state_of_many_devices = {f"module.{key}": value for key, value in state.items()}
    if name == "table5_pidinet.pth":
        return {"epoch": 13, "state_dict": state_of_many_devices}
    if name == "scannet.pt":
        return {"iter": 1, "model": state_of_many_devices}
    return state_of_many_devices if name == "netG.pth" else state


def _normal_bae():
    told = SimpleNamespace(
        mode="client",
        architecture="BN",
        pretrained="scannet",
        sampling_ratio=0.4,
        importance_ratio=0.7,
    )
    with contextlib.redirect_stdout(io.StringIO()):
        return annotator("normalbae").NNET(told)


def _anime():
    norm = functools.partial(torch.nn.InstanceNorm2d, affine=False, track_running_stats=False)
    return annotator("lineart_anime").UnetGenerator(3, 1, 8, 64, norm_layer=norm)


def _midas():
    return annotator("midas.midas.dpt_depth").DPTDepthModel(
        path=None, backbone="vitb_rn50_384", non_negative=True
    )


_NETWORKS = {
    "ControlNetHED.pth": lambda: annotator("hed").ControlNetHED_Apache2(),
    "table5_pidinet.pth": lambda: annotator("pidi").pidinet(),
    "sk_model.pth": lambda: annotator("lineart").Generator(3, 1, 3),
    "sk_model2.pth": lambda: annotator("lineart").Generator(3, 1, 3),
    "netG.pth": _anime,
    "mlsd_large_512_fp32.pth": lambda: annotator("mlsd").MobileV2_MLSD_Large(),
    "scannet.pt": _normal_bae,
    "facenet.pth": lambda: annotator("open_pose.face").FaceNet(),
    "dpt_hybrid-midas-501f0c75.pt": _midas,
}


def _DEPTH(tiny: bool):
    config = transformers.DepthAnythingConfig()
    if tiny:
        backbone = transformers.Dinov2Config(
            image_size=518,
            patch_size=14,
            hidden_size=32,
            num_hidden_layers=4,
            num_attention_heads=2,
            out_features=["stage1", "stage2", "stage3", "stage4"],
            reshape_hidden_states=False,
        )
        config = transformers.DepthAnythingConfig(
            backbone_config=backbone,
            reassemble_hidden_size=32,
            neck_hidden_sizes=[8, 8, 16, 16],
            fusion_hidden_size=8,
            head_hidden_size=8,
        )
    return transformers.DepthAnythingForDepthEstimation, config


def _SEGMENTATION(tiny: bool):
    widths = [8, 16, 16, 24] if tiny else [96, 192, 384, 768]
    backbone = transformers.ConvNextConfig(
        depths=[1, 1, 1, 1] if tiny else [3, 3, 27, 3],
        hidden_sizes=widths,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    config = transformers.UperNetConfig(
        backbone_config=backbone,
        hidden_size=16 if tiny else 512,
        num_labels=150,
        auxiliary_in_channels=widths[2],
        auxiliary_channels=8 if tiny else 256,
    )
    return transformers.UperNetForSemanticSegmentation, config
