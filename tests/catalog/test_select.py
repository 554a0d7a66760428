"""What a request is given that it does not name."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from studio.catalog import tiny_vaes
from studio.catalog.catalog import Catalog
from studio.catalog.select import select
from studio.domain.refs import ModelFile
from studio.domain.request import GenerationRequest
from studio.families.stable_diffusion.family import SD1, SDXL
from studio.picturebook.training import MODEL_DIR
from studio.store.ledger import Ledger
from studio.store.models import ModelMemory
from tests.catalog import files

DECODER = {"1.weight": (64, 4, 3, 3), "3.conv.0.weight": (64, 64, 3, 3)}


@pytest.fixture
def folder(tmp_path) -> Path:
    for name, width in (("one", 768), ("two", 1024), ("xl", 2048)):
        files.write(tmp_path / f"{name}.safetensors", files.checkpoint(width))
    return tmp_path


def previewers(folder: Path) -> dict[str, str | None]:
    """Checkpoint -> the tiny VAE that shows what it draws."""
    catalog = Catalog([folder / "none", folder])
    found = {
        name: select(catalog, GenerationRequest(checkpoint=name)).tiny_vae
        for name in ("one", "two", "xl")
    }
    return {name: ref and ref.name for name, ref in found.items()}


def test_a_tiny_vae_is_for_the_family_that_its_header_tells(folder):
    noted = {"modelspec.architecture": "stable-diffusion-xl-v1-base"}
    files.write(folder / "small.safetensors", DECODER, metadata=noted)
    assert previewers(folder) == {"one": None, "two": None, "xl": "small"}


def test_the_published_ones_are_known_by_their_contents(folder, monkeypatch):
    first = files.write(folder / "a.safetensors", DECODER)
    second = files.write(folder / "b.safetensors", DECODER | {"3.conv.0.bias": (64,)})
    known = {hashlib.sha256(first.read_bytes()).hexdigest(): SDXL}
    monkeypatch.setattr(tiny_vaes, "_PUBLISHED", known)
    assert previewers(folder) == {"one": None, "two": None, "xl": "a"}
    known[hashlib.sha256(second.read_bytes()).hexdigest()] = SD1
    assert previewers(folder) == {"one": "b", "two": "b", "xl": "a"}


def test_a_name_proves_nothing(folder):
    files.write(folder / "taesdxl_decoder.safetensors", DECODER)
    files.write(folder / "taesd.safetensors", DECODER)
    assert previewers(folder) == dict.fromkeys(("one", "two", "xl"))


def test_a_hash_is_computed_once(folder, tmp_path):
    path = files.write(folder / "small.safetensors", DECODER)
    [published] = [key for key, family in tiny_vaes._PUBLISHED.items() if family is SD1][:1]
    status = path.stat()
    memory = ModelMemory(Ledger(tmp_path / "data" / "studio.db"))
    memory.learn_sha256(ModelFile(path, status.st_size, status.st_mtime_ns), published)
    catalog = Catalog([folder / "none", folder], tmp_path / "data")
    assert select(catalog, GenerationRequest(checkpoint="one")).tiny_vae.name == "small"


@pytest.mark.parametrize(
    ("size", "told"),
    [((256, 256), None), ((128, 128), None), ((96, 96), "fall apart"), ((512, 512), "double")],
)
def test_a_picturebook_is_asked_at_what_size_it_learnt(tmp_path, size, told):
    folder = MODEL_DIR
    for again in (False, True):  # probed, and as it was remembered
        catalog = Catalog([folder], tmp_path)
        ref = catalog.find(None)
        assert ref.family.native_size == (256, 256) and (320, 256) in ref.family.sizes, again
    small = Catalog([files.EMBEDDED]).find(None).family
    assert small == ref.family and small.native_size == (128, 128)
    assert small.latent_space != ref.family.latent_space
    asked = {"width": size[0], "height": size[1]}
    warnings = select(catalog, GenerationRequest(**asked)).warnings
    assert [told in text and "256×256" in text for text in warnings] == ([True] if told else [])
    from_picture = {"kind": "image_to_image", "image": "input:a"}
    assert not select(catalog, GenerationRequest(**asked, task=from_picture)).warnings
