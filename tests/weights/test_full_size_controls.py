"""The published nets in their full size, by names and shapes alone: the files are hollow."""

from __future__ import annotations

import pytest
import torch

from studio.catalog.probe import probe
from studio.families.stable_diffusion.family import SD1, SDXL
from studio.weights import control_files, image_encoder, modules
from tests.catalog import files
from tests.refs import ref_to
from tests.weights import checkpoints

XL = checkpoints.FULL_UNET[SDXL]
SHARED = (
    "block_out_channels", "down_block_types", "cross_attention_dim", "attention_head_dim",
    "transformer_layers_per_block", "use_linear_projection", "addition_embed_type",
    "addition_time_embed_dim", "projection_class_embeddings_input_dim",
)  # fmt: skip
UNION = {key: XL[key] for key in SHARED} | {
    "conditioning_embedding_out_channels": [16, 32, 96, 256],
    "num_control_type": 8,
}
T2I = {"in_channels": 3, "channels": [320, 640, 1280, 1280], "num_res_blocks": 2}
CONTROLS = {
    "ControlNet-Union ProMax": ("controlnet_union", UNION, SDXL),
    "T2I-Adapter of SD 1.x": ("t2i_adapter", T2I, SD1),
    "T2I-Adapter for gray maps": ("t2i_adapter", T2I | {"in_channels": 1}, SD1),
    "T2I-Adapter of SDXL": (
        "t2i_adapter",
        T2I | {"downscale_factor": 16, "adapter_type": "full_adapter_xl"},
        SDXL,
    ),
}


@pytest.mark.parametrize("name", CONTROLS)
def test_control_nets(name, tmp_path):
    part, config, family = CONTROLS[name]
    shapes = modules.shapes(part, config)
    path = files.write(tmp_path / "diffusion_pytorch_model.safetensors", shapes)
    told = probe(path)
    assert (told.kind, told.family, told.problem) == ("controlnet", family, "")
    ref = ref_to("n", "controlnet", path, family)
    [(found, source)] = control_files.open_control(ref, torch.float16).items()
    source.checked(found)
    assert found == part and modules.shapes(part, source.config) == shapes
    assert str(modules.build(part, source.config)) == str(modules.build(part, config))


ENCODERS = {
    "ViT-L/14": (1024, 4096, 24, 768),
    "ViT-H/14": (1280, 5120, 32, 1024),
    "ViT-bigG/14": (1664, 8192, 48, 1280),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_image_encoders(name, tmp_path):
    width, inner, layers, embedding = ENCODERS[name]
    config = {
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": 16,
        "image_size": 224,
        "patch_size": 14,
        "projection_dim": embedding,
        "hidden_act": "quick_gelu" if name == "ViT-L/14" else "gelu",
    }
    path = files.write(tmp_path / "model.safetensors", modules.shapes("image_encoder", config))
    assert probe(path).image_features == (width, embedding)
    ref = ref_to("n", "image_encoder", path)
    source = image_encoder.open_encoder(ref, torch.float16)["image_encoder"]
    assert source.checked("image_encoder").config == config
