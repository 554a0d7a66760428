"""LoRAs of which a part fits the checkpoint: that part is used, the rest counted and named."""

from __future__ import annotations

import pytest
import torch

from studio.domain.errors import InvalidRequest
from studio.families.stable_diffusion.family import PICTUREBOOK
from studio.weights import lora
from tests.weights.loras import (
    CONV,
    assert_same,
    close,
    kohya,
    kohya_layer,
    layers,
    merged,
    parts,
    random,
)

TE2 = "lora_te2_text_model_encoder_layers_0_self_attn_q_proj"
STRANGE = {
    "a number": {"global_step": torch.tensor(7)},
    "an empty tensor": {"optimizer": torch.zeros(0)},
    "an embedding": {"emb_params": random(4, 192)},
    "a scale": {"lora_te_logit_scale": torch.tensor(2.6)},
    "a layer that the model lacks": {
        "lora_unet_down_blocks_9_conv.lora_down.weight": random(2, 64),
        "lora_unet_down_blocks_9_conv.lora_up.weight": random(64, 2),
    },
    "a text encoder that the model lacks": {
        f"{TE2}.lora_down.weight": random(2, 64),
        f"{TE2}.lora_up.weight": random(64, 2),
    },
    "a layer of another size": kohya_layer(
        CONV, lora_down__weight=random(2, 320, 3, 3), lora_up__weight=random(320, 2)
    ),
}


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [
        *((kind, ".safetensors") for kind in STRANGE),
        ("a layer of another size", ".pt"),
        *(
            pytest.param(kind, ".pt", marks=pytest.mark.slow)
            for kind in STRANGE
            if kind != "a layer of another size"
        ),
    ],
)
def test_the_rest_is_used_and_the_file_says_what_was_not(kind, suffix, save_lora, tmp_path):
    made, strange = kohya(layers()), STRANGE[kind]
    ref = save_lora(made | strange, name="part", suffix=suffix)
    if suffix == ".pt":
        torch.save(made | strange, ref.path)
    found = lora.read(ref, PICTUREBOOK, parts())
    assert f"{len(strange)} of its {len(made) + len(strange)} keys" in found.warning
    assert all(name in found.warning for name in strange)
    whole = save_lora(made, name="whole")
    assert lora.read(whole, PICTUREBOOK, parts()).warning == ""
    assert_same(merged(ref), merged(whole), 0)


def test_a_few_of_many_are_named(save_lora):
    made = kohya(layers())
    strange = {f"odd.{n}\n{'x' * 300}": random(2) for n in range(9)}
    warning = lora.read(save_lora(made | strange), PICTUREBOOK, parts()).warning
    assert "9 of its" in warning and warning.count("odd.") == 3 and "…" in warning
    assert len(warning) < 500 and "\n" not in warning


CONV_IN = {
    "LoCon": {"lora_down__weight": random(2, 4, 3, 3), "lora_up__weight": random(64, 2, 1, 1)},
    "LoCon in three steps": {
        "lora_down__weight": random(2, 4, 1, 1),
        "lora_mid__weight": random(2, 2, 3, 3),
        "lora_up__weight": random(64, 2, 1, 1),
    },
    "LoHa": {
        "hada_w1_a": random(64, 2),
        "hada_w1_b": random(2, 36),
        "hada_w2_a": random(64, 2),
        "hada_w2_b": random(2, 36),
    },
    "LoKr": {"lokr_w1": random(8, 2), "lokr_w2": random(8, 2, 3, 3)},
    "difference": {"diff": random(64, 4, 3, 3), "diff_b": random(64)},
    "gains of what goes in": {"weight": random(4), "on_input": torch.tensor(True)},
    "gains of what comes out": {"weight": random(64), "on_input": torch.tensor(False)},
    "DoRA by rows": {
        "lora_down__weight": random(2, 4, 3, 3),
        "lora_up__weight": random(64, 2, 1, 1),
        "dora_scale": random(64, 1, 1, 1).abs(),
    },
    "DoRA by columns": {
        "lora_down__weight": random(2, 4, 3, 3),
        "lora_up__weight": random(64, 2, 1, 1),
        "dora_scale": random(1, 4, 1, 1).abs(),
    },
    "GLoRA": {
        "a1__weight": random(4, 2, 1, 1),
        "a2__weight": random(2, 4, 1, 1),
        "b1__weight": random(64, 2, 1, 1),
        "b2__weight": random(2, 4, 3, 3),
    },
    "OFT": {"oft_blocks": random(4, 16, 16)},
}


@pytest.mark.parametrize("kind", CONV_IN)
@pytest.mark.parametrize("name", ["conv_in", "input_blocks_0_0"])
def test_what_was_made_for_fewer_channels_is_added_to_the_first(kind, name, save_lora):
    """On a U-Net that inpaints: the mask's channels and those of what is kept stay."""
    ref = save_lora(kohya_layer(name, **CONV_IN[kind]))
    weight = parts()["unet"]["conv_in.weight"]
    plain = lora.read(ref, PICTUREBOOK, parts()).deltas["unet", "conv_in.weight"]
    wide = torch.cat([weight, random(64, 5, 3, 3)], 1)
    inpaint = {**parts(), "unet": parts()["unet"] | {"conv_in.weight": wide}}
    found = lora.read(ref, PICTUREBOOK, inpaint)
    assert found.warning == ""
    merged_wide = found.deltas["unet", "conv_in.weight"].add_to(wide, 0.7)
    if kind == "OFT":  # fits any number of channels: all of a row is turned
        assert merged_wide.shape == wide.shape
        close(merged_wide[:, :4], plain.add_to(weight, 0.7))
        return
    if kind != "gains of what comes out":
        assert torch.equal(merged_wide[:, 4:], wide[:, 4:])
    close(merged_wide[:, :4], plain.add_to(weight, 0.7))
    assert not torch.equal(merged_wide[:, :4], weight)


def test_a_lora_of_an_inpaint_model_keeps_its_other_layers_on_a_plain_one(save_lora):
    made = kohya(layers(text_encoder=()))
    wide = kohya_layer(
        "conv_in", lora_down__weight=random(2, 9, 3, 3), lora_up__weight=random(64, 2)
    )
    ref = save_lora(made | wide)
    assert "2 of its" in lora.read(ref, PICTUREBOOK, parts()).warning
    assert_same(merged(ref), merged(save_lora(made, name="bare")), 0)
    with pytest.raises(InvalidRequest, match="64×9×3×3 in the LoRA, 64×4×3×3 in the checkpoint"):
        lora.read(save_lora(wide, name="alone"), PICTUREBOOK, parts())
