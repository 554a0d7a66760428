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

from studio.catalog import scan
from studio.catalog.catalog import Catalog
from studio.catalog.hashes import sha256_of
from studio.catalog.places import add
from studio.catalog.probe import probe
from studio.domain.errors import CheckpointError, SaveError
from studio.families.stable_diffusion import tokenizers
from studio.weights import folders, image_encoder
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
    assert ends(lambda: image_encoder._config_beside(special(tmp_path / "config.json"), 768)) == {}
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
    assert lora["path"] == "caf?-?/caf?-?.safetensors" and lora["name"] == "caf?-?"
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


@pytest.mark.parametrize("target", ["/", "..", "../.."])
def test_a_link_to_what_holds_the_folder_is_refused(tmp_path, target):
    root = tmp_path / "home" / "models"
    files.write(root / "sub" / "good.safetensors", files.lora())
    files.write(tmp_path / "home" / "private" / "secret.safetensors", files.lora())
    link = root / "sub" / "all"
    link.symlink_to(target if target == "/" else root / target)
    inner = root / "sub" / "deep" / "link"  # of two steps
    inner.parent.mkdir()
    inner.symlink_to(link)
    scanned = scan.scan([root])
    assert [each.path.name for each in scanned.files] == ["good.safetensors"]
    assert set(scanned.folders) == {root, root / "sub", root / "sub" / "deep"}
    assert scanned.failed.keys() == {link, inner}
    assert all("holds the models folder itself" in why for why in scanned.failed.values())


def test_links_to_other_folders_are_followed(tmp_path):
    root, other = tmp_path / "models", tmp_path / "disk"
    files.write(other / "far.safetensors", files.lora())
    root.mkdir()
    (root / "link").symlink_to(other)
    (root / "itself").symlink_to(root)
    scanned = scan.scan([root])
    assert [each.path for each in scanned.files] == [root / "link" / "far.safetensors"]
    assert scanned.failed == {}


def test_a_scan_ends_when_its_budget_is_spent(tmp_path, monkeypatch):
    monkeypatch.setattr(scan, "MAX_ENTRIES", 50)
    large, small = tmp_path / "large", tmp_path / "small"
    for number in range(20):
        for name in ("a", "b", "c"):
            (large / f"{number:02}" / name).mkdir(parents=True)
    files.write(large / "00" / "early.safetensors", files.lora())
    files.write(small / "whole.safetensors", files.lora())
    scanned = scan.scan([large, small])
    assert [each.path.name for each in scanned.files] == ["early.safetensors", "whole.safetensors"]
    assert list(scanned.failed) == [large] and "more than 50 files" in scanned.failed[large]
    assert len(scanned.folders) < 50, "what is looked at again and again is bounded too"
    many = tmp_path / "many"
    for number in range(120):
        (many / f"{number}").mkdir(parents=True)
    assert "more than 50" in scan.scan([many]).failed[many]
    assert Catalog([large]).broken.keys() == {large}


def test_a_checkpoint_s_folder_with_many_files_is_measured_in_part(tmp_path, monkeypatch):
    monkeypatch.setattr(scan, "_MAX_PARTS", 3)
    for number in range(10):
        (tmp_path / f"{number}").write_bytes(b"x")
    assert scan.measure(tmp_path)[0] == 3
