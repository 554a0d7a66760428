"""Textual inversions in the forms that are in use, and what is refused."""

from __future__ import annotations

import pickle

import pytest
import torch
from safetensors.torch import save_file

from studio.domain.errors import CheckpointError, InvalidRequest
from studio.families.stable_diffusion.family import PICTUREBOOK, SD1, SDXL, SDXL_REFINER
from studio.weights import embeddings
from tests.refs import ref_to

VECTORS = torch.arange(6.0).reshape(2, 3)
WIDE, WIDER = torch.randn(4, 768), torch.randn(4, 1280)


@pytest.fixture
def saved(tmp_path):
    """`saved(anything, "name.pt")` or `saved(tensors, "name.safetensors")`."""

    def save(content, name="style.safetensors", **fields):
        path = tmp_path / name
        save_file(content, path) if name.endswith("safetensors") else torch.save(content, path)
        return ref_to(name=path.stem, kind="embedding", path=path, **fields)

    return save


A1111 = {
    "string_to_token": {"*": 265},
    "string_to_param": {"*": VECTORS},
    "name": "style",
    "step": 1000,
    "sd_checkpoint": "abcdef",
    "sd_checkpoint_name": "some model",
}


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (A1111, "style.pt"),
        ({"emb_params": VECTORS}, "style.safetensors"),
        ({"emb_params": VECTORS, "step": torch.tensor(3)}, "style.pt"),
        ({"<style>": VECTORS}, "learned_embeds.bin"),
        ({"<style>": VECTORS}, "learned_embeds.safetensors"),
        ({"*": VECTORS.half()}, "style.safetensors"),
    ],
)
def test_one_tensor_in_every_form(content, name, saved):
    (found,) = embeddings.read(saved(content, name), PICTUREBOOK)
    assert found.dtype == torch.float32
    assert torch.equal(found, VECTORS)


def test_a_single_vector_has_a_row_of_its_own(saved):
    (found,) = embeddings.read(saved({"<style>": VECTORS[0]}), SD1)
    assert torch.equal(found, VECTORS[:1])


@pytest.mark.parametrize("names", [("clip_l", "clip_g"), ("text_encoders_0", "text_encoders_1")])
def test_pairs_come_in_the_order_of_the_text_encoders(names, saved):
    found = embeddings.read(saved({names[1]: WIDER, names[0]: WIDE}), SDXL)
    assert [tuple(tensor.shape) for tensor in found] == [(4, 768), (4, 1280)]
    assert torch.equal(found[0], WIDE) and torch.equal(found[1], WIDER)


def test_the_refiner_takes_the_second_of_a_pair_alone(saved):
    (found,) = embeddings.read(saved({"clip_g": WIDER}), SDXL_REFINER)
    assert torch.equal(found, WIDER)


def test_a_file_that_is_changed_afterwards_changes_nothing(saved):
    ref = saved(A1111, "style.pt")
    (found,) = embeddings.read(ref, PICTUREBOOK)
    ref.path.write_bytes(b"\xff" * ref.path.stat().st_size)
    assert torch.equal(found, VECTORS)


def test_another_family_is_named(saved):
    pair, single = saved({"clip_l": WIDE, "clip_g": WIDER}, family=SDXL), saved({"x": WIDE}, "x.pt")
    with pytest.raises(InvalidRequest, match="it is for SDXL, the checkpoint is SD 1.x"):
        embeddings.read(pair, SD1)
    with pytest.raises(
        InvalidRequest, match="the checkpoint is SDXL, which needs vectors for 2 text"
    ):
        embeddings.read(single, SDXL)
    narrow = {"text_encoder": {"embeddings.token_embedding.weight": torch.empty(9, 192)}}
    with pytest.raises(InvalidRequest, match="768 wide, the text encoder 192"):
        embeddings.read(single, PICTUREBOOK, narrow)
    (found,) = embeddings.read(saved({"x": torch.ones(1, 192)}), PICTUREBOOK, narrow)
    assert found.shape == (1, 192)


class Harm:
    def __reduce__(self):
        return print, ("harm done",)


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ({"x": torch.full((1, 4), torch.nan)}, "x.safetensors", "not all its numbers are finite"),
        ({"x": torch.full((1, 4), torch.inf)}, "x.pt", "not all its numbers are finite"),
        ({"x": torch.ones(76, 4)}, "x.safetensors", "76 vectors; a prompt has room for 75"),
        ({"x": torch.ones(0, 4)}, "x.safetensors", "no vectors"),
        ({"x": torch.ones(2, 2, 2)}, "x.safetensors", r"shape \(2, 2, 2\)"),
        ({"x": torch.ones(4, dtype=torch.int64)}, "x.safetensors", "shape"),
        ({"x": torch.ones(4), "y": torch.ones(4)}, "x.safetensors", "2 tensors"),
        ({"clip_l": WIDE, "clip_g": WIDER[:2]}, "x.safetensors", "different numbers of vectors"),
        ({"x": Harm()}, "x.pt", "None of it was run"),
        ({}, "x.pt", "no named tensors"),
    ],
)
def test_what_is_no_embedding_is_refused_with_the_reason(content, name, message, saved, capsys):
    with pytest.raises(CheckpointError, match=message):
        embeddings.read(saved(content, name), SDXL)
    assert "harm done" not in capsys.readouterr().out


def test_a_file_that_is_gone_or_cut_short(saved):
    ref = saved({"x": VECTORS})
    ref.path.write_bytes(ref.path.read_bytes()[:-5])
    with pytest.raises(CheckpointError, match="cut short"):
        embeddings.read(ref, SD1)
    ref.path.unlink()
    with pytest.raises(CheckpointError, match="is gone"):
        embeddings.read(ref, SD1)


def test_any_pickle_is_read_by_the_restricted_reader_alone(tmp_path):
    path = tmp_path / "x.pt"
    path.write_bytes(pickle.dumps(Harm()))
    with pytest.raises(CheckpointError):
        embeddings.read(ref_to(name="x", kind="embedding", path=path), SD1)
