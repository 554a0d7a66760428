"""Checkpoints are recognised by what they hold, and what cannot be used is said, never fatal."""

import json
import os
import shutil

import pytest

from studio.domain.errors import UnknownCheckpoint
from studio.domain.family import PICTUREBOOK, SD1, SD2
from studio.models.catalog import Catalog
from studio.settings import assets_dir

EMBEDDED = assets_dir() / "models" / "picturebook"


@pytest.fixture
def folder(tmp_path):
    """A models folder with one good checkpoint deep inside; only configs, no weights."""
    shutil.copytree(
        EMBEDDED,
        tmp_path / "Stable-diffusion" / "mine" / "dreams",
        ignore=shutil.ignore_patterns("*.safetensors"),
    )
    return tmp_path


def change(folder, part: str, **values):
    path = folder / "Stable-diffusion" / "mine" / "dreams" / part
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_the_embedded_model_comes_first(folder):
    catalog = Catalog([assets_dir() / "models", folder])
    assert [ref.name for ref in catalog.refs()] == ["picturebook", "dreams"]
    assert catalog.find(None).name == "picturebook"
    assert catalog.find("dreams").family is PICTUREBOOK


@pytest.mark.parametrize(("width", "family"), [(768, SD1), (1024, SD2)])
def test_the_family_is_told_by_the_width_of_the_text(folder, width, family):
    change(folder, "unet/config.json", cross_attention_dim=width)
    assert Catalog([folder]).find("dreams").family is family


def test_the_prediction_type_is_read(folder):
    change(folder, "scheduler/scheduler_config.json", prediction_type="v_prediction")
    assert Catalog([folder]).find("dreams").prediction_type == "v_prediction"


@pytest.mark.parametrize(
    ("part", "values", "reason"),
    [
        ("model_index.json", {"unet": ["os", "system"]}, "class system"),
        ("model_index.json", {"vae": [None, None]}, "no vae"),
        ("model_index.json", {"text_encoder": ["mymod", "CLIPTextModel"]}, "cannot be run"),
        ("unet/config.json", {"in_channels": 9}, "9 channels"),
        ("unet/config.json", {"cross_attention_dim": 2048}, "2048"),
        ("unet/config.json", {"cross_attention_dim": None}, "no text"),
    ],
)
def test_what_cannot_run_is_listed_with_the_reason(folder, part, values, reason):
    change(folder, part, **values)
    catalog = Catalog([folder])
    assert catalog.refs() == []
    assert reason in next(iter(catalog.broken.values()))


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00"])
def test_a_damaged_index_is_listed_and_harms_nobody(folder, text):
    (folder / "Stable-diffusion" / "mine" / "dreams" / "model_index.json").write_text(text)
    catalog = Catalog([folder, assets_dir() / "models"])
    assert [ref.name for ref in catalog.refs()] == ["picturebook"]
    assert "damaged" in next(iter(catalog.broken.values()))


def test_two_of_one_name_are_told_apart(folder):
    shutil.copytree(folder / "Stable-diffusion" / "mine", folder / "other")
    names = [ref.name for ref in Catalog([folder]).refs()]
    assert sorted(names) == ["dreams", "dreams (2)"]


def test_a_loop_of_links_and_a_missing_folder_end(folder):
    os.symlink(folder, folder / "loop")
    assert len(Catalog([folder, folder / "nowhere"]).refs()) == 1


def test_an_unknown_name_is_refused_with_those_there_are(folder):
    with pytest.raises(UnknownCheckpoint, match=r"'x' is unknown.*dreams"):
        Catalog([folder]).find("x")
    with pytest.raises(UnknownCheckpoint, match="--models-dir"):
        Catalog([]).find(None)


def test_new_folders_appear_on_refresh(folder, tmp_path_factory):
    catalog = Catalog([folder])
    shutil.copytree(EMBEDDED, folder / "second", ignore=shutil.ignore_patterns("*.safetensors"))
    catalog.refresh()
    assert {ref.name for ref in catalog.refs()} == {"dreams", "second"}
