"""LoRAs: every dialect against diffusers and peft, on the embedded model's real weights."""

from __future__ import annotations

import time

import pytest
import torch
from diffusers import UNet2DConditionModel
from peft import (
    IA3Config,
    LoHaConfig,
    LoKrConfig,
    LoraConfig,
    get_peft_model,
    get_peft_model_state_dict,
)

from studio.families.stable_diffusion.family import PICTUREBOOK
from studio.weights import lora
from studio.weights.layouts.unet import original_name
from studio.weights.lora_keys import LayerNames, split
from tests.refs import ref_to
from tests.weights.loras import (
    ATTENTION,
    EXACT,
    MODEL,
    PROJECTIONS,
    assert_same,
    dotted,
    fresh,
    kohya,
    layers,
    merged,
    merged_by_diffusers,
    original,
    parts,
    processors,
    unet_of,
)

DIALECTS = {
    "kohya": lambda: kohya(layers()),
    "kohya, alpha is not the rank": lambda: kohya(layers(alpha=1.5)),
    "kohya, te1": lambda: kohya(layers(alpha=2), te="lora_te1_"),
    "kohya, MLPs and projections": lambda: kohya(
        layers(
            (*ATTENTION, "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"),
            (*PROJECTIONS, "fc1", "fc2"),
        )
    ),
    "kohya, convolutions": lambda: kohya(
        layers(("conv1", "conv2", "conv_shortcut", "time_emb_proj", "downsamplers.0.conv"), ())
    ),
    "diffusers": lambda: dotted(layers(text_encoder=()), "lora.down", "lora.up"),
    "diffusers, text encoder": lambda: dotted(
        layers(()), "lora_linear_layer.down", "lora_linear_layer.up"
    ),
    "diffusers, processors": lambda: processors(layers(text_encoder=())),
    "peft": lambda: dotted(layers(), "lora_A", "lora_B"),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_equals_diffusers(dialect, save_lora):
    ref = save_lora(DIALECTS[dialect]())
    assert_same(merged(ref), merged_by_diffusers(lambda pipe: pipe.load_lora_weights(ref.path)))


@pytest.mark.parametrize("scale", [-1.0, 0.0, pytest.param(0.5, marks=pytest.mark.slow)])
def test_the_weight_scales_what_is_added(scale, save_lora):
    ref = save_lora(kohya(layers(alpha=2)))
    pipe = fresh()
    pipe.load_lora_weights(ref.path, adapter_name="look")
    pipe.set_adapters("look", scale)
    pipe.fuse_lora(components=["unet", "text_encoder"])
    pipe.unload_lora_weights()
    ours = merged(ref, scale)
    for part in ours:
        for key, tensor in getattr(pipe, part).state_dict().items():
            assert (tensor - ours[part][key]).abs().max() <= EXACT
            assert scale or torch.equal(ours[part][key], parts()[part][key])


def test_the_settings_that_diffusers_keeps_in_the_metadata_are_heeded(tmp_path):
    """Without them the strength would be wrong and nobody would be told."""
    pipe = fresh()
    target = LoraConfig(
        r=4, lora_alpha=6, target_modules=list(ATTENTION), rank_pattern={"attn2.to_k": 2},
        alpha_pattern={"attn2.to_k": 9}, use_rslora=True, init_lora_weights=False,
    )  # fmt: skip
    pipe.unet.add_adapter(target)
    words = LoraConfig(r=2, lora_alpha=5, target_modules=list(PROJECTIONS), init_lora_weights=False)
    pipe.text_encoder.add_adapter(words)
    pipe.save_lora_weights(
        tmp_path,
        unet_lora_layers=get_peft_model_state_dict(pipe.unet),
        text_encoder_lora_layers=get_peft_model_state_dict(
            pipe.text_encoder, adapter_name=pipe.text_encoder.active_adapters()[0]
        ),
        unet_lora_adapter_metadata=next(iter(pipe.unet.peft_config.values())).to_dict(),
        text_encoder_lora_adapter_metadata=next(
            iter(pipe.text_encoder.peft_config.values())
        ).to_dict(),
        weight_name="look.safetensors",
    )
    ref = ref_to(name="look", kind="lora", path=tmp_path / "look.safetensors")
    assert_same(merged(ref), merged_by_diffusers(lambda pipe: pipe.load_lora_weights(ref.path)))


ANY = ("attn1.to_q", "attn2.to_k", "attn2.to_out.0", "ff.net.2")
CONVOLUTIONS = ("conv1", "conv_shortcut", "proj_in")
PEFT = {
    "LoRA": LoraConfig(r=4, target_modules=[*ANY, *CONVOLUTIONS], init_lora_weights=False),
    "alpha": LoraConfig(r=4, lora_alpha=7, target_modules=[*ANY], init_lora_weights=False),
    "rslora": LoraConfig(
        r=4, lora_alpha=7, use_rslora=True, target_modules=[*ANY], init_lora_weights=False,
        rank_pattern={"attn2.to_k": 9}, alpha_pattern={"ff.net.2": 3},
    ),
    "DoRA": LoraConfig(
        r=4, lora_alpha=7, use_dora=True, target_modules=[*ANY, *CONVOLUTIONS],
        init_lora_weights=False,
    ),
    "LoHa": LoHaConfig(r=4, alpha=6, target_modules=[*ANY], init_weights=False),
    "LoHa of convolutions": LoHaConfig(
        r=4, alpha=6, target_modules=[*CONVOLUTIONS], use_effective_conv2d=True, init_weights=False
    ),
    "LoKr": LoKrConfig(r=4, alpha=6, target_modules=[*ANY], init_weights=False),
    "LoKr of convolutions": LoKrConfig(
        r=2, alpha=6, target_modules=[*CONVOLUTIONS], use_effective_conv2d=True, init_weights=False,
        decompose_both=True,
    ),
    "IA3": IA3Config(
        target_modules=[*ANY], feedforward_modules=["ff.net.2"], init_ia3_weights=False
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", PEFT)
def test_raw_peft_equals_peft(kind, tmp_path):
    """diffusers loads nothing of such a file, and says nothing."""
    torch.manual_seed(3)
    unet = UNet2DConditionModel.from_pretrained(MODEL / "unet", dtype=torch.float32)
    model = get_peft_model(unet, PEFT[kind])
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            span = 0.02 if "lora" in name and "magnitude" not in name else 0.2
            parameter.data += torch.randn_like(parameter) * span
    model.save_pretrained(tmp_path)
    ref = ref_to(name="raw", kind="lora", path=tmp_path / "adapter_model.safetensors")
    theirs = {"unet": model.merge_and_unload().state_dict()}
    assert_same(merged(ref), theirs, 5e-5)


def test_raw_peft_equals_its_prefixed_form(save_lora):
    made = layers(text_encoder=())
    raw = dotted(made, "lora_A", "lora_B", prefixed=False, inner="base_model.model.")
    assert_same(
        merged(save_lora(raw, name="raw")), merged(save_lora(dotted(made, "lora_A", "lora_B"))), 0
    )
    words = layers(unet=())
    raw = dotted(words, "lora_A", "lora_B", False, inner="base_model.model.text_model.")
    assert_same(
        merged(save_lora(raw, name="raw")), merged(save_lora(dotted(words, "lora_A", "lora_B"))), 0
    )


@pytest.mark.parametrize("layer", ["unet.base_model.model.{}", "diffusion_model.{}", "{}"])
def test_other_prefixes_are_understood(layer, save_lora):
    made = layers(text_encoder=())
    tensors = {}
    for (_, module), (down, up, _) in made.items():
        name = layer.format(module)
        tensors |= {f"{name}.lora_A.default.weight": down, f"{name}.lora_B.default.weight": up}
    assert_same(merged(save_lora(tensors)), merged(save_lora(kohya(made), name="kohya")), 0)


@pytest.mark.parametrize(
    ("kind", "ours", "theirs"),
    [
        ("SD", "down_blocks.0.attentions.0.proj_in", "input_blocks_1_1_proj_in"),
        ("SD", "mid_block.resnets.1.conv1", "middle_block_2_in_layers_2"),
        ("SD", "up_blocks.3.resnets.2.conv_shortcut", "output_blocks_11_0_skip_connection"),
        ("SD", "up_blocks.0.upsamplers.0.conv", "output_blocks_2_1_conv"),
        ("SD", "up_blocks.1.upsamplers.0.conv", "output_blocks_5_2_conv"),
        ("SDXL", "down_blocks.1.attentions.0.proj_in", "input_blocks_4_1_proj_in"),
        ("SDXL", "down_blocks.1.downsamplers.0.conv", "input_blocks_6_0_op"),
        (
            "SDXL",
            "mid_block.attentions.0.transformer_blocks.9.attn2.to_k",
            "middle_block_1_transformer_blocks_9_attn2_to_k",
        ),
        (
            "SDXL",
            "up_blocks.1.attentions.2.transformer_blocks.1.ff.net.0.proj",
            "output_blocks_5_1_transformer_blocks_1_ff_net_0_proj",
        ),
        ("SDXL", "down_blocks.0.resnets.1.time_emb_proj", "input_blocks_2_0_emb_layers_1"),
        ("SDXL", "add_embedding.linear_2", "label_emb_0_2"),
        ("SDXL", "conv_out", "out_2"),
    ],
)
def test_the_names_of_the_original_code_are_known(kind, ours, theirs):
    """SDXL's trainers write them."""
    names = LayerNames({"unet": unet_of(kind).state_dict()})
    for name in (theirs, ours.replace(".", "_")):
        assert names.find(split(f"lora_unet_{name}.lora_down.weight")) == ("unet", ours)


@pytest.mark.parametrize("kind", ["SD", "SDXL"])
def test_no_two_layers_share_a_name(kind):
    keys = [key for key in unet_of(kind).state_dict() if key.endswith(".weight")]
    names = LayerNames({"unet": keys})
    for key in keys:
        module = key.removesuffix(".weight")
        assert names.find(split(f"unet.{module}.lora_A.weight")) == ("unet", module)


def test_original_names_give_the_same_as_those_of_diffusers(save_lora):
    made = layers((*ATTENTION, "conv1", "time_emb_proj"), (), alpha=2)
    pipe = original()
    tensors = {}
    for (_, module), (down, up, alpha) in made.items():
        config = dict(pipe.unet.config)
        name = "lora_unet_" + original_name(f"{module}.weight", config)[:-7].replace(".", "_")
        tensors |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
        tensors[f"{name}.alpha"] = torch.tensor(float(alpha))
    ref = save_lora(tensors)
    assert_same(merged(ref), merged(save_lora(kohya(made), name="other")), 0)

    def load(pipe):
        found, alphas = pipe.lora_state_dict(ref.path, unet_config=pipe.unet.config)
        pipe.load_lora_into_unet(found, alphas, pipe.unet, adapter_name="look", _pipeline=pipe)

    assert_same(merged(ref), merged_by_diffusers(load))


@pytest.mark.parametrize("words", ["{}", "text_model.{}"])
def test_both_spellings_of_a_text_encoder_are_accepted(words, save_lora):
    """CLIPTextModel is flat in transformers 5, CLIPTextModelWithProjection is not."""
    made = layers(unet=())
    ref = save_lora(kohya(made, te="lora_te2_"))
    keys = {words.format(key): tensor for key, tensor in parts()["text_encoder"].items()}
    found = lora.read(ref, PICTUREBOOK, {"text_encoder_2": keys})
    expected = {("text_encoder_2", words.format(f"{module}.weight")) for _, module in made}
    assert set(found.deltas) == expected


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_sums_are_made_in_float32_and_the_weights_form_is_kept(dtype, save_lora):
    ref = save_lora({k: v.half() for k, v in kohya(layers((*ATTENTION, "conv1"))).items()})
    for (part, key), delta in lora.read(ref, PICTUREBOOK, parts()).deltas.items():
        weight = parts()[part][key].to(dtype)
        if weight.ndim == 4:
            weight = weight.contiguous(memory_format=torch.channels_last)
        before = weight.clone()
        result = delta.add_to(weight, 0.7)
        assert (result.dtype, result.shape) == (dtype, weight.shape)
        assert result.stride() == weight.stride()
        assert torch.equal(weight, before)
        exact = delta.add_to(weight.float(), 0.7)
        assert torch.equal(result, exact.to(dtype))
        assert torch.equal(delta.add_to(weight, 0.0), weight)


def test_changing_the_weight_takes_less_than_a_tenth_of_a_second(save_lora):
    """The sums alone, over all layers of the embedded model at the usual rank."""
    whole = (*ATTENTION, "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv1", "conv2")
    found = lora.read(
        save_lora(kohya(layers(whole, (*PROJECTIONS, "fc1", "fc2"), rank=16))), PICTUREBOOK, parts()
    )
    assert len(found.deltas) > 150
    spent = []
    for scale in (0.1, 0.9, 0.5):
        since_s = time.process_time()
        for (part, key), delta in found.deltas.items():
            delta.add_to(parts()[part][key], scale)
        spent.append(time.process_time() - since_s)
    assert min(spent) < 0.1
