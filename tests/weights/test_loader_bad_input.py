"""Files that cannot be used: each is refused with its name, the cause and the next step."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from studio.domain.errors import CheckpointError
from studio.domain.events import Failed
from studio.domain.refs import ModelRef, Selection
from studio.domain.request import GenerationRequest
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.families.stable_diffusion.family import SD1, SDXL
from studio.residence.manager import ModelManager
from studio.weights import loader
from tests.engine.running import run
from tests.refs import ref_to
from tests.weights import checkpoints

UNET = "model.diffusion_model."


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> ModelRef:
    path = tmp_path_factory.mktemp("whole") / "whole.safetensors"
    return checkpoints.write_single(checkpoints.parts_of(SD1), SD1, path)


@pytest.fixture
def ref(whole: ModelRef, tmp_path: Path) -> ModelRef:
    """A copy that a test may spoil."""
    path = tmp_path / "model.safetensors"
    shutil.copyfile(whole.path, path)
    return checkpoints.ref_of(SD1, path)


def read(ref: ModelRef, dtype: torch.dtype = torch.float32) -> None:
    for _ in loader.read(ref, dtype):
        pass


def spoil(ref: ModelRef, change) -> None:
    tensors = load_file(ref.path)
    change(tensors)
    save_file(tensors, ref.path)


def refusal(ref: ModelRef, dtype: torch.dtype = torch.float32) -> str:
    with pytest.raises(CheckpointError) as error:
        read(ref, dtype)
    text = str(error.value)
    assert text.startswith(f"{ref.name}: ") or ref.name in text.split(".")[0]
    assert text.endswith(".") and "\n" not in text
    return text


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_numbers_that_are_not_finite(ref, bad, dtype):
    key = f"{UNET}middle_block.0.in_layers.2.weight"
    spoil(ref, lambda tensors: tensors[key].view(-1)[17:18].fill_(bad))
    text = refusal(ref, dtype)
    assert "unet" in text and "not finite" in text and key in text


def test_large_numbers_are_no_mistake(ref):
    """Their sum overflows in half precision; each of them does not."""
    spoil(ref, lambda tensors: tensors[f"{UNET}out.2.weight"].fill_(30000.0))
    read(ref, torch.float16)


def test_numbers_too_large_for_the_format_are_told(ref):
    spoil(ref, lambda tensors: tensors[f"{UNET}out.2.weight"].fill_(1e6))
    read(ref, torch.bfloat16)
    assert "not finite" in refusal(ref, torch.float16)


def test_a_missing_tensor(ref):
    spoil(ref, lambda tensors: tensors.pop(f"{UNET}output_blocks.1.0.in_layers.2.weight"))
    text = refusal(ref)
    assert "1 of its" in text and "up_blocks.0.resnets.1.conv1.weight" in text


def test_a_missing_part(ref):
    def drop(tensors):
        for name in [name for name in tensors if name.startswith("cond_stage_model")]:
            del tensors[name]

    spoil(ref, drop)
    assert "its text_encoder is missing" in refusal(ref)


def test_a_tensor_of_another_shape(ref):
    name = f"{UNET}output_blocks.1.0.out_layers.3.weight"
    spoil(ref, lambda tensors: tensors.update({name: torch.zeros(7, 7, 3, 3)}))
    text = refusal(ref)
    assert name in text and "(7, 7, 3, 3)" in text


def test_a_file_of_another_family(whole):
    claimed = ref_to("claimed", "checkpoint", whole.path, SDXL)
    assert "text_encoder" in refusal(claimed)


def test_a_lora_is_no_checkpoint(tmp_path):
    path = tmp_path / "style.safetensors"
    save_file({"lora_unet_mid_block.lora_down.weight": torch.zeros(4, 8)}, path)
    assert "a LoRA, not a checkpoint" in refusal(checkpoints.ref_of(SD1, path))


@pytest.mark.parametrize("channels, made", [(8, "pix2pix"), (5, "depth")])
def test_unets_for_other_tasks(channels, made, tmp_path):
    parts = checkpoints.parts_of(SD1, channels)
    ref = checkpoints.write_single(parts, SD1, tmp_path / "other.safetensors")
    assert made in refusal(ref)


@pytest.mark.parametrize("left", [0, 5, 5000, 0.5])
def test_a_truncated_file(ref, left):
    size = int(ref.file.size_bytes * left) if isinstance(left, float) else left
    with ref.path.open("r+b") as file:
        file.truncate(size)
    refusal(ref)


def test_a_file_cut_short_while_it_is_read(ref):
    reading = loader.read(ref, torch.float32)
    with pytest.raises(CheckpointError, match="shorter while it was read"):
        for stage, *_ in reading:
            if "text encoder" in stage:
                with ref.path.open("r+b") as file:
                    file.truncate(ref.file.size_bytes // 2)


def test_a_file_overwritten_after_it_was_read_changes_nothing(ref):
    weights = next(found for *_, found in loader.read(ref, torch.float32) if found)
    before = {name: tensor.clone() for name, tensor in weights.parts["unet"].items()}
    with ref.path.open("r+b") as file:
        file.write(bytes(ref.file.size_bytes))
    with ref.path.open("r+b") as file:
        file.truncate(100)
    assert all(torch.equal(t, before[name]) for name, t in weights.parts["unet"].items())


class Bomb:
    """Unpickled by a careless reader, it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("suffix", [".ckpt", ".pt", ".bin"])
def test_code_in_a_pickle_is_not_run(zipped, suffix, tmp_path):
    """Beside tensors it does not matter, instead of them the file is refused."""
    path, mark = tmp_path / f"model{suffix}", tmp_path / "executed"
    tensors = checkpoints.original(checkpoints.parts_of(SD1), SD1)
    books = {"state_dict": tensors, "callbacks": Bomb(mark)}
    torch.save(books, path, _use_new_zipfile_serialization=zipped)
    read(checkpoints.ref_of(SD1, path))
    torch.save(books | {"state_dict": Bomb(mark)}, path, _use_new_zipfile_serialization=zipped)
    text = refusal(checkpoints.ref_of(SD1, path))
    assert "None of it was run" in text and "save_file" in text
    assert not mark.exists()


def test_a_bare_pickle(tmp_path):
    path, mark = tmp_path / "model.ckpt", tmp_path / "executed"
    path.write_bytes(pickle.dumps(Bomb(mark)))
    refusal(checkpoints.ref_of(SD1, path))
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no pickle at all", {"a": 1}])
def test_damaged_and_empty_pickles(content, tmp_path):
    path = tmp_path / "model.pt"
    torch.save(content, path) if isinstance(content, dict) else path.write_bytes(content)
    refusal(checkpoints.ref_of(SD1, path))


def test_a_small_vocabulary_that_nobody_tells(ref):
    name = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
    spoil(ref, lambda tensors: tensors.update({name: tensors[name][:800].clone()}))
    assert "800 tokens" in refusal(ref)


@pytest.mark.parametrize("told", ["{", "[]", '{"unet": 3}', '{"unet": {"norm_num_groups": "x"}}'])
def test_metadata_that_lie(ref, told):
    save_file(load_file(ref.path), ref.path, {"latent_studio.configs": told})
    refusal(ref)


def test_a_checkpoint_deleted_while_its_job_waits(ref):
    engine = StableDiffusionEngine(ModelManager("cpu", "float32"), lambda _: Selection(ref))
    request = GenerationRequest(prompt="a cat", width=64, height=64, seed=1, steps=1)
    ref.path.unlink()
    last = run(engine, request.settled(ref.name, SD1))[-1]
    assert isinstance(last, Failed) and last.error == "CheckpointError"
    assert "no longer there" in last.message


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder", "tokenizer"])
def test_folders_without_a_part(part, tmp_path):
    ref = checkpoints.write_folder(checkpoints.parts_of(SD1), SD1, tmp_path / "folder")
    shutil.rmtree(ref.path / part)
    assert part in refusal(ref)


def test_an_index_of_shards_cannot_lead_out_of_its_folder(tmp_path):
    ref = checkpoints.write_folder(
        checkpoints.parts_of(SD1), SD1, tmp_path / "folder", max_shard_size="500KB"
    )
    index = next((ref.path / "unet").glob("*.index.json"))
    index.write_text('{"weight_map": {"conv_in.weight": "../../secret.safetensors"}}')
    assert "names other folders" in refusal(ref)
