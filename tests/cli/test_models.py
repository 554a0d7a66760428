"""`studio models`: run in this process, as the command line runs it."""

import json
import os
import shutil

import pytest
import torch

from studio import cli
from studio.settings import assets_dir
from tests.catalog import files


@pytest.fixture
def models(tmp_path):
    files.write(tmp_path / "models" / "Lora" / "ink.safetensors", files.lora(rank=16))
    files.write(tmp_path / "models" / "Stable-diffusion" / "v2.safetensors", files.checkpoint(1024))
    return tmp_path / "models"


@pytest.fixture
def run(models, tmp_path, capsys, monkeypatch):
    """Runs `studio models …`; gives back the exit status, standard output and standard error."""
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("STUDIO_MODELS_DIR", str(models))

    def studio(*arguments):
        try:
            status = cli.main(["models", *map(str, arguments)])
        except SystemExit as stopped:
            status = stopped.code
        return status, *capsys.readouterr()

    return studio


def test_list(run, models):
    status, out, err = run("list")
    assert status == 0 and err == ""
    lines = out.splitlines()
    assert lines[0].split() == ["kind", "name", "family", "for", "dtype", "size", "hash"]
    found = [line.split()[:2] for line in lines[1:]]
    assert found[:2] == [["checkpoint", "picturebook"], ["checkpoint", "v2"]]
    [ink] = [line for line in lines if line.split()[:2] == ["lora", "ink"]]
    assert "rank 16" in ink and "SD 1.x" in ink


def test_list_as_json_and_of_one_kind(run, models):
    (models / "bad.safetensors").write_bytes(b"<html>")
    files.settled(models / "bad.safetensors")
    listed = json.loads(run("list", "--json", "--kind", "lora")[1])
    assert {model["kind"] for model in listed["models"]} == {"lora"}
    [ink] = [model for model in listed["models"] if model["name"] == "ink"]
    assert (ink["name"], ink["family"], ink["rank"]) == ("ink", "SD 1.x", 16)
    assert "web page" in listed["broken"][0]["reason"]
    status, out, err = run("list")
    assert status == 0 and "left out" in err and "web page" in err and "bad" not in out


def test_inspect(run, models):
    path = models / "Stable-diffusion" / "v2.safetensors"
    status, out, err = run("inspect", path)
    facts = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (status, err) == (0, "")
    assert (facts["kind"], facts["family"], facts["dtype"]) == ("checkpoint", "SD 2.x", "float16")
    assert "prediction" not in out, "which cannot be told"
    hashed = json.loads(run("inspect", path, "--hash", "--json")[1])
    assert len(hashed["sha256"]) == 64 and hashed["size_bytes"] == path.stat().st_size
    assert json.loads(run("inspect", path, "--json")[1])["sha256"] == hashed["sha256"]
    assert hashed["sha256"][:10] in run("list")[1]


def test_inspect_says_why_a_file_is_of_no_use(run, models):
    path = files.write(models / "ip.safetensors", {"image_proj.weight": (1,)})
    status, out, _ = run("inspect", path)
    assert status == 0 and "IP-Adapter" in out


@pytest.mark.parametrize("link", [False, True])
def test_add_a_file(run, models, tmp_path, link):
    source = files.write(tmp_path / "elsewhere" / "New One.safetensors", files.lora(2048))
    status, out, _ = run("add", source, *["--link"] * link)
    target = models / "Lora" / "New One.safetensors"
    assert (status, out) == (0, f"{target}\n")
    assert target.is_symlink() == link and target.read_bytes() == source.read_bytes()
    assert "New One" in run("list", "--kind", "lora")[1]
    assert sorted(os.listdir(models / "Lora")) == ["New One.safetensors", "ink.safetensors"]
    status, _, err = run("add", source)
    assert status == 2 and "there already" in err


def test_add_a_folder_into_the_data_folder(run, tmp_path, monkeypatch):
    monkeypatch.delenv("STUDIO_MODELS_DIR")
    source = files.copy_embedded(tmp_path / "elsewhere" / "dreams")
    status, out, _ = run("add", source)
    assert status == 0
    assert (tmp_path / "data/models/Stable-diffusion/dreams/model_index.json").is_file()
    assert "dreams" in run("list")[1]


def test_add_takes_the_folder_of_the_tree_there_is(run, models, tmp_path):
    (models / "vae").mkdir()
    source = files.write(tmp_path / "x" / "nice-vae" / "model.safetensors", files.vae())
    assert run("add", source)[1] == f"{models / 'vae' / 'nice-vae.safetensors'}\n"


def test_remove(run, models, tmp_path):
    status, out, _ = run("remove", "ink")
    assert status == 0 and out.startswith(str(tmp_path / "data" / "trash"))
    assert not (models / "Lora" / "ink.safetensors").exists()
    files.write(models / "v2.safetensors", files.lora())
    status, _, err = run("remove", "v2")
    assert status == 2 and "--kind" in err
    assert run("remove", "v2", "--kind", "lora")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["inspect", "missing.safetensors"], "no such file"),
        (["add", "missing.safetensors"], "no such file"),
        (["remove", "nothing"], "'nothing' is unknown"),
        (["remove", "nothing", "--kind", "vae"], "vae: 'nothing' is unknown"),
        (["remove", "picturebook"], "comes with the studio"),
        (["list", "--kind", "hat"], "hat"),
        (["list", "--models-dir", "nowhere"], "nowhere is no folder"),
        ([], "COMMAND"),
    ],
)
def test_bad_input_is_one_line_and_status_2(run, arguments, says):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert says in err and err.count("\n") == 1


@pytest.mark.parametrize("command", ["inspect", "add"])
def test_a_broken_file_is_bad_input(run, tmp_path, command):
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"PK\x03\x04 and so on")
    status, _, err = run(command, path)
    assert status == 2 and "pickle" in err and err.count("\n") == 1


def test_nothing_of_a_pickle_is_run(run, tmp_path):
    trap = tmp_path / "trap"

    class Harmful:
        def __reduce__(self):
            return os.mkdir, (str(trap),)

    path = tmp_path / "x.ckpt"
    tensors = {name: torch.zeros(shape) for name, shape in files.lora().items()}
    torch.save({"a": Harmful(), **tensors}, path)
    assert run("inspect", path)[0] == 0
    assert run("add", path)[0] == 0
    assert run("list")[0] == 0
    assert not trap.exists()


def test_a_full_disk_is_told_before_anything_is_written(run, models, tmp_path):
    rows = shutil.disk_usage(tmp_path).free // 1536 + 10**6
    huge = {"clip_l": (rows, 768)} | files.lora()
    source = files.write(tmp_path / "x" / "huge.safetensors", huge)
    status, _, err = run("add", source)
    assert status == 1 and "are free" in err
    assert os.listdir(models / "Lora") == ["ink.safetensors"]


def test_the_embedded_model_s_own_files_are_not_listed(run):
    assert "judge" not in "".join(run("list")[1:])
    assert (assets_dir() / "models" / "picturebook-judge").is_dir()
