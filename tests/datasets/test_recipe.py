"""docs/datasets.md, run as it stands there, in small."""

from __future__ import annotations

import re

import pytest
from PIL import Image

from studio.cli import main
from studio.engine.fake import FakeEngine
from tests.architecture.source import ROOT

PAGE = (ROOT / "docs" / "datasets.md").read_text("utf-8")


def test_the_recipe_draws_what_it_says(tmp_path, monkeypatch, capsys):
    [spec] = re.findall(r"^ +```yaml\n(.*?)^ +```", PAGE, re.M | re.S)
    (tmp_path / "world.yaml").write_text(spec + "   steps: 1\n   checks: {detector: none}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr("studio.app.Studio._real_engine", lambda self: FakeEngine())
    [command] = re.findall(r"^ +studio (dataset generate world.yaml --out world)$", PAGE, re.M)
    assert main([*command.split(), "--count", "4"]) == 2 and not (tmp_path / "world").exists()
    assert "none would be in test. It takes 9 at least" in capsys.readouterr().err
    assert main([*command.split(), "--count", "9"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "world/dataset.yaml\n" and "9/9 · house" in printed.err
    assert main(command.split()) == 2
    assert "Go on with it by --resume" in capsys.readouterr().err
    assert main([*command.split(), "--count", "11", "--resume"]) == 0
    assert len(list((tmp_path / "world" / "images").rglob("*.png"))) == 11
    assert main(["dataset", "generate", "nowhere.yaml", "--out", "x"]) == 2
    assert "nowhere.yaml cannot be read" in capsys.readouterr().err


@pytest.mark.slow
def test_the_recipe_is_drawn_by_picturebook_from_python_too(tmp_path, monkeypatch, capsys):
    [spec] = re.findall(r"^ +```yaml\n(.*?)^ +```", PAGE, re.M | re.S)
    spec = spec.replace("count: 300", "count: 9")
    small = "   steps: 1\n   width: 128\n   height: 128\n   checks: {attempts: 1}\n"
    (tmp_path / "world.yaml").write_text(spec + small)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    [program] = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
    exec(program, {})
    assert "{'house': " in capsys.readouterr().out
    pictures = list((tmp_path / "world").rglob("*.png"))
    assert len(pictures) == 9 and all(Image.open(path).size == (128, 128) for path in pictures)
    named = re.findall(r"^\| `([a-z]+[./][a-z.]*)`", PAGE, re.M)
    assert "dataset.yaml" in named
    for name in named:
        assert (tmp_path / "world" / name).exists(), name
