"""Preprocessors over real HTTP: what there is, live maps, weights on their way."""

from __future__ import annotations

import base64
import io
import time

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from studio.domain.preprocessors import PREPROCESSORS
from studio.picturebook.world import Scene
from tests.control_nets import write_controlnets
from tests.fetching.model_server import model_server
from tests.preprocessors import networks

URL = "/studio/v1/preprocessors"
SIZE = (512, 512)


@pytest.fixture
def served(serve, tmp_path):
    return serve(models_dir=(tmp_path / "models",))


@pytest.fixture(scope="session")
def scene():
    return Scene.random(np.random.default_rng(2)).draw(SIZE)


@pytest.fixture
def upload(served, scene):
    return uploaded(served, scene)


def encoded(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def uploaded(served, image):
    return served.http.post("/studio/v1/uploads", content=encoded(image)).json()["ref"]


def listed(served, name):
    body = served.http.get(URL).raise_for_status().json()
    return next(one for one in body["preprocessors"] if one["name"] == name)


def mapped(served, name, **body):
    return served.http.post(f"{URL}/{name}/map", json=body)


def opened(answer):
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


def refused(answer):
    assert answer.status_code == 422, answer.text
    return answer.json()["message"]


def test_the_list_tells_what_a_menu_needs(served):
    body = served.http.get(URL).raise_for_status().json()
    assert [one["name"] for one in body["preprocessors"]] == list(PREPROCESSORS)
    assert body["control_types"]["canny"] == {"title": "Canny", "default": "canny"}
    canny, pose = listed(served, "canny"), listed(served, "openpose")
    assert (canny["group"], canny["ready"], canny["message"], canny["download"]) == (
        *("canny", True, None, None),
    )
    low = canny["settings"][0]
    assert (low["name"], low["minimum"], low["default"], low["step"]) == (
        "low_threshold",
        1,
        100,
        1,
    )
    assert not pose["ready"] and "209 MB" in pose["message"] and pose["downloading"] is None
    assert pose["download"]["repo"] == "lllyasviel/Annotators"
    assert "non-commercial" in pose["download"]["terms"]


def test_a_map_is_the_very_one_that_a_unit_gets(served, scene, upload):
    answer = mapped(served, "canny", image=upload, settings={"low_threshold": 40})
    assert answer.headers["content-type"] == "image/png" and answer.headers["etag"]
    edges = cv2.Canny(np.asarray(scene), 40, 200)
    assert (np.asarray(opened(answer))[..., 0] == edges).all()
    again = mapped(served, "canny", image=upload, settings={"low_threshold": 40})
    assert again.headers["etag"] == answer.headers["etag"]
    other = mapped(served, "canny", image=upload, settings={"low_threshold": 240})
    assert other.headers["etag"] != answer.headers["etag"]
    small = opened(mapped(served, "canny", image=upload, width=256, height=128))
    assert small.size == (256, 128)
    uri = "data:image/png;base64," + base64.b64encode(encoded(scene)).decode()
    assert opened(mapped(served, "none", image=uri)).tobytes() == scene.tobytes()


def test_a_hole_is_transparent_and_so_is_that_of_a_ready_made_map(served, scene, upload):
    mask = Image.new("L", SIZE)
    mask.paste(255, (100, 100, 300, 300))
    hollow = opened(mapped(served, "inpaint_only", image=upload, mask=uploaded(served, mask)))
    assert hollow.mode == "RGBA" and hollow.getpixel((200, 200))[3] == 0
    assert hollow.getpixel((50, 50)) == (*scene.getpixel((50, 50)), 255)
    ready = uploaded(served, hollow)
    body = {"image": ready, "controlnet": "control_v11p_sd15_inpaint"}
    assert opened(mapped(served, "none", **body)).tobytes() == hollow.tobytes()
    # For all others what is transparent is black, as between the lines of a drawing.
    strokes = opened(mapped(served, "none", image=ready, controlnet="scribble"))
    assert strokes.mode == "RGB" and strokes.getpixel((200, 200)) == (0, 0, 0)


EXPLAINED = [
    ("cany", {}, "Did you mean canny?"),
    ("canny", {"settings": {"low": 1}}, "canny has no setting 'low'"),
    ("canny", {"settings": {"low_threshold": 900}}, "from 1 to 255"),
    ("canny", {"resolution": 10}, "resolution: 10 is not allowed"),
    ("canny", {"width": 100_000, "height": 8}, "width"),
    ("canny", {"resize_mode": "stretch"}, "resize_mode"),
    ("canny", {"image": "/etc/passwd"}, "files of the server are not read"),
    ("canny", {"picture": "x"}, "picture"),
    ("inpaint_only", {}, "needs a mask"),
    ("depth_anything", {}, "needs config.json"),
]


def test_bad_input_is_explained(served, upload):
    for name, body, says in EXPLAINED:
        assert says in refused(mapped(served, name, **{"image": upload} | body))


def test_a_picture_that_is_gone_is_not_found(served):
    assert mapped(served, "canny", image="input:" + "0" * 32).status_code == 404


@pytest.fixture(scope="session")
def nets(tmp_path_factory):
    folder = write_controlnets(tmp_path_factory.mktemp("nets"), "edges")
    save_file({"what": torch.zeros(3)}, folder / "odd.safetensors")
    return folder


class TestUnits:
    """What a job's units are refused for, before anything starts."""

    @pytest.fixture
    def served(self, serve, nets):
        return serve(models_dir=(nets,))

    def refused(self, served, task=None, **unit):
        fine = {"controlnet": "edges", "preprocessor": "canny"}
        body = {"task": task or {"kind": "text_to_image"}, "controls": [fine | unit]}
        message = refused(served.http.post("/studio/v1/jobs", json=body))
        assert "controls.0" in message
        return message

    def test_models_that_are_no_controlnet(self, served, upload):
        [lora, *_] = served.studio.catalog.refs("lora")
        message = self.refused(served, image=upload, controlnet=lora.name)
        assert f"{lora.name} is no ControlNet, but a LoRA" in message and "edges" in message
        message = self.refused(served, image=upload, controlnet=str(lora.path))
        assert "but a LoRA" in message
        message = self.refused(served, image=upload, controlnet="odd.safetensors")
        assert "odd.safetensors cannot be used: " in message
        message = self.refused(served, image=upload, controlnet="picturebook")
        assert "a checkpoint" in message
        assert "There are: " in self.refused(served, image=upload, controlnet="nothing")

    def test_weights_of_units_that_cannot_be(self, served, upload):
        for scale in ("NaN", "0", "10", "Infinity", '"much"'):
            units = f'[{{"controlnet": "edges", "image": "{upload}", "scale": {scale}}}]'
            answer = served.http.post("/studio/v1/jobs", content=f'{{"controls": {units}}}')
            message = refused(answer)
            assert message.startswith("controls.0.scale: ") and "above 0, up to 2" in message

    def test_too_many(self, served, upload):
        units = [{"controlnet": "edges", "image": upload}] * 10
        answer = served.http.post("/studio/v1/jobs", json={"controls": units})
        assert "10 are too many, at most 8" in refused(answer)

    def test_weights_that_are_absent(self, served, upload):
        message = self.refused(served, image=upload, preprocessor="openpose")
        assert "209 MB" in message and "put by hand" in message and "/download" in message

    def test_pictures_that_are_missing(self, served, upload):
        assert "has no image" in self.refused(served)
        assert "files of the server" in self.refused(served, image="/etc/passwd")
        data = "data:image/png;base64,aGVsbG8="
        assert "not a picture" in self.refused(served, image=data)
        assert "needs a mask" in self.refused(served, image=upload, preprocessor="inpaint_only")

    def test_a_unit_that_takes_the_tasks_picture_shows_its_map(self, served, scene, upload):
        task = {"kind": "image_to_image", "image": upload}
        unit = {"controlnet": "edges", "preprocessor": "canny"}
        id = served.submit(task=task, steps=1, width=128, height=128, controls=[unit])
        [image] = served.wait_until(id, "finished")["images"]
        seen = opened(served.http.get(image["url"] + "/control/1"))
        small = np.asarray(scene.resize((128, 128), Image.Resampling.LANCZOS))
        assert (np.asarray(seen)[..., 0] == cv2.Canny(small, 100, 200)).all()

    def test_a_picture_made_without_units_has_no_maps(self, served):
        [image] = served.wait_until(served.submit(steps=1), "finished")["images"]
        answer = served.http.get(image["url"] + "/control/1")
        assert answer.status_code == 404 and "without any" in answer.json()["message"]
        assert served.http.get("/studio/v1/images/00001-1/control/1").status_code == 404


class TestDownloads:
    """Weights from a server of the Hugging Face kind."""

    FILE = "table5_pidinet.pth"

    @pytest.fixture
    def hub(self, monkeypatch, tmp_path):
        with model_server() as server:
            monkeypatch.setenv("HF_ENDPOINT", server.url)
            networks.write("softedge_pidinet", tmp_path)
            path = tmp_path / "annotators" / self.FILE
            server.files["lllyasviel/Annotators/" + self.FILE] = path.read_bytes()
            yield server

    def test_they_come_and_the_map_is_there(self, served, hub, upload):
        assert "to be downloaded" in refused(mapped(served, "softedge_pidinet", image=upload))
        served.http.post(f"{URL}/softedge_pidinet/download").raise_for_status()
        softedge = self.when_ended(served, "softedge_pidinet")
        assert softedge["ready"] and softedge["download"] is None
        assert softedge["downloading"] is None and softedge["message"] is None
        seen = opened(mapped(served, "softedge_pidinet", image=upload, resolution=64))
        assert seen.size == SIZE

    def test_what_goes_wrong_is_told_and_may_be_tried_again(self, served, hub):
        data = hub.files.pop("lllyasviel/Annotators/" + self.FILE)
        served.http.post(f"{URL}/softedge_pidinet/download").raise_for_status()
        ended = self.when_ended(served, "softedge_pidinet")
        assert "no such file" in ended["downloading"]["error"] and not ended["ready"]
        hub.files["lllyasviel/Annotators/" + self.FILE] = data
        served.http.post(f"{URL}/softedge_pidinet/download").raise_for_status()
        assert self.when_ended(served, "softedge_pidinet")["ready"]

    def test_nothing_is_fetched_for_those_that_need_nothing(self, served, hub):
        told = served.http.post(f"{URL}/canny/download").raise_for_status().json()
        assert told["ready"] and told["downloading"] is None
        assert "no preprocessor" in refused(served.http.post(f"{URL}/cany/download"))

    @staticmethod
    def when_ended(served, name):
        until_s = time.monotonic() + 20
        while time.monotonic() < until_s:
            told = listed(served, name)
            if told["downloading"] is None or told["downloading"]["error"]:
                return told
            time.sleep(0.02)
        raise AssertionError(told)
