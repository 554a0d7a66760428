"""Files as other programs leave them: wrapped names, foreign keys, encoders under other names or
without layers that nothing uses, ControlNets without their configuration."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from studio.catalog.probe import probe
from studio.domain.errors import CheckpointError
from studio.families.stable_diffusion import export
from studio.families.stable_diffusion.family import PICTUREBOOK, SD1, SD2, SDXL, SDXL_REFINER
from studio.settings import assets_dir
from studio.weights import loader, lora
from studio.weights.modules import build
from tests.refs import ref_to
from tests.weights import checkpoints
from tests.weights.test_controlnets_and_tiny_vaes import controlnet_of
from tests.weights.test_loader import assert_holds, read

WRAPPERS = {
    "compiled": lambda name: f"_orig_mod.{name}",
    "compiled within": lambda name: name.replace("diffusion_model.", "diffusion_model._orig_mod."),
    "distributed": lambda name: f"module.{name}",
    "both": lambda name: f"module._orig_mod.{name}",
    "each part": lambda name: ".".join((*name.split(".", 1)[:1], "module", name.split(".", 1)[1])),
}


def renamed(tensors, rename):
    return {rename(name): tensor.clone().contiguous() for name, tensor in tensors.items()}


@pytest.mark.parametrize(
    ("wrapper", "suffix"),
    [
        *((wrapper, ".safetensors") for wrapper in WRAPPERS),
        ("both", ".ckpt"),
        *(
            pytest.param(wrapper, ".ckpt", marks=pytest.mark.slow)
            for wrapper in WRAPPERS
            if wrapper != "both"
        ),
    ],
)
def test_what_wrapped_a_checkpoint_does_not_matter(wrapper, suffix, tmp_path):
    parts = checkpoints.parts_of(SD1)
    path = tmp_path / f"a{suffix}"
    tensors = renamed(checkpoints.original(parts, SD1), WRAPPERS[wrapper])
    save_file(tensors, path) if suffix == ".safetensors" else torch.save(tensors, path)
    assert (probe(path).kind, probe(path).problem) == ("checkpoint", "")
    assert_holds(read(checkpoints.ref_of(SD1, path)), parts)


@pytest.mark.parametrize("wrapper", ["compiled", "distributed", "both"])
def test_what_wrapped_the_parts_of_a_folder_does_not_matter(wrapper, tmp_path):
    parts = checkpoints.parts_of(SD1)
    ref = checkpoints.write_folder(parts, SD1, tmp_path / "folder")
    for path in ref.path.rglob("*.safetensors"):
        save_file(renamed(load_file(path), WRAPPERS[wrapper]), path)
    assert_holds(read(ref), parts)


def net_holds(path, net, family) -> None:
    weights = read(ref_to("n", "controlnet", path, family))
    expected = net.state_dict()
    assert weights.parts["controlnet"].keys() == expected.keys()
    assert all(torch.equal(t, expected[n]) for n, t in weights.parts["controlnet"].items())
    assert str(build("controlnet", weights.configs["controlnet"])) == str(net)


@pytest.mark.parametrize("wrapper", ["compiled", "distributed"])
def test_what_wrapped_other_kinds_does_not_matter(wrapper, tmp_path):
    rename = WRAPPERS[wrapper]
    net, vae = controlnet_of(SD1), checkpoints.parts_of(SD1)["vae"]
    save_file(renamed(net.state_dict(), rename), tmp_path / "net.safetensors")
    assert probe(tmp_path / "net.safetensors").kind == "controlnet"
    net_holds(tmp_path / "net.safetensors", net, SD1)
    save_file(renamed(vae.state_dict(), rename), tmp_path / "vae.safetensors")
    assert probe(tmp_path / "vae.safetensors").kind == "vae"
    assert_holds(read(ref_to("v", "vae", tmp_path / "vae.safetensors")), {"vae": vae})


@pytest.mark.parametrize("prefix", ["", "_orig_mod.", "module.", "lora_unet__orig_mod_"])
def test_a_lora_trained_on_a_compiled_unet(prefix, tmp_path):
    unet = checkpoints.unet_of(SD1)
    parts = {"unet": unet.state_dict()}
    module = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    flat = module.replace(".", "_")
    name = f"{prefix}{flat}" if prefix.startswith("lora_unet") else f"{prefix}lora_unet_{flat}"
    pair = {"lora_down.weight": torch.randn(4, 128), "lora_up.weight": torch.randn(128, 4)}
    path = tmp_path / "l.safetensors"
    save_file({f"{name}.{leaf}": tensor for leaf, tensor in pair.items()}, path)
    found = lora.read(ref_to("l", "lora", path, SD1), SD1, parts)
    assert list(found.deltas) == [("unet", f"{module}.weight")]


def test_names_that_would_become_one_stay_two(tmp_path):
    path = tmp_path / "a.safetensors"
    parts = checkpoints.parts_of(SD1)
    tensors = renamed(checkpoints.original(parts, SD1), str)
    key = "model.diffusion_model.input_blocks.0.0.bias"
    save_file({**tensors, f"module.{key}": torch.ones(64)}, path)
    assert_holds(read(checkpoints.ref_of(SD1, path)), parts)


STRAY = (
    "global_step", "conv_in", "time_embedding.more", "down_blocks", "down_blocks.x.y",
    "down_blocks.0.resnets.0.more.x", "up_blocks.9", "up_blocks.one.resnets.0.norm1.weight",
    "mid_block.more",
    "controlnet_cond_embedding.blocks.x.weight", "controlnet_down_blocks.x", "input_blocks.x.y",
    "input_hint_block.x.weight", "encoder.down_blocks", "embeddings", "optimizer.state.0.step",
)  # fmt: skip
"""What trainers and converters leave beside the weights, as bad as it gets."""


@pytest.mark.parametrize("form", ["ours", "original"])
def test_a_key_nobody_knows_is_ignored_in_a_controlnet(form, tmp_path):
    net, path = controlnet_of(SD1), tmp_path / "net.safetensors"
    tensors = net.state_dict() if form == "ours" else checkpoints.original_controlnet(net)
    stray = {name: torch.zeros(2) for name in STRAY}
    save_file(renamed({**stray, **tensors}, str), path)
    assert probe(path).kind == "controlnet"
    net_holds(path, net, SD1)


@pytest.mark.parametrize("form", ["ours", "original"])
def test_keys_nobody_knows_are_ignored_in_a_checkpoint(form, tmp_path):
    parts, path = checkpoints.parts_of(SD1), tmp_path / "a.safetensors"
    if form == "original":
        tensors = checkpoints.original(parts, SD1)
        prefixes = ("", "model.diffusion_model.", "first_stage_model.", "cond_stage_model.")
    else:
        tensors = {f"{p}.{n}": t for p, m in parts.items() for n, t in m.state_dict().items()}
        prefixes = ("", "unet.", "vae.", "text_encoder.", "text_encoder.text_model.")
    names = [name for name in STRAY if "control" not in name and "hint" not in name]
    stray = {prefix + name: torch.zeros(2) for prefix in prefixes for name in names}
    save_file(renamed({**stray, **tensors}, str), path)
    assert (probe(path).kind, probe(path).problem) == ("checkpoint", "")
    assert_holds(read(checkpoints.ref_of(SD1, path)), parts)


def test_a_missing_weight_is_told_in_words(tmp_path):
    """Whichever it is: no reader leaves with an error of Python's own."""
    parts = checkpoints.parts_of(SD1)
    whole = renamed(checkpoints.original(parts, SD1), str)
    first = [name for name in whole if ".layers.0." in name and "layer_norm1" in name]
    for name in dict.fromkeys([*first, *list(whole)[::11]]):
        if name.endswith("position_ids"):
            continue
        save_file({n: t for n, t in whole.items() if n != name}, tmp_path / "a.safetensors")
        with pytest.raises(CheckpointError, match=r"^a: "):
            read(checkpoints.ref_of(SD1, tmp_path / "a.safetensors"))


ACTIVATIONS = {
    (SD1.name, "text_encoder"): "quick_gelu",
    (SD2.name, "text_encoder"): "gelu",
    (SDXL.name, "text_encoder"): "quick_gelu",
    (SDXL.name, "text_encoder_2"): "gelu",
    (SDXL_REFINER.name, "text_encoder_2"): "gelu",
}


def written(parts, family, path, names: str):
    """One file whose encoders all stand under CLIP's names, OpenCLIP's, or our own."""
    tensors = {
        name: tensor
        for name, tensor in checkpoints.original(parts, family).items()
        if name.startswith(("model.", "first_stage_model."))
    }
    for place, encoder in enumerate(family.prompt_encoders):
        module = parts[encoder.part]
        outer = f"conditioner.embedders.{place}" if family.size_conditioning else "cond_stage_model"
        state = {n.removeprefix("text_model."): t for n, t in module.state_dict().items()}
        projection = state.pop("text_projection.weight", None)
        if names == "openclip":
            checkpoints.put(tensors, f"{outer}.model", checkpoints.original_openclip(module, 0))
            continue
        prefix = f"{outer}.transformer" if names == "clip" else encoder.part
        checkpoints.put(tensors, f"{prefix}.text_model", state)
        if projection is not None:
            tensors[f"{prefix}.text_projection.weight"] = projection
    save_file(renamed(tensors, str), path)
    return checkpoints.ref_of(family, path)


@pytest.mark.parametrize("names", ["clip", "ours", "openclip"])
@pytest.mark.parametrize("family", [SD1, SD2, SDXL, SDXL_REFINER], ids=lambda family: family.name)
def test_an_encoder_is_what_its_family_says_under_any_names(family, names, tmp_path):
    if names == "openclip" and family in (SD1, SD2):
        encoders = [replace(each, left_out=0) for each in family.prompt_encoders]
        family = replace(family, prompt_encoders=tuple(encoders))
    parts = checkpoints.parts_of(family)
    weights = read(written(parts, family, tmp_path / "a.safetensors", names))
    assert_holds(weights, parts)
    for encoder in family.prompt_encoders:
        part = encoder.part
        assert weights.configs[part]["hidden_act"] == ACTIVATIONS[family.name, part]
        ids = torch.tensor([[49406, 320, 1125, 49407]])
        loaded = build(part, weights.configs[part])
        loaded.load_state_dict(weights.parts[part], assign=True)
        assert torch.equal(
            loaded(ids, output_hidden_states=True).hidden_states[-1],
            parts[part](ids, output_hidden_states=True).hidden_states[-1],
        )


@pytest.mark.parametrize("names", ["openclip", "clip"])
@pytest.mark.parametrize("stored", [22, 23, 24])
def test_an_encoder_gets_the_layers_that_its_family_uses(stored, names, tmp_path):
    """SD 2.x uses 23 of OpenCLIP's 24 layers, and most converters leave the last one out."""
    deep = replace(SD2.prompt_encoders[0], left_out=4 - stored)
    parts = checkpoints.parts_of(replace(SD2, prompt_encoders=(deep,)))
    ref = written(parts, SD2, tmp_path / "a.safetensors", names)
    if stored == 22:
        tensors = {n: t for n, t in load_file(ref.path).items() if "text_projection" not in n}
        save_file(tensors, ref.path)
    weights = read(ref)
    used = min(stored, 23)
    assert weights.configs["text_encoder"]["num_hidden_layers"] == used
    last = f"encoder.layers.{used - 1}.mlp.fc1.weight"
    assert torch.equal(
        weights.parts["text_encoder"][last], parts["text_encoder"].state_dict()[last]
    )
    export.write_single_file(weights, tmp_path / "again.safetensors")
    again = read(checkpoints.ref_of(SD2, tmp_path / "again.safetensors"))
    assert again.configs["text_encoder"]["num_hidden_layers"] == used


@pytest.mark.parametrize("kind", ["canny", "scribble", "segmentation"])
def test_copies_of_picturebooks_controlnets_without_their_configuration(kind, tmp_path):
    folder = assets_dir() / "models" / f"picturebook-controlnet-{kind}"
    path = shutil.copyfile(
        folder / "diffusion_pytorch_model.safetensors", tmp_path / f"my {kind}.safetensors"
    )
    found = probe(path)
    assert (found.kind, found.family, found.problem) == ("controlnet", PICTUREBOOK, "")
    alone, told = (read(ref_to("n", "controlnet", each, PICTUREBOOK)) for each in (path, folder))
    assert alone.parts["controlnet"].keys() == told.parts["controlnet"].keys()
    nets = []
    for weights in (alone, told):
        net = build("controlnet", weights.configs["controlnet"])
        net.load_state_dict(weights.parts["controlnet"], assign=True)
        nets.append(net)
    torch.manual_seed(0)
    sample, hint = torch.randn(1, 4, 16, 16), torch.rand(1, 3, 128, 128)
    text = torch.randn(1, 77, 192)
    answers = [net(sample, 500, text, hint, return_dict=False) for net in nets]
    assert all(torch.equal(a, b) for a, b in zip(answers[0][0], answers[1][0], strict=True))
    assert torch.equal(answers[0][1], answers[1][1])


def test_a_copy_of_picturebooks_vae_without_its_configuration(tmp_path):
    folder = assets_dir() / "models" / "picturebook" / "vae"
    path = shutil.copyfile(
        folder / "diffusion_pytorch_model.safetensors", tmp_path / "vae.safetensors"
    )
    alone = read(ref_to("v", "vae", path, probe(path).family))
    told = read(ref_to("v", "vae", folder))
    vaes = []
    for weights in (alone, told):
        vae = loader.build("vae", weights.configs["vae"])
        vae.load_state_dict(weights.parts["vae"], assign=True)
        vaes.append(vae)
    picture = torch.rand(1, 3, 64, 64)
    assert torch.equal(*(vae.encode(picture).latent_dist.mean for vae in vaes))
