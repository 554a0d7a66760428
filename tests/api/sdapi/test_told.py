"""What is not done as it was asked is told, and what else there is to look at."""

from __future__ import annotations

import base64
import io
import json
import shutil
import threading

import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from studio.engine.fake import FakeEngine
from studio.settings import assets_dir
from tests.api.sdapi.conftest import encoded, opened
from tests.waiting import wait_for

SMALL = {"prompt": "a house, red", "width": 64, "height": 64, "steps": 4, "seed": 5}
CANNY = "picturebook-controlnet-canny"


def drawn(served, path, body):
    """(The images, `info`)."""
    answer = served.http.post(path if path[0] == "/" else f"/sdapi/v1/{path}", json=SMALL | body)
    assert answer.status_code == 200, answer.text
    return answer.json()["images"], json.loads(answer.json()["info"])


def plot(*axes, shown=False, each=False, keep=False, vary=(False,) * 3):
    """The arguments of the script X/Y/Z plot. An axis: its place or its title, its values."""
    there = [*axes, *[(0, "")] * (3 - len(axes))]
    places = [value for title, values in there for value in (title, values, [])]
    args = [*places, True, shown, each, keep, *vary, 0, False]
    return {"script_name": "x/y/z plot", "script_args": args}


def test_what_is_not_done_as_asked_is_told(swept, picture, mask):
    begun = {"init_images": [encoded(picture)]}
    masked = begun | {"mask": encoded(mask)}
    unit = {"image": encoded(picture), "model": CANNY, "module": "canny", "weight": 3}
    unit |= {"processor_res": 32, "threshold_a": 900, "hr_option": "High res only"}
    soft = {"Soft inpainting": {"args": [True, 1, 0.5, 4, 0.3]}, "Hypertile": {"args": [True]}}
    outpaint = {"script_name": "outpainting mk2", "script_args": ["", 32, 100, ["left"], 2.0]}
    poor = {"script_name": "poor man's outpainting", "script_args": [32, 4, 2, ["left"]]}
    loops = {"script_name": "loopback", "script_args": [0, 3, "Steep", "CLIP"]}
    options = {"eta_noise_seed_delta": 31337, "send_seed": False, "samples_format": "png"}
    for path, body, words in (
        ("txt2img", {"restore_faces": True, "s_min_uncond": 1}, ("restore_faces", "s_min_unc")),
        ("txt2img", {"sampler_name": "DDIM", "scheduler": "Karras"}, ("DDIM cannot follow 'K",)),
        (
            "txt2img",
            {"override_settings": options},
            ("settings.eta_noise_seed_delta was passed over", "settings.send_seed was passed"),
        ),
        (
            "txt2img",
            {"infotext": "x\nSteps: 4, Sampler: Euler, Seed: 1, Colour: red"},
            ("Colour was passed over",),
        ),
        (
            "txt2img",
            {"alwayson_scripts": {"ControlNet": {"args": [unit]}}},
            ("hr_option", "weight: 3 became 2", "_res: 32 became 512", "_a: 900 became 100"),
        ),
        (
            "img2img",
            masked | {"mask_blur": 99, "inpaint_full_res_padding": 999},
            ("mask_blur: 99 became 64; there is 0 to 64.", "padding: 999 became 256"),
        ),
        (
            "img2img",
            masked | {"mask_blur_x": 2, "initial_noise_multiplier": 0.5, "alwayson_scripts": soft},
            ("it is 1", "Hypertile was", "Mask influence was", "both became 4"),
        ),
        ("img2img", begun | {"mask": encoded(Image.new("L", (64, 64)))}, ("nothing of it is",)),
        ("img2img", begun | outpaint, ("Fall-off exponent was", "script_args.2: 100 became 64")),
        ("img2img", begun | poor, ("Masked content was passed over",)),
        ("img2img", begun | loops, ("0: 0 became 1", "1: 3 became 1", "2: 'Steep' bec", "3: App")),
        ("txt2img", plot((4, "1")) | {"n_iter": 2}, ("a grid has one picture in each place",)),
        ("img2img", masked | {"image_cfg_scale": 1.5, "initial_noise_multiplier": None}, ()),
    ):
        _, info = drawn(swept, path, body)
        comments = info["comments"].splitlines()
        assert len(comments) == len(words), comments
        for word in words:
            assert any(word in comment for comment in comments), (word, comments)


def test_sheets_say_what_they_are_and_one_has_them_all(swept):
    axes = (4, "1,2"), ("Seed", "5-7"), (7, "house, boat")
    images, info = drawn(swept, "txt2img", plot(*axes, shown=True, each=True))
    whole, *sheets = map(opened, images[:3])
    assert (len(images), info["index_of_first_image"]) == (3 + 12, 3)
    assert all(image.info["studio-sheet"] == "true" for image in (whole, *sheets))
    assert "Seed: 5" in whole.info["parameters"]
    assert whole.size == (sheets[0].width + sheets[1].width, sheets[0].height)
    assert info["all_seeds"] == [5, 5, 6, 6, 7, 7] * 2
    images, info = drawn(swept, "txt2img", plot(*axes))
    assert len(images) == 1 and len(info["all_seeds"]) == 12
    images, _ = drawn(swept, "txt2img", {"batch_size": 2, "save_images": True})
    assert opened(images[0]).info["studio-sheet"] == "true"
    [sheet, *_], _ = drawn(swept, "txt2img", {"script_name": "prompt matrix", "prompt": "a|b"})
    assert opened(sheet).info["studio-sheet"] == "true"


def test_seeds_of_a_plot(swept):
    def seeds(body):
        return drawn(swept, "txt2img", body)[1]["all_seeds"]

    axes = (4, "1,2"), (6, "3,4,5")
    assert seeds(plot(*axes, vary=(True, True, False))) == [5, 6, 7, 8, 9, 10]
    assert seeds(plot(*axes, vary=(False, True, False))) == [5, 5, 6, 6, 7, 7]
    assert seeds(plot((0, ""), *axes, vary=(False, True, False))) == [5, 6] * 3
    first, *others = seeds(plot(*axes, keep=True) | {"seed": -1})
    assert [seed - first for seed in others] == [1, 2, 3, 4, 5]
    assert seeds(plot(*axes, keep=True)) == [5] * 6
    one, other, *rest = seeds(plot(("Seed", "-1,-1"), (4, "1,2")))
    assert one != other and rest == [one, other]
    words = [value if not isinstance(value, bool) else str(value).lower() for value in
             plot(*axes, shown=True)["script_args"]]  # fmt: skip
    assert seeds({"script_name": "x/y/z plot", "script_args": words}) == [5] * 6


@pytest.fixture
def waiting():
    """An engine that waits at each step until it is let go."""
    engine = FakeEngine()
    engine.may_go = threading.Event()
    engine.on_step = lambda: engine.may_go.wait(20)
    yield engine
    engine.may_go.set()


def test_a_checkpoint_that_is_chosen_is_loaded(serve, waiting, tmp_path):
    (tmp_path / "models").mkdir()
    shutil.copytree(assets_dir() / "models" / "picturebook", tmp_path / "models" / "second")
    served = serve(waiting, models_dir=(tmp_path / "models",))

    def progress():
        return served.http.get("/sdapi/v1/progress").json()

    def choose(**options):
        assert served.http.post("/sdapi/v1/options", json=options).json() is None

    choose(sd_model_checkpoint="picturebook")  # it draws already
    assert served.studio.queue.loading is None
    choose(sd_model_checkpoint="second")
    now = progress()
    assert now["state"]["job_count"] == -1 and now["progress"] > 0
    assert now["textinfo"] == "Loading second"
    assert served.http.get("/sdapi/v1/options").json()["sd_model_checkpoint"].startswith("second")
    waiting.may_go.set()
    wait_for(lambda: progress()["state"]["job_count"] == 0, "the end of the load")
    assert served.studio.queue.jobs() == []
    waiting.may_go.clear()
    assert served.http.post("/sdapi/v1/reload-checkpoint").json() == {}
    assert progress()["textinfo"] == "Loading second"


def test_cards(serve, tmp_path):
    lora, cover = load_file(assets_dir() / "models/loras/blueprint.safetensors"), io.BytesIO()
    Image.new("RGB", (8, 8), (0, 200, 0)).save(cover, "JPEG")
    covers = json.dumps([base64.b64encode(cover.getvalue()).decode(), "no picture"])
    said = {"ssmd_cover_images": covers, "ss_tags": '{"a": 1}', "title": "Ink & wash"}
    models = tmp_path / "models"
    models.mkdir()
    save_file(lora, models / "covered.safetensors", metadata=said)
    save_file(lora, models / "a <b>.safetensors")
    Image.new("RGB", (9, 9)).save(models / "a <b>.preview.png")
    Image.new("RGB", (9, 9)).save(tmp_path / "private.png")
    served = serve(models_dir=(models,))

    def get(path, **query):
        return served.http.get(f"/sd_extra_networks/{path}", params={"page": "lora"} | query)

    def card(name):
        return get("get-single-card", name=name).json()["html"]

    told = json.loads(get("metadata", item="covered").json()["metadata"])
    assert told == {"ss_tags": {"a": 1}, "title": "Ink & wash"}
    assert get("metadata", item="nope").json() == get("metadata", page="x", item="covered").json()
    assert Image.open(io.BytesIO(get("cover-images", item="covered").content)).size == (8, 8)
    for index in (1, 2, -1):
        answer = get("cover-images", item="covered", index=index)
        assert answer.status_code in (404, 422) and answer.json()["detail"]
    assert "cover-images?page=lora&amp;item=covered" in card("covered")
    html = card("a <b>")
    assert "<b>" not in html and "a &lt;b&gt;" in html and str(tmp_path) not in html
    thumb = get("thumb", filename="models/a <b>.preview.png")
    assert Image.open(io.BytesIO(thumb.content)).size == (9, 9)
    for path in (models / "a <b>.preview.png", tmp_path / "private.png", "../private.png", ""):
        assert get("thumb", filename=str(path)).status_code == 404
    assert get("get-single-card", name="nope").status_code == 404


def test_nothing_of_somebodys_own_stands_in_sysinfo(shared):
    answer = shared.http.get("/internal/sysinfo-download")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.json()["Version"].startswith("Latent Studio")
    assert str(shared.studio.settings.data_dir) not in answer.text
    assert (answer.json()["Environment"], answer.json()["Commandline"]) == ({}, [])
