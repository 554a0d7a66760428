"""`studio generate` that begins with a picture: the flags, folders, and real pictures."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from studio.app import Studio
from studio.cli import main
from studio.cli import running as command
from studio.domain.request import GenerationRequest
from studio.engine.fake import FakeEngine

FEW = ("--steps", "2", "--seed", "5", "--json")
SIZE = (96, 64)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A user in a folder with a picture and a mask of its right half."""
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "photo.png")
    mask(tmp_path / "mask.png")
    return tmp_path


def picture(path, seed=0):
    rng = np.random.default_rng(seed)
    Image.fromarray(rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)).resize(SIZE).save(path)


def mask(path):
    image = Image.new("L", SIZE)
    image.paste(255, (SIZE[0] // 2, 0, *SIZE))
    image.save(path)


@pytest.fixture
def drawing(monkeypatch):
    """Runs `studio generate …` with an engine that draws at once: (status, what it printed)."""
    engine = FakeEngine()

    def studio(*arguments, **options):
        return Studio(*arguments, **options, build_engine=lambda: engine)

    monkeypatch.setattr(command, "Studio", studio)
    return engine


def generate(capsys, *arguments):
    """(status, stdout as JSON, stderr)."""
    status = main(["generate", *FEW, *map(str, arguments)])
    printed = capsys.readouterr()
    return status, json.loads(printed.out) if printed.out else None, printed.err


def request_in(path):
    return GenerationRequest.parse(Image.open(path).text["studio"])


def test_an_inpaint_and_an_outpaint_draw_and_keep_what_they_promise(capsys, folder):
    photo = Image.open("photo.png").tobytes()
    status, told, _ = generate(
        capsys, "--init-image", "photo.png", "--mask", "mask.png", "--mask-blur", "2", "--out", "a"
    )
    [path] = told["images"]
    assert status == 0 and "Mask blur: 2" in told["infotext"][0]
    result = Image.open(path)
    assert result.size == SIZE and result.text["outside_mask_max_difference"] == "0"
    assert result.tobytes() != photo
    untouched = (0, 0, SIZE[0] // 2 - 6, SIZE[1])
    same = Image.frombytes("RGB", SIZE, photo).crop(untouched).tobytes()
    assert result.crop(untouched).tobytes() == same

    status, told, _ = generate(
        capsys, "--init-image", path, "--outpaint", "0,0,32,0", "--feather", "8", "--out", "b"
    )
    wide = Image.open(told["images"][0])
    assert wide.size == (128, 64) and wide.text["outside_mask_max_difference"] == "0"

    # What is saved can be run again: the pictures are kept beside it.
    (folder / "again.json").write_text(wide.text["studio"])
    (folder / "photo.png").unlink()
    _, again, _ = generate(capsys, "--request", "again.json", "--out", "c")
    assert Image.open(again["images"][0]).tobytes() == wide.tobytes()


@pytest.mark.parametrize(
    ("arguments", "kind", "fields"),
    [
        (["--strength", "0.4"], "image_to_image", {"strength": 0.4}),
        (["--color-correction"], "image_to_image", {"color_correction": True}),
        (["--resize-mode", "latent_upscale"], "image_to_image", {"resize_mode": "latent_upscale"}),
        (["--mask", "mask.png", "--invert", "--soft"], "inpaint", {"invert": True, "soft": True}),
        (["--mask", "mask.png", "--mask-grow", "-3"], "inpaint", {"mask_grow": -3}),
        (
            ["--mask", "mask.png", "--area", "only_masked", "--padding", "8"],
            "inpaint",
            {"area": "only_masked", "padding": 8},
        ),
        (["--sketch", "sketch.png"], "image_to_image", {}),
        (["--mask", "mask.png", "--sketch", "sketch.png"], "inpaint", {}),
        (["--outpaint", "8,,16, 0"], "outpaint", {"left": 8, "top": 0, "right": 16, "bottom": 0}),
        (["--outpaint", "16:9"], "outpaint", {"aspect_ratio": "16:9", "strength": 1.0}),
        (["--outpaint", "0,0,8,0", "--feather", "4"], "outpaint", {"feather": 4}),
    ],
)  # fmt: skip
def test_flags_become_the_task(capsys, drawing, arguments, kind, fields):
    Image.new("RGBA", SIZE, (0, 0, 255, 128)).save("sketch.png")
    status, told, _ = generate(capsys, "--init-image", "photo.png", *arguments)
    assert status == 0
    task = request_in(told["images"][0]).task.model_dump()
    assert (task.get("sketch") or "").startswith("input:") == ("--sketch" in arguments)
    assert task["kind"] == kind and task["image"].startswith("input:")
    assert {name: task[name] for name in fields} == fields


def test_a_request_file_is_changed_by_flags(capsys, drawing, folder):
    task = {"kind": "outpaint", "image": "photo.png", "left": 8, "feather": 3}
    (folder / "request.json").write_text(json.dumps({"prompt": "sea", "task": task}))
    _, told, _ = generate(capsys, "--request", "request.json", "--outpaint", "0,0,0,24")
    outpaint = request_in(told["images"][0]).task
    assert (outpaint.left, outpaint.bottom, outpaint.feather) == (0, 24, 3)
    _, told, _ = generate(capsys, "--request", "request.json", "--strength", "0.5")
    outpaint = request_in(told["images"][0]).task
    assert (outpaint.left, outpaint.strength) == (8, 0.5)


def test_a_folder_is_drawn_picture_by_picture_with_the_masks_of_their_names(
    capsys, drawing, folder
):
    for name in ("photos", "masks"):
        (folder / name).mkdir()
    for seed, name in enumerate(("a.png", "b.jpg", "c.webp")):
        picture(folder / "photos" / name, seed)
    (folder / "photos" / "broken.png").write_bytes(b"\x89PNG")
    (folder / "photos" / "notes.txt").write_text("no picture")
    for name in ("a.png", "broken.png", "c.png"):
        mask(folder / "masks" / name)
    status, told, complaints = generate(
        capsys, "--init-image", "photos", "--mask", "masks", "--out", "out"
    )
    assert status == 2
    assert told["sources"] == ["photos/a.png", "photos/c.webp"]
    assert [path.split("/")[1] for path in told["images"]] == ["00001-5.png", "00002-5.png"]
    assert [one["source"] for one in told["failed"]] == ["photos/b.jpg", "photos/broken.png"]
    assert "masks/b.jpg" in told["failed"][0]["message"]
    assert "broken.png: image: 'photos/broken.png': " in complaints and "4 of 4" in complaints

    status, told, _ = generate(capsys, "--init-image", "photos", "--mask", "mask.png")
    assert len(told["images"]) == 3  # one mask for all
    assert {request_in(path).task.mask for path in told["images"]} == {
        request_in(told["images"][0]).task.mask
    }


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--init-image", "missing.png"], "'missing.png': the file cannot be read: No such file"),
        (["--init-image", "notes.txt"], "'notes.txt': this is not a picture"),
        (["--init-image", "empty"], "there is no picture in empty"),
        (["--init-image", "photo.png", "--mask", "missing.png"], "mask: 'missing.png'"),
        (["--init-image", "photo.png", "--mask", "small.png"], "(resize_mask)"),
        (["--mask", "mask.png"], "--mask needs a picture. Give it with --init-image"),
        (["--outpaint", "0,0,8,0"], "--outpaint needs a picture"),
        (["--init-image", "photo.png", "--outpaint", "128"], "--outpaint: '128' is neither"),
        (["--init-image", "photo.png", "--outpaint", "a,b,c,d"], "left: 'a'"),
        (["--init-image", "photo.png", "--outpaint", "0,0,0,0"], "how far"),
        (["--init-image", "photo.png", "--outpaint", "3:2"], "already is 3:2"),
        (["--init-image", "photo.png", "--outpaint", "9999,0,0,0"], "left: '9999'"),
        (["--init-image", "photo.png", "--outpaint", "1:1", "--mask", "mask.png"], "together"),
        (["--init-image", "photo.png", "--padding", "8"], "--padding goes with --mask only"),
        (["--init-image", "photo.png", "--feather", "8"], "--feather goes with --outpaint only"),
        (["--strength", "0.5"], "--strength goes with --init-image only"),
        (["--sketch", "mask.png"], "--sketch goes with --init-image only"),
        (["--init-image", "photo.png", "--sketch", "small.png"], "sketch: it has 48 × 32 pixels"),
        (["--init-image", "photo.png", "--strength", "2"], "strength: '2'"),
        (["--init-image", "photo.png", "--strength", "nan"], "strength: 'nan'"),
        (["--init-image", "photo.png", "--resize-mode", "bend"], "resize_mode: 'bend'"),
        (["--init-image", "photo.png", "--checkpoint", "nope"], "'nope' is unknown"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_status_2(capsys, drawing, folder, arguments, says):
    (folder / "notes.txt").write_text("no picture")
    (folder / "empty").mkdir()
    Image.new("L", (48, 32), 255).save("small.png")
    status, told, complaint = generate(capsys, *arguments)
    last_line = complaint.split("\r")[-1]
    assert (status, told) == (2, None)
    assert says in last_line and last_line.count("\n") == 1
    assert not list((folder / "data").glob("outputs/*"))


def test_help_tells_of_every_field_of_every_task(capsys):
    with pytest.raises(SystemExit):
        main(["generate", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for flag in ("--init-image", "--mask", "--outpaint", "--mask-blur", "--soft", "--feather"):
        assert flag in said
    assert "One of: fill, original, latent_noise, latent_nothing. Default: original." in said
    assert "Default: 0.75. With --outpaint: 1.0." in said
