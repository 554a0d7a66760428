"""Every recipe of docs/recipes.md, run as it stands there."""

from __future__ import annotations

import ast
import inspect
import json
import re
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.engine.fake import FakeEngine
from tests.architecture.source import ROOT
from tests.loops import in_a_loop
from tests.reading.test_comfyui import simple

PAGE = (ROOT / "docs" / "recipes.md").read_text("utf-8")
URL = "http://127.0.0.1:7860"


def blocks(text: str) -> list[tuple[str, str]]:
    """(Info string, content) of each fenced block."""
    return re.findall(r"^```([^\n]+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


START, *SECTIONS = re.split(r"^## ", PAGE, flags=re.MULTILINE)
RECIPES = {section.partition("\n")[0]: blocks(section) for section in SECTIONS}


def run(code: str, names: dict) -> None:
    """As a cell of a notebook, which may await."""
    compiled = compile(code, "docs/recipes.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(compiled, names)
    if inspect.iscoroutine(result):
        in_a_loop(result)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What lies there before the first recipe."""
    folder = tmp_path_factory.mktemp("recipes")
    info = PngInfo()
    info.add_text("prompt", json.dumps(simple()))
    Image.new("RGB", (64, 64)).save(folder / "comfyui.png", pnginfo=info)
    return folder


@pytest.fixture(scope="module")
def session(folder):
    """The names that a session has before the first recipe."""
    names: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        [(_, opening)] = blocks(START)
        run(opening, names)
        studio = names["studio"]
        yield names
        studio.close()


def made(folder: Path, *patterns: str) -> dict[str, Image.Image]:
    paths = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    return {path.name: Image.open(path) for path in paths}


def is_drawn(image: Image.Image) -> bool:
    return len(image.convert("RGB").resize((64, 64)).getcolors(64 * 64)) > 100


def expect_batch(folder, names, says):
    pictures = made(folder, "batch/*.png")
    assert list(pictures) == ["boat.png", "house.png", "tree.png"]
    assert all(map(is_drawn, pictures.values())) and "boat 2 " in says


def expect_grid(folder, names, says):
    [grid] = made(folder, "grid.png").values()
    assert grid.size == (256, 256)
    cells = {grid.crop((x, y, x + 128, y + 128)).tobytes() for x in (0, 128) for y in (0, 128)}
    assert len(cells) == 4 and is_drawn(grid)


def expect_dataset(folder, names, says):
    lines = (folder / "dataset" / "metadata.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["seed"] for line in lines] == [0, 1]
    pictures = made(folder, "dataset/*.png")
    before, after = pictures["1-before.png"], pictures["1-after.png"]
    assert before.getpixel((4, 4)) == after.getpixel((4, 4)) and before.tobytes() != after.tobytes()


def expect_redrawn(folder, names, says):
    assert "Settings of comfyui" in says and "Not here: checkpoint " in says
    asked = {node["inputs"].get("seed") for node in simple().values()}
    assert names["again"].seed in asked and is_drawn(made(folder, "again.png")["again.png"])


def expect_notebook(folder, names, says):
    assert "step 5 of 5" in says and is_drawn(names["picture"].image)
    assert names["preview"].size[0] >= 8


def expect_elsewhere(folder, names, says):
    assert [pictures[0].seed for pictures in names["pictures"]] == [1, 1, 1]
    assert says.endswith("3 pictures in the library there\n")


EXPECTED = {
    "A batch from a CSV": expect_batch,
    "A grid": expect_grid,
    "A dataset of inpaints": expect_dataset,
    "A picture of ComfyUI, drawn again": expect_redrawn,
    "In a notebook": expect_notebook,
    "From another machine, several at once": expect_elsewhere,
}


def test_every_recipe_is_run():
    assert list(RECIPES) == list(EXPECTED)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe(name, session, folder, serve, capsys):
    names = dict(session)
    for info, content in RECIPES[name]:
        kind, _, file = info.partition(" ")
        if file:
            (folder / file).write_text(content, "utf-8")
        elif URL in content:
            run(content.replace(URL, serve(FakeEngine()).url), names)
        elif content != "studio.close()\n":  # others follow
            run(content, names)
    EXPECTED[name](folder, names, capsys.readouterr().out)
