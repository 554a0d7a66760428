"""What a file is, is told from its header: names, shapes and what its writer noted."""

import json
import os
import pickle

import pytest
import torch
from safetensors.torch import save_file

from studio.catalog.probe import probe
from studio.domain.errors import CheckpointError
from studio.families.stable_diffusion.family import PICTUREBOOK, SD1, SD2, SDXL, SDXL_REFINER
from tests.catalog import files


def told(tmp_path, tensors, **more):
    return probe(files.write(tmp_path / "any-name.SafeTensors", tensors, **more))


FAMILIES = [(768, SD1), (1024, SD2), (2048, SDXL), (1280, SDXL_REFINER), (192, PICTUREBOOK)]


@pytest.mark.parametrize(("width", "family"), FAMILIES)
def test_a_checkpoint_s_family(tmp_path, width, family):
    found = told(tmp_path, files.checkpoint(width), dtype="BF16")
    assert (found.kind, found.family, found.task) == ("checkpoint", family, "base")
    assert (found.layout, found.dtype, found.prediction_type) == ("single", "bfloat16", None)
    assert not found.problem


@pytest.mark.parametrize(
    ("channels", "task"), [(4, "base"), (9, "inpaint"), (5, "depth"), (8, "pix2pix")]
)
def test_a_checkpoint_s_task(tmp_path, channels, task):
    assert told(tmp_path, files.checkpoint(channels=channels)).task == task


@pytest.mark.parametrize(
    ("more", "metadata", "prediction", "zero_snr"),
    [
        ({"v_pred": ()}, None, "v_prediction", False),
        ({"v_pred": (), "ztsnr": ()}, None, "v_prediction", True),
        ({}, {"modelspec.prediction_type": "v"}, "v_prediction", False),
        ({}, {"modelspec.prediction_type": "epsilon"}, "epsilon", False),
        ({}, {"modelspec.architecture": "stable-diffusion-v2-768-v"}, "v_prediction", False),
        ({}, {"modelspec.architecture": "stable-diffusion-v2-512"}, "epsilon", False),
        (
            {},
            {"ss_v_parameterization": "True", "ss_zero_terminal_snr": "True"},
            "v_prediction",
            True,
        ),
        ({}, {"modelspec.prediction_type": "nonsense"}, None, False),
    ],
)
def test_what_is_predicted_where_it_can_be_told(tmp_path, more, metadata, prediction, zero_snr):
    found = told(tmp_path, files.checkpoint(1024, **more), metadata=metadata)
    assert (found.prediction_type, found.zero_snr) == (prediction, zero_snr)


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        (files.checkpoint(channels=7), "7 channels"),
        ({"model.diffusion_model.joint_blocks.0.x": (1,)}, "SD 3 or Flux"),
        (files.checkpoint(2048, edm_mean=(4,)), "EDM"),
        (
            {k: v for k, v in files.checkpoint().items() if "cond_stage" not in k},
            "no text encoder inside",
        ),
        ({"image_proj.x": (3, 3), "ip_adapter.1.to_k_ip.weight": (3, 3)}, "IP-Adapter"),
        (
            {
                "body.0.block1.weight": (3, 3),
                "body.0.skep.weight": (3, 3),
                "conv_in.weight": (3, 3),
            },
            "T2I-Adapter of an early form",
        ),
        ({"lora_controlnet": (), "input_hint_block.0.weight": (3,)}, "Control-LoRA"),
        ({"lllite_unet_x.down.0.weight": (3,)}, "LLLite"),
        (
            {"down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight": (3, 768)},
            "U-Net alone",
        ),
        ({"text_model.encoder.layers.0.self_attn.q_proj.weight": (3, 3)}, "text encoder alone"),
        (files.vae(channels=32), "32 latent channels"),
        ({"lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": (4, 9)}, "LoRA for a family"),
        ({"lora_unet_x_attn2_to_k.oft_blocks": (2, 4, 80, 80)}, "BOFT adapter"),
        ({"base_model.model.x.attn2.to_k.boft_R": (2, 4, 80, 80)}, "BOFT adapter"),
        ({"base_model.model.x.attn2.to_k.oft_R.weight": (4, 80)}, "OFT adapter of peft"),
        ({"some.other.weight": (3, 3)}, "no kind of model"),
        ({}, "no kind of model"),
    ],
)
def test_what_cannot_be_used_says_what_it_is(tmp_path, tensors, says):
    found = told(tmp_path, tensors)
    assert says in found.problem
    assert found.problem.startswith("any-name.SafeTensors ")


TEXT_LAYER = "text_model.encoder.layers.0.self_attn.q_proj"
ATTENTION = "down_blocks.0.attentions.0.transformer_blocks.0.attn2"
KOHYA = "lora_unet_" + ATTENTION.replace(".", "_") + "_to_k"
GLORA = {"a1": (768, 4), "a2": (4, 768), "b1": (320, 4), "b2": (4, 768)}


@pytest.mark.parametrize(
    ("tensors", "layout", "family", "rank"),
    [
        (files.lora(768, 8), "kohya", SD1, 8),
        (files.lora(2048, 32), "kohya", SDXL, 32),
        ({f"{KOHYA}.lora_down.weight": (4, 1024, 1, 1)}, "kohya", SD2, 4),
        ({"lora_te_" + TEXT_LAYER.replace(".", "_") + ".lora_down.weight": (4, 768)},
         "kohya", SD1, 4),
        ({"lora_te2_" + TEXT_LAYER.replace(".", "_") + ".lora_down.weight": (4, 1280)},
         "kohya", SDXL, 4),
        ({f"unet.{ATTENTION}.to_k.lora_A.weight": (16, 768)}, "diffusers", SD1, 16),
        ({f"unet.{ATTENTION}.to_k.lora.down.weight": (2, 2048)}, "diffusers", SDXL, 2),
        ({f"unet.{ATTENTION}.processor.to_k_lora.down.weight": (2, 192)},
         "diffusers", PICTUREBOOK, 2),
        ({f"base_model.model.{ATTENTION}.to_k.lora_A.weight": (5, 768)}, "peft", SD1, 5),
        ({f"{KOHYA}.hada_w1_a": (320, 6), f"{KOHYA}.hada_w1_b": (6, 768)}, "loha", SD1, 6),
        ({f"{KOHYA}.lokr_w1": (8, 16), f"{KOHYA}.lokr_w2": (40, 48)}, "lokr", SD1, None),
        ({f"{KOHYA}.lokr_w1": (8, 16), f"{KOHYA}.lokr_w2_b": (7, 128)}, "lokr", SDXL, 7),
        ({f"{KOHYA}.lora_down.weight": (4, 768), f"{KOHYA}.dora_scale": (320, 1)}, "dora", SD1, 4),
        ({f"{KOHYA}.{k}.weight": shape for k, shape in GLORA.items()}, "glora", SD1, 4),
        ({f"{KOHYA}.oft_blocks": (4, 80, 80)}, "oft", None, None),
        ({f"{KOHYA}.weight": (320,), f"{KOHYA}.on_input": ()}, "ia3", None, None),
        ({f"base_model.model.unet.{ATTENTION}.to_k.ia3_l": (320, 1)}, "ia3", None, None),
    ],
)  # fmt: skip
def test_a_lora_s_dialect_family_and_rank(tmp_path, tensors, layout, family, rank):
    found = told(tmp_path, tensors)
    assert (found.kind, found.layout, found.family) == ("lora", layout, family)
    assert found.rank == rank and not found.problem


def test_a_lora_without_cross_attention_is_told_by_what_its_trainer_noted(tmp_path):
    tensors = {f"{KOHYA.replace('attn2', 'attn1')}.lora_down.weight": (4, 320)}
    assert told(tmp_path, tensors).family is None
    noted = {"ss_base_model_version": "sdxl_base_v1-0"}
    assert told(tmp_path, tensors, metadata=noted).family is SDXL


@pytest.mark.parametrize(
    ("tensors", "family", "vectors"),
    [
        ({"emb_params": (4, 768)}, SD1, 4),
        ({"emb_params": (1, 1024)}, SD2, 1),
        ({"<cat-toy>": (768,)}, SD1, 1),
        ({"clip_l": (8, 768), "clip_g": (8, 1280)}, SDXL, 8),
        ({"emb_params": (2, 192)}, PICTUREBOOK, 2),
    ],
)
def test_embeddings(tmp_path, tensors, family, vectors):
    found = told(tmp_path, tensors, dtype="F32")
    assert (found.kind, found.family, found.vectors) == ("embedding", family, vectors)


@pytest.mark.parametrize(
    ("tensors", "kind", "family"),
    [
        (files.vae(), "vae", None),
        (files.vae(first=128), "vae", PICTUREBOOK),
        ({f"first_stage_model.{k}": v for k, v in files.vae().items()}, "vae", None),
        ({"decoder.layers.0.weight": (64, 4, 3, 3), "encoder.layers.0.weight": (64, 3, 3, 3)},
         "tiny_vae", None),
        ({"1.weight": (64, 4, 3, 3), "3.conv.0.weight": (64, 64, 3, 3)}, "tiny_vae", None),
        (files.controlnet(), "controlnet", SD1),
        ({"controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3),
          f"{ATTENTION}.to_k.weight": (320, 2048)}, "controlnet", SDXL),
        ({"conv_first.weight": (64, 3, 3, 3), "body.0.rdb1.conv1.weight": (32, 64, 3, 3)},
         "upscaler", None),
        ({"model.0.weight": (64, 3, 3, 3), "model.1.sub.0.RDB1.conv1.0.weight": (32, 64, 3, 3)},
         "upscaler", None),
    ],
)  # fmt: skip
def test_other_kinds(tmp_path, tensors, kind, family):
    found = told(tmp_path, tensors)
    assert (found.kind, found.family, found.problem) == (kind, family, "")


def test_the_parts_of_the_embedded_model():
    assert probe(files.EMBEDDED).family == PICTUREBOOK
    weights = files.EMBEDDED / "vae" / "diffusion_pytorch_model.safetensors"
    assert (probe(weights).kind, probe(weights).family) == ("vae", PICTUREBOOK)


@pytest.mark.parametrize(
    ("metadata", "title", "words"),
    [
        ({"modelspec.title": "A\nnice\x00 one"}, "A nice one", ()),
        ({"ss_output_name": "mine_v2"}, "mine_v2", ()),
        ({"modelspec.trigger_phrase": "abc, wearing xyz"}, "", ("abc", "wearing xyz")),
        ({"ss_tag_frequency": json.dumps({"10_cat": {"mycat": 10, "grass": 3}, "b": {"mycat": 1}})},
         "", ("mycat",)),
        ({"ss_tag_frequency": "[1]"}, "", ()),
        ({"ss_tag_frequency": '{"a":{"b":"c"}}'}, "", ()),
        ({"modelspec.title": "x" * 9999}, "x" * 200, ()),
    ],
)  # fmt: skip
def test_title_and_trigger_words(tmp_path, metadata, title, words):
    found = told(tmp_path, files.lora(), metadata=metadata)
    assert (found.title, found.trigger_words) == (title, words)


class Harmful:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("names", "kind", "family"),
    [
        (files.checkpoint(768), "checkpoint", SD1),
        (files.checkpoint(2048), "checkpoint", SDXL),
        (files.lora(), "lora", None),
        ({"conv_first.weight": (), "RRDB_trunk.0.weight": ()}, "upscaler", None),
        (files.controlnet(), "controlnet", None),
    ],
)
def test_a_pickle_is_told_by_its_names_and_never_run(tmp_path, names, kind, family, zipped):
    trap = tmp_path / "trap"
    content = {
        "state_dict": {name: torch.zeros(2, dtype=torch.half) for name in names},
        "callback": Harmful(trap),
    }
    path = tmp_path / "model.ckpt"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    found = probe(path)
    assert (found.kind, found.family, found.dtype) == (kind, family, "float16")
    assert not trap.exists()
    torch.load(path, weights_only=False)
    assert trap.exists(), "the trap itself works"


def test_old_embeddings(tmp_path):
    for zipped in (True, False):
        for content, family, vectors in (
            ({"string_to_param": {"*": torch.zeros(3, 768)}, "name": "x", "step": 400}, SD1, 3),
            (
                {
                    "string_to_token": {"*": torch.tensor(265)},
                    "string_to_param": torch.nn.ParameterDict({"*": torch.zeros(70, 1024)}),
                },
                SD2,
                70,
            ),
            ({"<toy>": torch.zeros(768)}, SD1, 1),
            ({"<toy>": torch.nn.Parameter(torch.zeros(5, 192))}, PICTUREBOOK, 5),
            ({"clip_l": torch.zeros(8, 768), "clip_g": torch.zeros(8, 1280)}, SDXL, 8),
            ({"<toy>": torch.zeros(2, 900)}, None, 2),
        ):
            path = tmp_path / "x.pt"
            torch.save(content, path, _use_new_zipfile_serialization=zipped)
            found = probe(path)
            assert (found.kind, found.family, found.vectors) == ("embedding", family, vectors)


def test_a_pickle_without_names_is_told_by_its_folder(tmp_path):
    (tmp_path / "ESRGAN").mkdir()
    path = tmp_path / "ESRGAN" / "x.pth"
    path.write_bytes(pickle.dumps(list(range(100)), 2))
    assert probe(path).kind == "upscaler"
    path = path.rename(tmp_path / "x.pth")
    assert "pickle of a kind" in probe(path).problem


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"<html></html>", "web page"),
        (b"words", "nothing that PyTorch wrote"),
    ],
)
def test_what_only_looks_like_a_pickle(tmp_path, content, says):
    (tmp_path / "x.ckpt").write_bytes(content)
    with pytest.raises(CheckpointError, match=says):
        probe(tmp_path / "x.ckpt")


def test_a_safetensors_file_named_as_a_pickle_and_the_other_way_round(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "x.ckpt")
    with pytest.raises(CheckpointError, match=r"Name it \.safetensors"):
        probe(tmp_path / "x.ckpt")
    torch.save({"a": torch.zeros(1)}, tmp_path / "y.safetensors")
    with pytest.raises(CheckpointError, match="pickle"):
        probe(tmp_path / "y.safetensors")
