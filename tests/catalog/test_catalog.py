"""Models are recognised by what they hold, and what cannot be used is said, never fatal."""

import json
import os
import shutil
import stat
import sys
import tempfile
import time
from pathlib import Path

import pytest
import torch

from studio.catalog.catalog import SETTLE_S, Catalog
from studio.domain.errors import (
    UnknownCheckpoint,
    UnknownModel,
)
from studio.domain.refs import KINDS
from studio.families.stable_diffusion.family import PICTUREBOOK, SD1, SD2, SDXL
from tests.catalog import files
from tests.catalog.looking import names, with_embedded


def change(folder, part: str, **values):
    path = folder / "Stable-diffusion" / "mine" / "dreams" / part
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    files.settled(path)


def test_the_embedded_model_comes_first(folder):
    catalog = with_embedded(folder)
    assert names(catalog) == ["picturebook", "dreams"]
    assert catalog.find(None).name == "picturebook"
    assert catalog.find("dreams").family == PICTUREBOOK
    assert catalog.broken == {}


@pytest.mark.parametrize(("width", "family"), [(768, SD1), (1024, SD2)])
def test_the_family_is_told_by_the_width_of_the_text(folder, width, family):
    change(folder, "unet/config.json", cross_attention_dim=width)
    assert Catalog([folder]).find("dreams").family is family


def test_the_prediction_type_is_read(folder):
    change(
        folder,
        "scheduler/scheduler_config.json",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
    )
    ref = Catalog([folder]).find("dreams")
    assert (ref.prediction_type, ref.zero_snr) == ("v_prediction", True)


def test_a_folder_s_task_dtype_and_size_are_told(folder):
    change(folder, "unet/config.json", in_channels=9)
    ref = Catalog([folder]).find("dreams")
    assert (ref.facts.task, ref.facts.dtype, ref.facts.layout) == (
        "inpaint",
        "float16",
        "diffusers",
    )
    assert ref.file.size_bytes > 10**6


@pytest.mark.parametrize(
    ("part", "values", "reason"),
    [
        ("model_index.json", {"unet": ["os", "system"]}, "class system"),
        ("model_index.json", {"vae": [None, None]}, "no vae"),
        ("model_index.json", {"vae": 5}, "no vae"),
        ("model_index.json", {"text_encoder": ["mymod", "CLIPTextModel"]}, "cannot be run"),
        ("unet/config.json", {"in_channels": 7}, "7 channels"),
        ("unet/config.json", {"cross_attention_dim": 2048}, "no tokenizer_2"),
        ("unet/config.json", {"cross_attention_dim": 4096}, "4096"),
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
    path = folder / "Stable-diffusion" / "mine" / "dreams" / "model_index.json"
    path.write_text(text)
    files.settled(path)
    catalog = with_embedded(folder)
    assert names(catalog) == ["picturebook"]
    assert "damaged" in next(iter(catalog.broken.values()))


def test_a_folder_without_weights_or_with_pickles_alone_says_so(folder):
    unet = folder / "Stable-diffusion" / "mine" / "dreams" / "unet"
    (unet / "diffusion_pytorch_model.safetensors").unlink()
    [reason] = Catalog([folder]).broken.values()
    assert "no weights" in reason
    (unet / "diffusion_pytorch_model.bin").write_bytes(b"x")
    files.settled(unet / "diffusion_pytorch_model.bin")
    [reason] = Catalog([folder]).broken.values()
    assert "Convert it to safetensors" in reason


def test_the_tree_of_a1111_with_its_embeddings_beside(tmp_path):
    models = tmp_path / "webui" / "models"
    files.write(models / "Stable-diffusion" / "a.safetensors", files.checkpoint())
    files.write(models / "Lora" / "style" / "b.safetensors", files.lora(2048))
    files.write(models / "VAE" / "c.safetensors", files.vae())
    files.write(models / "ControlNet" / "d.safetensors", files.controlnet())
    (models / "ESRGAN").mkdir()
    esrgan = models / "ESRGAN" / "4x.pth"
    torch.save({"conv_first.weight": torch.zeros(1)}, esrgan)
    files.write(tmp_path / "webui" / "embeddings" / "bad.safetensors", {"emb_params": (2, 768)})
    for root in (models, tmp_path / "webui"):
        catalog = Catalog([root])
        found = {ref.kind: (ref.name, ref.family) for kind in KINDS for ref in catalog.refs(kind)}
        assert found == {
            "checkpoint": ("a", SD1),
            "lora": ("b", SDXL),
            "vae": ("c", None),
            "controlnet": ("d", SD1),
            "upscaler": ("4x", None),
            "embedding": ("bad", SD1),
        }
        assert catalog.broken == {}


def test_content_counts_and_not_the_folder(tmp_path):
    files.write(tmp_path / "checkpoints" / "a.safetensors", files.lora())
    assert names(Catalog([tmp_path]), "lora") == ["a"]


def test_the_hugging_face_cache(tmp_path):
    def revision(repo, commit):
        return tmp_path / "hub" / f"models--{repo}" / "snapshots" / (commit * 40)

    blob = files.write(tmp_path / "hub" / "models--me--my-lora" / "blobs" / "abc", files.lora())
    for commit in ("1", "2"):  # two revisions of one file
        snapshot = revision("me--my-lora", commit)
        snapshot.mkdir(parents=True)
        os.symlink(blob, snapshot / "pytorch_lora_weights.safetensors")
    files.copy_embedded(revision("me--dreams", "3"))
    catalog = Catalog([tmp_path])
    assert names(catalog, "lora") == ["my-lora"]
    assert names(catalog) == ["dreams"]


def test_two_of_one_name_are_told_apart(folder):
    shutil.copytree(folder / "Stable-diffusion" / "mine", folder / "other", symlinks=True)
    assert sorted(names(Catalog([folder]))) == ["dreams", "dreams (2)"]
    files.write(folder / "dreams.safetensors", files.lora())
    assert names(Catalog([folder]), "lora") == ["dreams"], "kinds have names of their own"


def test_loops_of_links_and_a_missing_folder_end(folder):
    os.symlink(folder, folder / "loop")
    os.symlink("self", folder / "self")
    (folder / "a").mkdir()
    os.symlink(folder / "a", folder / "a" / "b")
    assert len(Catalog([folder, folder / "nowhere"]).refs()) == 1
    files.write(folder / "x.safetensors", files.lora())
    os.symlink(folder / "x.safetensors", folder / "y.safetensors")
    assert names(Catalog([folder, folder]), "lora") == ["x"]


_HEADER = b'{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}'
CUT_SHORT = len(_HEADER).to_bytes(8, "little") + _HEADER + b"1234"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (CUT_SHORT, "cut short"),
        ((2**30).to_bytes(8, "little") + b'{"a"', "claims a header"),
        (b"PK\x03\x04" + bytes(100), "pickle"),
        (b"<!DOCTYPE html>", "web page"),
    ],
)
def test_a_broken_file_is_listed_with_the_reason(folder, content, reason):
    path = folder / "bad.safetensors"
    path.write_bytes(content)
    files.settled(path)
    catalog = Catalog([folder])
    assert reason in catalog.broken[path]
    assert names(catalog) == ["dreams"]


def test_what_is_no_file_is_left_alone(folder):
    os.mkfifo(folder / "pipe.safetensors")
    (folder / "folder.safetensors").mkdir()
    os.symlink(folder / "gone", folder / "link.safetensors")
    catalog = Catalog([folder])
    assert names(catalog) == ["dreams"]
    assert list(catalog.broken) == [folder / "link.safetensors"]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_unreadable_files_and_folders_are_listed():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        os.chmod(folder, 0o755)
        locked = files.write(folder / "a" / "locked.safetensors", files.lora())
        inside = files.write(folder / "b" / "inside.safetensors", files.lora())
        files.write(folder / "good.safetensors", files.lora())
        os.chmod(locked, 0)
        os.chmod(inside.parent, 0)
        is_root = os.geteuid() == 0
        try:
            if is_root:  # who may read everything
                os.seteuid(65534)
            catalog = Catalog([folder])
        finally:
            if is_root:
                os.seteuid(0)
            os.chmod(inside.parent, stat.S_IRWXU)
    assert names(catalog, "lora") == ["good"]
    assert set(catalog.broken) == {locked, inside.parent}
    assert all("Permission denied" in reason for reason in catalog.broken.values())


NASTY = [
    'it\'s "quoted"',
    " spaces  inside ",
    "%2e%2e%2f..%2fetc",
    "<script>alert(1)</script>".replace("/", "\u2044"),
    "x" * 200,
    "new\nline",
    "naïve ☃ 模型",
    "a,b;c|d",
    "v1.5",
    "name [0123456789]",
]


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_name_is_shown_and_found(folder, name):
    path = files.write(folder / f"{name}.safetensors", files.lora())
    catalog = Catalog([folder])
    [ref] = catalog.refs("lora")
    assert ref.path == path and "\n" not in ref.name
    for asked in (ref.name, path.name, path.stem):
        assert catalog.find(asked, "lora") == ref


def test_a_name_that_is_no_text_is_readable_all_the_same(folder, data_dir):
    path = files.write(Path(os.fsdecode(bytes(folder) + b"/\xff\xfe.safetensors")), files.lora())
    for _ in range(2):  # the second time from the index
        [ref] = Catalog([folder], data_dir).refs("lora")
        assert ref.path == path
        ref.name.encode()


def test_hidden_and_temporary_files_are_no_models(folder):
    for name in (".x.safetensors", "x.safetensors.part", "x.safetensors.incomplete", "x.txt"):
        files.write(folder / name, files.lora())
    files.write(folder / ".trash" / "x.safetensors", files.lora())
    files.write(folder / "venv" / "x.safetensors", files.lora())
    assert names(Catalog([folder]), "lora") == []


def test_an_unknown_name_is_refused_with_those_there_are(folder):
    with pytest.raises(UnknownCheckpoint, match=r"'x' is unknown.*dreams"):
        Catalog([folder]).find("x")
    with pytest.raises(UnknownCheckpoint, match="--models-dir"):
        Catalog([]).find(None)
    with pytest.raises(UnknownModel, match="lora: '../../etc/passwd' is unknown"):
        Catalog([folder]).find("../../etc/passwd", "lora")
    for number in range(30):
        files.write(folder / f"{number}.safetensors", files.lora())
    with pytest.raises(UnknownModel, match="and 10 more"):
        Catalog([folder]).find("x", "lora")


def test_a_model_is_found_by_all_the_names_it_has_elsewhere(folder):
    path = folder / "Lora" / "styles" / "Ink.safetensors"
    files.write(path, files.lora(), metadata={"modelspec.title": "Ink and wash"})
    files.write(folder / "Lora" / "other.safetensors", files.lora(rank=4))
    catalog = Catalog([folder])
    ref = catalog.find("Ink", "lora")
    digest = catalog.compute_sha256(ref)
    asked = [
        "Ink.safetensors",
        "ink",
        "Lora/styles/Ink",
        "Ink and wash",
        digest,
        digest[:10],
        digest[:10].upper(),
        f"Ink.safetensors [{digest[:10]}]",
        f"renamed [{digest[:10]}]",
        "Ink [ffffffffff]",
    ]
    assert [catalog.find(name, "lora") for name in asked] == [ref] * len(asked)
    for name in (digest[:9], "ffffffffff", "styles/Ink", ""):
        with pytest.raises(UnknownModel):
            catalog.find(name, "lora")


def test_a_safetensors_file_goes_before_a_pickle_of_its_name(folder):
    torch.save(dict.fromkeys(files.lora(), torch.zeros(1)), folder / "a.ckpt")
    files.write(folder / "a.safetensors", files.lora())
    assert Catalog([folder]).find("a", "lora").path.suffix == ".safetensors"


def test_files_in_folders_of_parts_are_called_by_the_folder(folder):
    files.write(folder / "canny" / "diffusion_pytorch_model.fp16.safetensors", files.controlnet())
    assert names(Catalog([folder]), "controlnet") == ["canny"]


def test_new_changed_and_removed_files_are_seen_on_refresh(folder, data_dir):
    catalog = Catalog([folder], data_dir)
    path = files.write(folder / "x.safetensors", files.lora(768))
    before = catalog.changes
    catalog.refresh()
    assert catalog.find("x", "lora").family is SD1 and catalog.changes > before
    files.write(path, files.lora(2048))
    os.utime(path)
    catalog.refresh()
    assert catalog.find("x", "lora").family is SDXL
    path.unlink()
    before = catalog.changes
    catalog.refresh()
    assert names(catalog, "lora") == [] and catalog.changes > before
    before = catalog.changes
    catalog.refresh()
    assert catalog.changes == before


def test_a_file_that_is_being_written_is_waited_for(folder):
    path = files.write(folder / "x.safetensors", files.lora())
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    catalog = Catalog([folder])
    assert catalog.broken == {} and "cut short" in catalog.pending[path]
    path.write_bytes(whole)
    catalog.refresh()
    assert names(catalog, "lora") == ["x"] and catalog.pending == {}
    path.write_bytes(whole[:-5])
    later_s = time.time() - SETTLE_S - 1
    os.utime(path, (later_s, later_s))
    catalog.refresh()
    assert path in catalog.broken


def test_a_folder_may_vanish_and_come_back(folder):
    catalog = with_embedded(folder)
    folder.rename(folder.with_name("away"))
    catalog.refresh()
    assert names(catalog) == ["picturebook"]
    folder.with_name("away").rename(folder)
    catalog.refresh()
    assert names(catalog) == ["picturebook", "dreams"]


def test_the_data_folder_s_models_belong_to_it(data_dir):
    files.write(data_dir / "models" / "a.safetensors", files.lora())
    assert names(with_embedded(data_dir=data_dir), "lora") == ["a"]
