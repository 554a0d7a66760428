"""Models folders that are no place for models: pipes and devices under the names of models' files,
names that are no text, links that lead out."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
import torch

from studio.catalog.catalog import Catalog
from studio.catalog.hashes import sha256_of
from studio.catalog.places import add
from studio.catalog.probe import probe
from studio.domain.errors import CheckpointError, SaveError
from studio.weights import folders, image_encoder, tokenizers
from studio.weights.tensor_files import open_tensors
from tests.catalog import files

NO_TEXT = os.fsdecode(b"caf\xe9-\xff")
"""A file's name that is not UTF-8."""


def ends(work: Callable[[], object]) -> object:
    """What `work` returns or raises. A reader that waits for a pipe would wait for ever."""
    result: list[object] = []

    def run() -> None:
        try:
            result.append(work())
        except Exception as error:
            result.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(60)
    assert result, "it waits"
    return result[0]


def pipe(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    return path


def device(path: Path) -> Path:
    """One that gives bytes without an end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")
    return path


@pytest.mark.parametrize("special", [pipe, device])
@pytest.mark.parametrize(
    "part",
    [
        "model_index.json",
        "unet/config.json",
        "scheduler/scheduler_config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    ],
)
def test_a_folder_with_one_is_left_out_with_the_reason(tmp_path, special, part):
    folder = files.copy_embedded(tmp_path / "models" / "odd")
    special(folder / part)
    catalog = ends(lambda: Catalog([tmp_path / "models"]))
    assert catalog.refs() == []
    assert "no regular file" in (catalog.broken | catalog.pending)[folder]


@pytest.mark.parametrize("special", [pipe, device])
def test_every_reader_refuses_one(tmp_path, special):
    for suffix in (".safetensors", ".ckpt", ".pt", ".bin"):
        path = special(tmp_path / f"odd{suffix}")
        for read in (probe, open_tensors):
            assert isinstance(ends(lambda read=read, path=path: read(path)), CheckpointError)
        assert isinstance(ends(lambda path=path: sha256_of(path)), OSError)
    special(tmp_path / "vae" / "config.json")
    assert isinstance(ends(lambda: folders.config(tmp_path / "vae", "vae")), CheckpointError)
    special(tmp_path / "tokenizer" / "merges.txt")
    found = ends(lambda: tokenizers.from_folder(tmp_path / "tokenizer"))
    assert isinstance(found, CheckpointError)
    assert ends(lambda: image_encoder._told_beside(special(tmp_path / "config.json"), 768)) == {}
    copied = ends(lambda: add(tmp_path / "odd.ckpt", tmp_path / "to", link=False))
    assert isinstance(copied, SaveError)
    assert list((tmp_path / "to").iterdir()) == []


def test_a_shard_index_that_is_one_is_refused(tmp_path):
    unet = files.copy_embedded(tmp_path / "odd") / "unet"
    (unet / "diffusion_pytorch_model.safetensors").unlink()
    files.settled(unet / "config.json")
    pipe(unet / "diffusion_pytorch_model.safetensors.index.json")
    found = ends(lambda: folders.open_part(unet, "unet", torch.float32))
    assert isinstance(found, CheckpointError)


def test_names_that_are_no_text_reach_everybody_as_text(serve, tmp_path):
    folder = tmp_path / "own" / NO_TEXT
    files.write(folder / f"{NO_TEXT}.safetensors", files.lora(192))
    (folder / f"{NO_TEXT}.ckpt").write_bytes(b"nothing")
    files.settled(folder / f"{NO_TEXT}.ckpt")
    files.write(folder / f"{NO_TEXT}2.safetensors", {"mystery": (4,)})
    (folder / f"{NO_TEXT}3.safetensors").symlink_to(tmp_path / "nowhere")
    served = serve(models_dir=(folder,))
    body = served.http.get("/studio/v1/models").raise_for_status().json()
    [lora] = [one for one in body["models"] if one["kind"] == "lora" and "caf" in one["name"]]
    assert lora["path"].endswith("/caf?-?/caf?-?.safetensors") and lora["name"] == "caf?-?"
    reasons = {os.path.basename(one["path"]): one["reason"] for one in body["broken"]}
    assert reasons.keys() == {"caf?-?.ckpt", "caf?-?2.safetensors", "caf?-?3.safetensors"}
    assert all(reason.startswith("caf?-?") for reason in reasons.values())
    noted = served.http.patch(
        f"/studio/v1/models/lora/{quote(lora['name'])}", json={"notes": "mine"}
    )
    assert noted.json()["notes"] == "mine"
    again = Catalog([folder], tmp_path / "data")
    assert again.find("caf?-?", "lora").notes.text == "mine"


def test_names_that_are_no_text_can_be_printed(tmp_path):
    path = tmp_path / f"{NO_TEXT}.safetensors"
    problem = probe(files.write(path, {"mystery": (4,)})).problem
    assert json.loads(json.dumps(problem)).encode().startswith(b"caf?-?.safetensors")
