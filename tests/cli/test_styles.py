"""`studio generate --style NAME --preset NAME`, with the real engine and the embedded model."""

from __future__ import annotations

import json

from PIL import Image

from studio.cli import main


def test_styles_and_presets_are_put_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path))
    small = ("--width", "64", "--height", "64", "--steps", "2", "--seed", "1", "--json")
    styles = ("--style", "Picturebook pixel art", "--style", "Night")
    preset = ("--preset", "picturebook, fast")
    assert main(["generate", "--prompt", "a red house", *styles, *preset, *small]) == 0
    [path] = json.loads(capsys.readouterr().out)["images"]
    request = json.loads(Image.open(path).info["studio"])
    assert request["prompt"] == "a red house, pixel art, at night, moonlit, deep shadows"
    assert request["prompt_template"] == "a red house"
    assert (request["guidance_scale"], request["steps"]) == (5, 2), "flags change single settings"
    both = ("--prompt", "a {red|blue} house", "--combinatorial")
    assert main(["generate", *both, *small]) == 0
    told = capsys.readouterr()
    assert "2 prompts to draw" in told.err
    output = json.loads(told.out)
    drawn = [json.loads(Image.open(path).info["studio"])["prompt"] for path in output["images"]]
    assert drawn == ["a red house", "a blue house"] and output["seeds"] == [1, 2]
    assert main(["generate", "--style", "Nihgt", *small]) == 2
    assert "Is it Night" in capsys.readouterr().err
    assert main(["generate", "--preset", "LCN", *small]) == 2
    assert "LCM" in capsys.readouterr().err
