"""Many pictures by one command: a grid on a sheet, prompts on lines, batches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from studio.cli import main

SMALL = ("--width", "64", "--height", "64", "--steps", "1")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys, *arguments):
    """(status, stdout as JSON, stderr)."""
    status = main([*arguments, "--json"])
    printed = capsys.readouterr()
    return status, json.loads(printed.out) if printed.out else None, printed.err


def test_a_grid_lies_on_a_sheet_for_each_value_of_z(folder, capsys):
    status, printed, _ = run(
        capsys, "grid", "--x", "seed: 1-2", "--z", "Prompt S/R: house, boat", "--no-legend",
        "--margin", "0", "--prompt", "a red house", "--out", "sheet.png",
        "--vary-seeds", "z", *SMALL,
    )  # fmt: skip
    assert status == 0
    assert printed["seeds"] == [1, 2, 2, 3]
    assert printed["sources"][3] == "Seed: 2, boat"
    for number, first in ((1, 0), (2, 2)):
        sheet = Image.open(f"sheet-{number}.png")
        assert sheet.size == (128, 64)
        second = Image.open(printed["images"][first + 1]).convert("RGB")
        assert sheet.crop((64, 0, 128, 64)).tobytes() == second.tobytes()


def test_a_grid_of_the_settings_of_a_picture(folder, capsys):
    Path("a.txt").write_text("a boat\nSteps: 1, Sampler: Euler a, Seed: 7, Size: 64x64")
    grid = ("grid", "--x", "CFG Scale: 2, 4", "--out", "sheet.png")
    status, printed, _ = run(capsys, *grid, "--like", "a.txt", "--seed", "8")
    assert (status, printed["seeds"]) == (0, [8, 8])
    for text, scale in zip(printed["infotext"], (2, 4), strict=True):
        assert text.startswith("a boat\n") and f"CFG scale: {scale}," in text


@pytest.mark.parametrize(
    ("flag", "command"),
    [
        ("--out", ("grid", "--x", "Seed: 1-2")),
        ("--sheet", ("generate",)),
        ("--heat-map", ("reproduce", "a.png")),
    ],
)
def test_a_file_that_cannot_be_written_is_told_before_anything_is_drawn(
    folder, capsys, flag, command
):
    Path("file").touch()
    Path("taken.png").mkdir()
    for name in ("file/a.png", "taken.png"):
        status, printed, told = run(capsys, *command, flag, name)
        assert (status, printed) == (1, None), told
        assert f"{name} cannot be written" in told and f"another with {flag}." in told
    assert not (folder / "data" / "outputs").exists()
    assert sorted(each.name for each in folder.iterdir()) == ["file", "taken.png"]


def test_lines_and_batches_and_all_of_them_on_a_sheet(folder, capsys):
    Path("prompts.txt").write_text("a red house\n--prompt a boat --seed 9\n")
    status, printed, told = run(
        capsys, "generate", "--prompts", "prompts.txt", "--seed", "3", "--batch-count", "2",
        "--sheet", "all.png", "--out", "drawn", *SMALL,
    )  # fmt: skip
    assert status == 0 and "2 prompts to draw" in told
    assert printed["seeds"] == [3, 4, 9, 10]
    assert ["boat" in text for text in printed["infotext"]] == [False, False, True, True]
    assert Image.open("all.png").size == (128, 128)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("grid", "--out", "a.png"), "Say what is different: give --x"),
        (("grid", "--out", "a.png", "--x", "Steps"), "--x: 'Steps' has no colon"),
        (("grid", "--out", "a.png", "--x", "Colour: red"), "x.axis: There is no axis Colour"),
        (("grid", "--out", "a.png", "--x", "Steps: 1-10000"), "10,000 values; 200 are the most"),
        (("grid", "--out", "a.png", "--matrix", "prompt", "--prompt", "a"), "no parts with bars"),
        (("grid", "--out", "a.png", "--x", "Seed: 1-2", "--margin", "x"), "margin"),
        (
            ("grid", "--out", "a.png", "--x", "Seed: 1", "--like", "a.png", "--request", "-"),
            "go together",
        ),
        (("generate", "--prompts", "none.txt"), "--prompts: none.txt cannot be read"),
        (("generate", "--prompts", "bad.txt"), "line 2: '--colour' is no flag"),
        (("generate", "--batch-count", "0"), "--batch-count: a number from 1"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_drawn(folder, capsys, arguments, says):
    Path("bad.txt").write_text("a\n--colour red")
    status, printed, told = run(capsys, *arguments)
    assert (status, printed) == (2, None)
    assert says in told and len(told.splitlines()) == 1
