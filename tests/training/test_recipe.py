"""docs/training.md, run as it stands there, in small: few steps of small pictures."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import textwrap
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from studio import Studio
from studio.api.training import ChangedBody
from studio.catalog.catalog import Catalog
from studio.cli import main
from studio.cli.commands import _parser
from studio.domain.training_order import TrainingOrder
from studio.picturebook.world import Scene
from tests.architecture.source import ROOT
from tests.training import captioners

PAGE = (ROOT / "docs" / "training.md").read_text("utf-8")
NO_TRAINING = "caption", "export"
"""Commands of `studio train` that teach nothing."""
SPANS = [" ".join(span.split()) for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", PAGE)]
"""What stands between single backticks."""


def blocks(text: str) -> list[tuple[str, str]]:
    """(language, content) of each fenced block, also within lists; lines that end in a backslash
    go on."""
    found = re.findall(r"^( *)```(\w*)\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return [(kind, textwrap.dedent(content).replace("\\\n", " ")) for _, kind, content in found]


def commands(text: str) -> list[list[str]]:
    """Of each line of its blocks for the command line the words after `studio`."""
    lines = [line for kind, content in blocks(text) if not kind for line in content.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("studio ")]


def small(command: list[str], side: int) -> list[str]:
    """The same with other numbers: what is said last counts."""
    if command[0] == "generate":
        return [*command, "--width", f"{side}", "--height", f"{side}", "--steps", "1"]
    if command[1] in NO_TRAINING:
        return command
    fewer = ["--steps", "2", "--batch-size", "1", "--resolution", f"{side}"]
    return [*command, *fewer, *(["--prior-pictures", "2"] if "--prior-pictures" in command else [])]


def sections() -> dict[str, str]:
    start, *others = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    return {other.partition("\n")[0]: other for other in others}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """What a reader has before the first command: two folders of pictures, and a captioner."""
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    for name, caption in (("mills", "a red windmill, meadow"), ("dusktower", "a [trigger]")):
        (tmp_path / name).mkdir()
        for k in range(2):
            scene = replace(Scene.random(rng, count=1), style="flat")
            scene.draw((128, 128)).save(tmp_path / name / f"{k}.png")
            (tmp_path / name / f"{k}.txt").write_text(caption)
    captioners.save(tmp_path / "data/models/captioners/blip-image-captioning-base")
    return tmp_path


def begin_anew(folder):
    """As if nothing had been trained."""
    for gone in ("models/loras", "models/Lora", "models/embeddings", "training", "outputs"):
        shutil.rmtree(folder / "data" / gone, ignore_errors=True)


def learnt(folder, kind):
    return {ref.name for ref in Catalog([folder / "data" / "models"]).refs(kind)}


def run(command, capsys):
    assert main(command) == 0, capsys.readouterr().err
    return capsys.readouterr()


def pictures(folder):
    return [
        Image.open(path) for path in (folder / "data").rglob("*.png") if "thumb" not in f"{path}"
    ]


def test_from_a_folder_to_a_picture(folder, capsys):
    train, generate = commands(sections()["From a folder to a picture"])
    run(small(train, 64), capsys)
    assert learnt(folder, "lora") == {"mills"}
    run(small(generate, 64), capsys)
    [picture] = pictures(folder)
    assert "mills" in picture.info["parameters"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, text in sections().items() if blocks(text)])
def test_every_section_does_what_it_says(name, folder, capsys):
    for kind, content in blocks(sections()[name]):
        if "train" in content:
            begin_anew(folder)
        if kind == "python":
            exec(re.sub(r"steps=\d+", "steps=2, resolution=128", content), {})
            assert "mills" in capsys.readouterr().out
            continue
        for command in commands(f"```\n{content}```\n"):
            run(small(command, 128), capsys)
        trained = [
            command[1:3] for command in commands(f"```\n{content}```\n") if "train" in command
        ]
        for what, of in trained:
            assert what in NO_TRAINING or learnt(folder, what) == {of}
        drawn = pictures(folder)
        assert len(drawn) == content.count("studio generate"), "and of the size asked for"
        assert all(picture.size == (128, 128) for picture in drawn)


@pytest.mark.slow
def test_what_it_says_of_going_on(folder, capsys):
    [command] = [span for span in SPANS if span.startswith("studio train lora mills --")]
    train, _ = commands(sections()["From a folder to a picture"])
    run(small(train, 64), capsys)
    said = run([*shlex.split(command)[1:], "--steps", "3"], capsys).err
    assert "step 3/3" in said and "step 2/3" not in said


@pytest.mark.slow
def test_what_it_says_of_python(folder):
    calls = [span for span in SPANS if re.fullmatch(r"studio\.\w+\([^…]*\)", span)]
    assert len(calls) >= 2
    with Studio(device="cpu") as studio:
        for call in calls:
            eval(call.replace("vectors=4", "vectors=4, steps=2, resolution=64"), {"studio": studio})
    assert learnt(folder, "embedding") == {"dusktower"}


def test_every_command_is_one(tmp_path, monkeypatch, capsys):
    """In an empty folder nothing is wrong with it but that there are no pictures."""
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    trainings = [
        each for each in commands(PAGE) if each[:2] in (["train", "lora"], ["train", "embedding"])
    ]
    assert len(trainings) >= 3
    for command in trainings:
        assert main(command) == 2
        assert f"{command[2]}: there is no such folder" in capsys.readouterr().err


def flags(parser) -> set[str]:
    """Of a command and all below it."""
    found = {flag for action in parser._actions for flag in action.option_strings}
    for action in parser._actions:
        if isinstance(action.choices, dict):
            found |= set().union(*map(flags, action.choices.values()))
    return found


def test_every_flag_and_every_body_is_one():
    known = flags(_parser())
    named = {flag for span in SPANS for flag in re.findall(r"--[a-z][a-z-]*", span)}
    assert len(named) > 20 and named <= known, named - known
    bodies = [span.replace("{…}", "{}").replace("[…]", "[]") for span in SPANS if span[0] == "{"]
    orders = [json.loads(body) for body in bodies if '"pictures"' in body]
    assert {TrainingOrder.model_validate(order).training.kind for order in orders} == {
        "lora",
        "embedding",
    }
    [hours] = [json.loads(body) for body in bodies if body.startswith('{"hours"')]
    assert ChangedBody.model_validate(hours).hours
