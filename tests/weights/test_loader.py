"""Checkpoints in the original layout: read exactly, whatever the family, format and dialect."""

import itertools
from dataclasses import replace

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file

from studio.catalog.catalog import Catalog
from studio.domain.errors import CheckpointError, InvalidRequest
from studio.domain.refs import ModelFile, ModelRef, Selection
from studio.families.stable_diffusion import export
from studio.families.stable_diffusion.family import SD1, SD2, SDXL
from studio.residence.manager import ModelManager
from studio.settings import assets_dir
from studio.weights import loader, modules
from studio.weights.configs import unet_config, vae_config
from studio.weights.loader import Weights
from tests.refs import ref_to
from tests.residence.leasing import stages
from tests.weights import checkpoints
from tests.weights.checkpoints import FAMILIES

NUMBERS = (torch.float32, torch.float16, torch.bfloat16)
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


def read(ref: ModelRef, dtype: torch.dtype = torch.float32) -> Weights:
    return next(weights for *_, weights in loader.read(ref, dtype) if weights)


def assert_same(found: torch.nn.Module, expected: torch.nn.Module) -> None:
    """The same weights, bit for bit."""
    wanted, state = expected.state_dict(), found.state_dict()
    assert set(state) == set(wanted)
    assert all(torch.equal(state[key], wanted[key].to(state[key].dtype)) for key in wanted)


def assert_holds(weights: Weights, parts: dict[str, torch.nn.Module]) -> None:
    """Every weight of `parts`, bit for bit, in modules of the same architecture."""
    assert set(weights.parts) == set(parts)
    for name, module in parts.items():
        expected = module.state_dict()
        assert set(weights.parts[name]) == set(expected)
        for key, tensor in weights.parts[name].items():
            assert tensor.is_contiguous()
            assert torch.equal(tensor, expected[key].to(tensor.dtype)), (name, key)
        built = loader.build(name, weights.configs[name])
        assert str(built) == str(module)


@each_family
def test_the_original_layout_gives_the_same_weights_as_a_folder(family, tmp_path):
    parts = checkpoints.parts_of(family)
    folder = read(checkpoints.write_folder(parts, family, tmp_path / "folder"))
    single = read(checkpoints.write_single(parts, family, tmp_path / "single.safetensors"))
    assert_holds(folder, parts)
    assert_holds(single, parts)
    ids = [
        [t(text).input_ids for t in w.tokenizers] for w in (folder, single) for text in ("a cat",)
    ]
    assert ids[0] == ids[1]
    assert [t.pad_token_id for t in single.tokenizers] == [
        t.pad_token_id for t in folder.tokenizers
    ]


@each_family
def test_what_the_exporter_writes_is_what_was_read(family, tmp_path):
    parts = checkpoints.parts_of(family)
    original = checkpoints.write_single(parts, family, tmp_path / "single.safetensors")
    export.write_single_file(read(original), tmp_path / "again.safetensors")
    again = load_file(tmp_path / "again.safetensors")
    needless = ("position_ids", "logit_scale", "alphas")
    for key, tensor in load_file(original.path).items():
        unused = family is SD2 and ("resblocks.3." in key or key.endswith("text_projection"))
        if not key.endswith(needless) and not unused:
            assert torch.equal(again[key], tensor), key
    assert_holds(read(checkpoints.ref_of(family, tmp_path / "again.safetensors")), parts)


def test_picturebook_survives_being_one_file(tmp_path):
    ref = Catalog([assets_dir() / "models"]).find("picturebook")
    path = tmp_path / "picturebook.safetensors"
    export.export_checkpoint(ref, path)
    folder, single = read(ref), read(replace(ref, file=ModelFile(path)))
    for part, tensors in folder.parts.items():
        assert tensors.keys() == single.parts[part].keys()
        assert all(torch.equal(tensors[key], single.parts[part][key]) for key in tensors)
        built = [str(loader.build(part, weights.configs[part])) for weights in (folder, single)]
        assert built[0] == built[1]
    text = "a red house, ünïcode 🦊 at dawn"
    assert folder.tokenizers[0](text).input_ids == single.tokenizers[0](text).input_ids
    assert folder.configs["vae"]["scaling_factor"] == single.configs["vae"]["scaling_factor"]


@pytest.mark.parametrize("channels", [9])
def test_inpaint_unets_take_nine_channels(channels, tmp_path):
    parts = checkpoints.parts_of(SD1, channels)
    assert_holds(read(checkpoints.write_single(parts, SD1, tmp_path / "a.safetensors")), parts)


@pytest.mark.parametrize(
    ("stored", "wanted"),
    [
        pytest.param(stored, wanted, marks=() if stored != wanted else pytest.mark.slow)
        for stored, wanted in itertools.product(NUMBERS, NUMBERS)
    ],
)
def test_every_number_format_is_converted_as_torch_does(stored, wanted, tmp_path):
    parts = checkpoints.own_parts_of(SD1)
    for module in parts.values():
        module.to(stored)
    ref = checkpoints.write_single(parts, SD1, tmp_path / "a.safetensors")
    weights = read(ref, wanted)
    assert {t.dtype for part in weights.parts.values() for t in part.values()} == {wanted}
    assert_holds(weights, parts)


def change(ref: ModelRef, rename) -> ModelRef:
    """The file with its tensors renamed; None drops one."""
    tensors = {rename(name): tensor for name, tensor in load_file(ref.path).items()}
    tensors.pop(None, None)
    save_file(tensors, ref.path)
    return ref


@pytest.mark.parametrize(
    "old, new",
    [
        ("model.diffusion_model.", "diffusion_model."),
        ("cond_stage_model.transformer.text_model.", "cond_stage_model.transformer."),
        ("embeddings.position_ids", "embeddings.not_known"),
    ],
)
def test_dialects_of_the_original_layout(old, new, tmp_path):
    parts = checkpoints.parts_of(SD1)
    ref = checkpoints.write_single(parts, SD1, tmp_path / "a.safetensors")
    assert_holds(read(change(ref, lambda name: name.replace(old, new))), parts)


def test_averaged_weights_beside_the_others_are_left_alone(tmp_path):
    parts = checkpoints.parts_of(SD1)
    ref = checkpoints.write_single(parts, SD1, tmp_path / "a.safetensors")
    tensors = load_file(ref.path)
    unet = "model.diffusion_model."
    averaged = {
        "model_ema." + name.removeprefix("model.").replace(".", ""): tensor + 1
        for name, tensor in tensors.items()
        if name.startswith(unet)
    }
    save_file({**tensors, **averaged, "model_ema.decay": torch.ones(())}, ref.path)
    assert_holds(read(ref), parts)


@each_family
def test_one_file_under_our_own_names(family, tmp_path):
    parts = checkpoints.parts_of(family)
    path = tmp_path / "a.safetensors"
    tensors = {
        f"{part}.{name}": tensor.clone().contiguous()
        for part, module in parts.items()
        for name, tensor in module.state_dict().items()
    }
    save_file(tensors, path)
    weights = read(checkpoints.ref_of(family, path))
    if family is SD1:
        assert_holds(weights, parts)
    for part, module in parts.items():
        assert all(torch.equal(t, weights.parts[part][k]) for k, t in module.state_dict().items())


@pytest.mark.parametrize("how", [{"max_shard_size": "200KB"}, {"variant": "fp16"}])
def test_folders_in_shards_and_variants(how, tmp_path):
    parts = checkpoints.parts_of(SDXL)
    ref = checkpoints.write_folder(parts, SDXL, tmp_path / "folder", **how)
    files = list((ref.path / "unet").glob("*.safetensors"))
    assert len(files) > 1 or ".fp16." in files[0].name
    assert_holds(read(ref), parts)


def test_old_folders_have_older_names(tmp_path):
    parts = checkpoints.parts_of(SD1)
    ref = checkpoints.write_folder(parts, SD1, tmp_path / "folder")
    for file, old, new in (
        ("vae/diffusion_pytorch_model", ".to_q.", ".query."),
        ("vae/diffusion_pytorch_model", ".to_out.0.", ".proj_attn."),
        ("text_encoder/model", "", "text_model."),
    ):
        path = ref.path / f"{file}.safetensors"
        named = load_file(path)
        save_file(
            {name.replace(old, new) if old else new + name: t for name, t in named.items()}, path
        )
    assert_holds(read(ref), parts)


def test_checkpoints_of_old_pickles(tmp_path):
    parts = checkpoints.parts_of(SD1)
    tensors = checkpoints.original(parts, SD1)
    for zipped in (True, False):
        path = tmp_path / f"{zipped}.ckpt"
        books = {"state_dict": tensors, "global_step": 3}
        torch.save(books, path, _use_new_zipfile_serialization=zipped)
        assert_holds(read(checkpoints.ref_of(SD1, path)), parts)


@pytest.mark.parametrize("form", ["original", "alone", "ours", "folder"])
def test_another_vae_takes_the_place_of_the_own(form, tmp_path):
    parts = checkpoints.parts_of(SDXL)
    other = checkpoints.parts_of(SD1, seed=1)["vae"]
    path = tmp_path / ("vae" if form == "folder" else "vae.safetensors")
    named = {"vae": other, "unet": checkpoints.parts_of(SD1)["unet"]}
    if form == "folder":
        other.save_pretrained(path)
    elif form == "ours":
        save_file(other.state_dict(), path)
    else:
        tensors = checkpoints.original({**parts, **named}, SDXL)
        prefix = "first_stage_model."
        cut = len(prefix) if form == "alone" else 0
        save_file({n[cut:]: t.clone() for n, t in tensors.items() if n.startswith(prefix)}, path)
    ref = checkpoints.write_single(parts, SDXL, tmp_path / "a.safetensors")
    vae = ref_to("other", "vae", path)
    assert_holds(read(vae), {"vae": other})
    with ModelManager("cpu", "float32").lease(Selection(ref, vae=vae)) as models:
        assert_same(models.vae, other)
        assert_same(models.backbone, parts["unet"])
        assert models.vae.config.scaling_factor == SDXL.latent_scale


def test_a_checkpoint_without_a_vae_needs_one_chosen(tmp_path):
    parts = checkpoints.parts_of(SD1)
    ref = checkpoints.write_single(parts, SD1, tmp_path / "a.safetensors")
    drop = change(ref, lambda name: None if name.startswith("first_stage") else name)
    manager = ModelManager("cpu", "float32")
    with pytest.raises(CheckpointError, match="no VAE in it. Choose one"):
        stages(manager, Selection(drop))
    parts["vae"].save_pretrained(tmp_path / "vae")
    with manager.lease(Selection(drop, vae=ref_to("v", "vae", tmp_path / "vae"))) as models:
        assert_same(models.vae, parts["vae"])
        assert_same(models.backbone, parts["unet"])


@each_family
def test_full_size_configurations_are_read_off_the_shapes(family):
    with modules.without_weights():
        published = UNet2DConditionModel(**checkpoints.FULL_UNET[family])
    shapes = {
        name: tuple(tensor.shape) for name, tensor in checkpoints.original_unet(published).items()
    }
    derived = loader.build("unet", unet_config(shapes, family, pooled_width=1280))
    assert str(derived) == str(published)
    heads = [m.heads for m in derived.modules() if hasattr(m, "heads")]
    assert heads == [m.heads for m in published.modules() if hasattr(m, "heads")]


def test_the_vae_everybody_uses_is_read_off_the_shapes():
    with modules.without_weights():
        published = AutoencoderKL(**checkpoints.FULL_VAE)
    shapes = {
        name: tuple(tensor.shape) for name, tensor in checkpoints.original_vae(published).items()
    }
    assert str(loader.build("vae", vae_config(shapes, SD1))) == str(published)


def test_a_vae_in_use_by_two_families_has_the_scale_of_each(tmp_path):
    """SD 1.x's VAE and SDXL's have the same shapes; no file tells the scale of its latents."""
    other = tmp_path / "vae.safetensors"
    save_file(checkpoints.parts_of(SD1, seed=1)["vae"].state_dict(), other)
    manager, vae = ModelManager("cpu", "float32"), ref_to("other", "vae", other)
    for family in (SDXL, SD1, SDXL):
        path = tmp_path / f"{family.name}.safetensors"
        ref = checkpoints.write_single(checkpoints.parts_of(family), family, path)
        with manager.lease(Selection(ref, vae=vae)) as models:
            assert models.vae.config.scaling_factor == family.latent_scale


def test_a_vae_with_other_latents_is_refused(tmp_path):
    wide = AutoencoderKL(latent_channels=16, block_out_channels=[32], sample_size=8)
    wide.save_pretrained(tmp_path / "wide")
    ref = checkpoints.write_single(checkpoints.parts_of(SD1), SD1, tmp_path / "a.safetensors")
    manager = ModelManager("cpu", "float32")
    with pytest.raises(InvalidRequest, match="16 channels"):
        stages(manager, Selection(ref, vae=ref_to("wide", "vae", tmp_path / "wide")))
