"""`studio generate --like PICTURE`, with the real engine and the embedded model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from studio.cli import main
from tests.reading.files import png

SMALL = ("--width", "64", "--height", "64", "--steps", "2")
FOREIGN = (
    "a red house <lora:ink:0.8>\nNegative prompt: rain\nSteps: 2, Sampler: Euler a, CFG scale: 4, "
    "Seed: 7, Size: 64x64, Model: dream, Favourite colour: blue"
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def generate(capsys, *arguments):
    """(status, the pictures' paths, stderr)."""
    status = main(["generate", *arguments, "--json"])
    printed = capsys.readouterr()
    images = json.loads(printed.out)["images"] if printed.out else []
    return status, [Path(image) for image in images], printed.err


def test_our_own_picture_gives_the_same_bytes(capsys):
    made = generate(capsys, "--prompt", "a red house", "--seed", "5", "--batch-size", "2", *SMALL)[
        1
    ]
    status, [again], told = generate(capsys, "--like", str(made[1]))
    assert status == 0 and "not taken over" not in told
    assert Image.open(again).tobytes() == Image.open(made[1]).tobytes()


def test_a_foreign_one_tells_what_it_left_out_and_flags_come_before_it(capsys, folder):
    (folder / "a.png").write_bytes(png(parameters=FOREIGN))
    status, [image], told = generate(capsys, "--like", "a.png", "--seed", "9")
    assert status == 0
    request = json.loads(Image.open(image).info["studio"])
    assert (request["seed"], request["scheduler"], request["negative_prompt"]) == (
        9,
        "Euler a",
        "rain",
    )
    assert "not taken over: Favourite colour = blue: " in told
    assert "missing: lora ink: " in told and "missing: checkpoint dream: " in told


def test_what_cannot_be_is_one_line(capsys, folder):
    (folder / "empty.png").write_bytes(png())
    (folder / "changed.txt").write_text(f"{FOREIGN}, Denoising strength: 0.5")
    for arguments, cause in (
        (("--like", "empty.png"), "there are no settings in empty.png"),
        (("--like", "nothing.png"), "nothing.png cannot be read"),
        (("--like", "empty.png", "--request", "a.json"), "do not go together"),
        (("--like", "changed.txt"), "Give it with --init-image FILE"),
    ):
        status, _, told = generate(capsys, *arguments)
        assert status == 2
        assert cause in told.strip().splitlines()[-1]
