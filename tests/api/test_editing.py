"""Jobs that begin with a picture, over real HTTP: how pictures are named, what is refused, and
what a result was before."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

SIZE = (96, 64)
FEW = {"steps": 1, "seed": 3}


def encoded(image, format="PNG"):
    buffer = io.BytesIO()
    image.save(buffer, format)
    return buffer.getvalue()


def noise(size=SIZE, seed=0):
    array = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(array)


def right_half(size=SIZE):
    mask = Image.new("L", size)
    mask.paste(255, (size[0] // 2, 0, *size))
    return mask


@pytest.fixture
def served(swept):
    return swept


@pytest.fixture
def upload(served):
    """Uploads an image and gives its name for a task."""
    return lambda image: served.http.post("/studio/v1/uploads", content=encoded(image)).json()[
        "ref"
    ]


def refused(served, task, **fields):
    """The message of a refusal."""
    answer = served.http.post("/studio/v1/jobs", json={"task": task} | FEW | fields)
    assert answer.status_code == 422, answer.text
    body = answer.json()
    assert body["error"] == "InvalidRequest" and "Traceback" not in body["message"]
    return body["message"]


def finished(served, task, **fields):
    job = served.wait_until(served.submit(task=task, **FEW | fields), "finished", "failed")
    assert job["state"] == "finished", job
    return job


def opened(served, url):
    return Image.open(io.BytesIO(served.http.get(url).raise_for_status().content))


def test_whatever_names_a_picture_the_job_holds_the_same_short_name(served, upload):
    ref = upload(noise())
    uri = "data:image/png;base64," + base64.b64encode(encoded(noise())).decode()
    for image in (ref, uri, uri.replace("image/png", "")):
        job = finished(served, {"kind": "image_to_image", "image": image})
        assert job["request"]["task"]["image"] == ref
        assert (job["request"]["width"], job["request"]["height"]) == SIZE
        assert "Init image hash: " + ref[6:] in job["images"][0]["infotext"]


def test_a_result_is_the_next_picture(served):
    [first] = finished(served, {"kind": "text_to_image"}, width=64, height=128)["images"]
    job = finished(served, {"kind": "outpaint", "image": f"picture:{first['id']}", "right": 64})
    ref = job["request"]["task"]["image"]
    assert ref.startswith("input:")
    assert (job["request"]["width"], job["request"]["height"]) == (128, 128)
    original = served.http.get(f"/studio/v1/uploads/{ref[6:]}")
    assert original.content == served.http.get(first["url"]).content


NO_PICTURES = [
    "/etc/passwd",
    "picture.png",
    "~/picture.png",
    "file:///etc/passwd",
    "http://localhost/picture.png",
    "\\\\server\\share\\picture.png",
    "picture:../../../etc/passwd",
    "input:../../etc/passwd",
    "input:" + "0" * 32,
    "picture:2026-01-01_00001-1",
    "data:image/png;base64,",
    "data:image/png;base64,%%%",
    "data:image/png,plain",
    "data:;base64,aGVsbG8=",
    "\0",
]


def test_no_file_of_the_server_is_read(served, upload):
    for source in NO_PICTURES:
        message = refused(served, {"kind": "image_to_image", "image": source})
        assert message.startswith("image: ")
        task = {"kind": "inpaint", "image": upload(noise()), "mask": source}
        assert refused(served, task).startswith("mask: ")


def test_masks_that_do_not_fit_or_cover_nothing_are_explained(served, upload):
    image, black = upload(noise()), Image.new("L", SIZE)
    task = {"kind": "inpaint", "image": image}
    small = task | {"mask": upload(right_half((48, 32)))}
    assert "48 × 32" in refused(served, small)
    assert finished(served, small | {"resize_mask": True})
    assert "black everywhere" in refused(served, task | {"mask": upload(black)})
    assert finished(served, task | {"mask": upload(black), "invert": True})
    white = task | {"mask": upload(Image.new("L", SIZE, 255))}
    assert "inverted" in refused(served, white | {"invert": True})
    assert finished(served, white)
    thin = Image.new("L", SIZE)
    thin.paste(255, (10, 10, 14, 40))
    assert "shrunk" in refused(served, task | {"mask": upload(thin), "mask_grow": -8})


def test_sketches_that_do_not_fit_are_explained_and_those_that_do_stay(served, upload):
    folder = served.studio.settings.inputs_dir
    sketch = Image.new("RGBA", SIZE)
    sketch.paste((9, 90, 250, 128), (10, 10, 40, 40))
    for kind, more in (("image_to_image", {}), ("inpaint", {"mask": upload(right_half())})):
        task = {"kind": kind, "image": upload(noise())} | more
        small = task | {"sketch": upload(sketch.resize((48, 32)))}
        assert refused(served, small).startswith("sketch: it has 48 × 32 pixels, the image 96 × 64")
        assert "no picture" in refused(served, task | {"sketch": "input:" + "0" * 32})
        job = finished(served, task | {"sketch": upload(sketch)})
        ref = job["request"]["task"]["sketch"]
        assert "Sketch hash: " + ref[6:] in job["images"][0]["infotext"]
        assert (folder / ref[6:]).is_file(), "no clean-up takes it"
        url = f"/studio/v1/jobs/{job['id']}/again"
        again = served.wait_until(served.http.post(url).json()["id"], "finished")
        assert again["request"]["task"] == job["request"]["task"]
    for name, mode in (("colours", "RGB"), ("alpha", "L")):
        seen = opened(served, f"/studio/v1/uploads/{ref[6:]}/view?kind={name}")
        expected = sketch.getchannel("A") if name == "alpha" else sketch.convert("RGB")
        assert (seen.mode, seen.tobytes()) == (mode, expected.tobytes())
    before = opened(served, job["images"][0]["url"] + "/before")
    assert before.crop((0, 0, 36, 64)).tobytes() == noise().crop((0, 0, 36, 64)).tobytes()


def test_outpaints_that_cannot_be_are_explained(served, upload):
    task = {"kind": "outpaint", "image": upload(noise())}
    assert "already is 3:2" in refused(served, task | {"aspect_ratio": "3:2"})
    assert "how far" in refused(served, task)
    assert "not both" in refused(served, task | {"left": 8, "aspect_ratio": "16:9"})
    large = {"kind": "outpaint", "image": upload(Image.new("L", (8000, 100))), "bottom": 4096}
    assert finished(served, large | {"bottom": 100})
    wide = {"kind": "outpaint", "image": upload(Image.new("L", (8000, 4000))), "bottom": 4096}
    assert "64" in refused(served, wide | {"left": 4000})


def test_what_a_result_was_before(served, upload):
    [first] = finished(served, {"kind": "text_to_image"}, width=96, height=64)["images"]
    task = {"kind": "inpaint", "image": f"picture:{first['id']}", "mask": upload(right_half())}
    [result] = finished(served, task, prompt="other")["images"]
    before = opened(served, result["url"] + "/before")
    assert before.tobytes() == opened(served, first["url"]).tobytes()
    mask = opened(served, result["url"] + "/mask")
    assert mask.mode == "L" and mask.tobytes() == right_half().tobytes()
    heat = opened(served, result["url"] + "/difference")
    assert (heat.mode, heat.size) == ("RGB", SIZE)

    wider = {"kind": "outpaint", "image": f"picture:{first['id']}", "left": 32}
    [result] = finished(served, wider)["images"]
    canvas = opened(served, result["url"] + "/before")
    assert canvas.size == (128, 64)
    assert canvas.crop((32, 0, 128, 64)).tobytes() == before.tobytes()
    assert "without a mask" in served.http.get(result["url"] + "/mask").json()["message"]


def test_a_drawing_from_words_was_nothing_before(served):
    [image] = finished(served, {"kind": "text_to_image"}, width=64, height=64)["images"]
    assert image["outside_mask_max_difference"] is None
    for name in ("before", "difference", "mask"):
        for url in (image["url"], "/studio/v1/images/2026-01-01_00001-1"):
            answer = served.http.get(f"{url}/{name}")
            assert answer.status_code == 404 and answer.json()["message"]


def test_pictures_of_submitted_jobs_stay(served, upload):
    folder = served.studio.settings.inputs_dir
    before = {path.name for path in folder.glob("unused/*")}
    used, unused = upload(noise(seed=1)), upload(noise(seed=2))
    finished(served, {"kind": "image_to_image", "image": used})
    assert (folder / used[6:]).is_file()
    assert {path.name for path in (folder / "unused").iterdir()} - before == {unused[6:]}


def test_metadata_of_others_makes_the_server_read_nothing(served, tmp_path):
    """A PNG in the outputs folder may have been put there by anybody."""
    secret = tmp_path / "secret.png"
    noise().save(secret)
    job = finished(served, {"kind": "text_to_image"}, width=64, height=64)
    path = served.studio.gallery.path(job["images"][0]["id"])
    texts = PngInfo()
    task = {"kind": "image_to_image", "image": str(secret)}
    texts.add_text("studio", json.dumps({"task": task}))
    noise().save(path, pnginfo=texts)
    for name in ("before", "difference"):
        answer = served.http.get(f"{job['images'][0]['url']}/{name}")
        assert answer.status_code in (404, 422) and answer.json()["message"]
    assert "not read" in served.http.get(job["images"][0]["url"] + "/before").json()["message"]
