"""`studio reproduce`: the real engine draws its own pictures again, the same or with reasons."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from studio.cli import main
from studio.settings import assets_dir

SMALL = ("--width", "64", "--height", "64", "--steps", "2", "--seed", "5")
VAE = assets_dir() / "models" / "picturebook" / "vae" / "diffusion_pytorch_model.safetensors"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capsys):
    def run(*arguments) -> tuple[int, dict, str]:
        """(status, stdout as JSON, stderr)."""
        status = main([*map(str, arguments), "--json"])
        printed = capsys.readouterr()
        return status, json.loads(printed.out) if printed.out else {}, printed.err

    return run


@pytest.mark.slow
def test_pictures_of_every_task_are_the_same_again(run, folder):
    """Text, hires, a batch's second, image to image, inpaint, upscale: from their files alone."""
    made = run("generate", "--prompt", "a red house", *SMALL, "--batch-size", "2")[1]["images"]
    run("generate", "--prompt", "a cat", *SMALL, "--hires", "factor=1.5,steps=2")
    Image.new("L", (64, 64)).save("mask.png")
    mask = Image.new("L", (64, 64))
    mask.paste(255, (8, 8, 40, 40))
    mask.save("mask.png")
    edit = ("--prompt", "a tree", *SMALL, "--init-image", made[0], "--strength", "0.5")
    run("generate", *edit)
    run("generate", *edit, "--mask", "mask.png")
    run("upscale", made[0], "--factor", "1.5")
    files = sorted((folder / "data" / "outputs").rglob("*.png"))
    assert len(files) == 6
    status, printed, _ = run("reproduce", *files)
    assert [entry["words"] for entry in printed["pictures"]] == [
        [f"The same: all {pixels:,} pixels are equal."]
        for pixels in (64**2, 64**2, 96**2, 64**2, 64**2, 96**2)
    ]
    assert status == 0
    assert sorted((folder / "data" / "outputs").rglob("*.png")) == files


def test_a_model_is_known_by_its_content(run, folder):
    models = folder / "models"
    models.mkdir()
    shutil.copy(VAE, models / "fine.safetensors")
    drawn = run("generate", *SMALL, "--models-dir", models, "--vae", "fine")
    [path] = drawn[1]["images"]
    reproduce = ("reproduce", path, "--models-dir", models, "--heat-map", "heat.png")

    (models / "fine.safetensors").rename(models / "same.safetensors")
    status, printed, _ = run(*reproduce[:-2])
    assert status == 0
    assert printed["pictures"][0]["words"][1:] == ["fine is called same here."]

    weights = load_file(VAE)
    name = next(name for name in weights if name.endswith("decoder.conv_out.bias"))
    save_file(weights | {name: weights[name] + 0.1}, models / "fine.safetensors")
    (models / "same.safetensors").unlink()
    status, printed, _ = run(*reproduce)
    assert status == 1
    [differs] = printed["pictures"]
    assert [each["what"] for each in differs["differences"]] == ["vae"]
    assert differs["differences"][0]["then"] != differs["differences"][0]["now"]
    assert Path(differs["image"]).is_file() and Image.open("heat.png").size == (64, 64)

    (models / "fine.safetensors").unlink()
    status, printed, complaint = run(*reproduce)
    assert status == 2 and not printed
    assert differs["differences"][0]["then"] in complaint


def test_bad_input_is_told(run, folder):
    Image.new("RGB", (8, 8)).save("bare.png")
    (folder / "text.png").write_text("no picture")
    for name, message in (
        ("bare.png", "no settings"),
        ("text.png", "not a picture"),
        ("nowhere.png", "nowhere.png is no picture of the library, and the file cannot be read"),
    ):
        status, printed, complaint = run("reproduce", name)
        assert status == 2 and not printed and message in complaint, name
    status, printed, complaint = run("reproduce", "bare.png", "text.png")
    assert status == 2 and complaint.count("\n") == 2
    assert [entry["source"] for entry in printed["pictures"]] == ["bare.png", "text.png"]
    status, _, complaint = run("reproduce", "bare.png", "text.png", "--heat-map", "x.png")
    assert status == 2 and "--heat-map is of one picture" in complaint
