"""ControlNet units through the whole studio, with real nets: HTTP, command line, Python."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from studio.cli import main
from studio.picturebook.world import Scene
from studio.preprocessors.maps import Preprocessors
from tests.control_nets import write_controlnets

SIZE = (96, 64)
FEW = {"prompt": "a red house", "steps": 2, "seed": 4, "width": SIZE[0], "height": SIZE[1]}


@pytest.fixture(scope="module")
def nets(tmp_path_factory):
    return write_controlnets(tmp_path_factory.mktemp("nets"), "edges", "lines")


@pytest.fixture(scope="module")
def scene():
    return Scene.random(np.random.default_rng(5)).draw((200, 150))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, scene, nets):
    """A user in a folder with a picture, and with nets."""
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "cli"))
    monkeypatch.setenv("STUDIO_MODELS_DIR", str(nets))
    monkeypatch.setenv("STUDIO_DEVICE", "cpu")
    monkeypatch.chdir(tmp_path)
    scene.save("scene.png")
    return tmp_path


def test_two_units_give_the_same_bytes_everywhere(serve, nets, scene, capsys):
    served = serve(real_engine=True, models_dir=(nets,), device="cpu")
    with open("scene.png", "rb") as file:
        upload = served.http.post("/studio/v1/uploads", content=file.read()).json()["ref"]
    canny = {"controlnet": "edges", "image": upload, "preprocessor": "canny", "scale": 0.8}
    units = [
        canny | {"settings": {"low_threshold": 50}, "end": 0.7},
        {"controlnet": "lines", "image": upload, "preprocessor": "scribble", "mode": "control"},
    ]
    job = served.wait_until(served.submit(**FEW, controls=units), "finished", "failed")
    assert job["state"] == "finished", job["message"]
    url = job["images"][0]["url"]
    by_http = opened(served.http.get(url).content)
    plain = served.wait_until(served.submit(**FEW), "finished")["images"][0]["url"]
    assert opened(served.http.get(plain).content).tobytes() != by_http.tobytes()

    [path], [text] = by_command_line(
        *["--control", "controlnet=edges,image=scene.png,preprocessor=canny,scale=0.8,end=0.7,"],
        *["--control", "controlnet=lines,image=scene.png,preprocessor=scribble,mode=control"],
        capsys=capsys,
        low="low_threshold=50",
    )
    assert Image.open(path).tobytes() == by_http.tobytes()
    assert units_in(text) == units_in(job["images"][0]["infotext"])
    assert len(units_in(text)) == 2

    # The maps that led it can be seen, and what they were made from is kept.
    expected = Preprocessors([], nets).run("canny", scene, SIZE, {"low_threshold": 50})
    assert opened(served.http.get(f"{url}/control/1").content).tobytes() == expected.tobytes()
    missing = served.http.get(f"{url}/control/3")
    assert missing.status_code == 404 and "the picture has 2" in missing.json()["message"]
    kept = json.loads(by_http.text["studio"])["controls"]
    assert [unit["image"] for unit in kept] == [upload, upload]


def test_a_unit_that_follows_the_picture_to_repaint(serve, nets, scene, capsys):
    """Only the masked part is drawn, led by the edges of that part; the rest keeps its bytes."""
    served = serve(real_engine=True, models_dir=(nets,), device="cpu")
    mask = Image.new("L", scene.size)
    mask.paste(255, (60, 50, 110, 100))
    mask.save("mask.png")
    names = {}
    for name in ("scene", "mask"):
        with open(f"{name}.png", "rb") as file:
            names[name] = served.http.post("/studio/v1/uploads", content=file.read()).json()["ref"]
    task = {"kind": "inpaint", "image": names["scene"], "mask": names["mask"]}
    unit = {"controlnet": "edges", "preprocessor": "canny"}
    id = served.submit(**FEW, task=task | {"area": "only_masked"}, controls=[unit])
    [image] = served.wait_until(id, "finished", "failed")["images"]
    assert image["outside_mask_max_difference"] == 0
    by_http = opened(served.http.get(image["url"]).content)
    assert by_http.size == scene.size
    assert opened(served.http.get(image["url"] + "/control/1").content).size == SIZE

    request = [part for name, value in FEW.items() for part in (f"--{name}", str(value))]
    task = ["--init-image", "scene.png", "--mask", "mask.png", "--area", "only_masked"]
    flags = [*request, *task, "--control", "controlnet=edges,preprocessor=canny"]
    assert main(["generate", "--json", *flags]) == 0
    [path] = json.loads(capsys.readouterr().out)["images"]
    assert Image.open(path).tobytes() == by_http.tobytes()


def by_command_line(*flags, capsys, low):
    """(paths, infotexts). `low` is appended to the first unit."""
    first, unit, *others = flags
    request = [part for name, value in FEW.items() for part in (f"--{name}", str(value))]
    assert main(["generate", "--json", *request, first, unit + low, *others]) == 0
    told = json.loads(capsys.readouterr().out)
    return told["images"], told["infotext"]


def units_in(text):
    """What an infotext tells of units; whether models' hashes are known yet does not matter."""
    return re.findall(r'ControlNet \d: "[^"]+"', re.sub(r" \[\w{10}\]", "", text))


def opened(data):
    return Image.open(io.BytesIO(data))
