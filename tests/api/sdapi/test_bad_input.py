"""Whatever is sent: a refusal in AUTOMATIC1111's form, with its cause."""

from __future__ import annotations

import base64
import json
import socket
from urllib.parse import urlsplit

import pytest

from studio.api.sdapi.details import DetailerBody
from studio.api.sdapi.options import Options
from studio.api.sdapi.payloads import ExtrasBody, ImageToImageBody, TextToImageBody
from studio.api.sdapi.scripts import SCRIPTS
from studio.api.sdapi.units import UnitBody
from tests.api.sdapi.conftest import encoded

NOT_BASE64 = "data:image/png;base64,###"
WEB = "http://127.0.0.1:1/a.png"
TEXT = base64.b64encode(b"no picture").decode()


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("txt2img", {"sampler_name": "Oiler"}, 400, "Sampler not found: 'Oiler'"),
        ("txt2img", {"sampler_index": "Oiler"}, 400, "Sampler not found"),
        ("txt2img", {"scheduler": "steep"}, 400, "Scheduler not found"),
        ("txt2img", {"steps": 1.5}, 422, "steps"),
        ("txt2img", {"steps": 0}, 422, "steps"),
        ("txt2img", {"width": 60}, 422, "width"),
        ("txt2img", {"n_iter": 0}, 422, "n_iter"),
        ("txt2img", {"batch_size": 17}, 422, "batch_size"),
        ("txt2img", {"styles": ["nope"]}, 422, "There is no style 'nope'"),
        ("txt2img", {"prompt": "<lora:nope:1>"}, 422, "nope"),
        ("txt2img", {"override_settings": {"sd_model_checkpoint": "x"}}, 422, "'x' is unknown"),
        ("txt2img", {"refiner_checkpoint": "x", "refiner_switch_at": 0.8}, 422, "'x' is unknown"),
        ("txt2img", {"enable_hr": True, "hr_upscaler": "4x-Foo"}, 422, "4x-Foo"),
        ("txt2img", {"script_name": "nope"}, 422, "Script 'nope' not found"),
        ("txt2img", {"script_name": "loopback"}, 422, "not found"),
        ("txt2img", {"alwayson_scripts": {"nope": {"args": []}}}, 422, "'nope' not found"),
        ("txt2img", {"alwayson_scripts": {"X/Y/Z plot": {}}}, 422, "selectable script"),
        ("txt2img", {"script_name": "x/y/z plot", "script_args": ["Foo", "1"]}, 422, "no axis"),
        ("img2img", {}, 404, "Init image not found"),
        ("img2img", {"init_images": [NOT_BASE64]}, 422, "Invalid encoded image"),
        ("img2img", {"init_images": [TEXT]}, 422, "not a picture that can be read"),
        ("img2img", {"init_images": [WEB]}, 422, "fetches nothing for a caller"),
        ("img2img", {"init_images": ["", ""]}, 422, "more than batch_size"),
        ("img2img", {"mask_blur": 0.5}, 422, "mask_blur"),
        ("img2img", {"resize_mode": 4}, 422, "resize_mode"),
        ("extra-single-image", {"image": WEB, "upscaler_1": "Lanczos"}, 422, "fetches nothing"),
        ("extra-single-image", {"gfpgan_visibility": 1}, 422, "faces are not restored"),
        ("extra-single-image", {"gfpgan_visibility": 2}, 422, "gfpgan_visibility"),
        ("extra-single-image", {"upscaling_resize": 0}, 422, "upscaling_resize"),
        ("extra-batch-images", {}, 422, "imageList"),
        ("png-info", {"image": TEXT}, 422, "Invalid encoded image"),
        ("png-info", {"image": WEB}, 422, "Invalid encoded image"),
        ("interrogate", {"image": "aa", "model": "x"}, 404, "Model not found: 'x'"),
        ("interrogate", {}, 404, "Image not found"),
        ("options", {"sd_model_checkpoint": "nope"}, 422, "'nope' is unknown"),
        ("options", {"emphasis": "loud"}, 422, "'loud' is unknown. There are: Original"),
        ("options", {"CLIP_stop_at_last_layers": "many"}, 422, "CLIP_stop_at_last_layers"),
        ("server-kill", {}, 404, "cannot stop the studio"),
        ("train/embedding", {}, 404, "Nothing is trained here"),
        ("nope", {}, 404, "There is no /sdapi/v1/nope"),
    ],
)
def test_refused_in_their_form(shared, path, body, status, says):
    answer = shared.http.post(f"/sdapi/v1/{path}", json=body)
    told = answer.json()
    assert answer.status_code == status, told
    assert told.keys() == {"error", "detail", "body", "errors"}
    assert says in told["detail"] and "pydantic" not in told["detail"]


NANS = b'{"seed": NaN, "image": NaN, "CLIP_stop_at_last_layers": NaN}'


@pytest.mark.parametrize("body", [b"[]", b"{", b"null", NANS, b"[" * 100_000, b"\xff"])
def test_what_is_no_object(shared, body):
    for path in ("txt2img", "img2img", "options", "png-info"):
        answer = shared.http.post(f"/sdapi/v1/{path}", content=body)
        assert 400 <= answer.status_code < 500, (path, answer.text)
        assert answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"force_task_id": "\\ud800"}',
        b'{"comments": {"a": NaN}}',
        b'{"script_args": [1e999]}',
        b'{"script_args": ' + b"[" * 500 + b"]" * 500 + b"}",
    ],
)
def test_what_could_not_be_sent_back(shared, body):
    answer = shared.http.post("/sdapi/v1/txt2img", content=body)
    assert answer.status_code == 422 and "no JSON object" in answer.json()["detail"]


ODD = (None, "", "x", -1, 0, 1.5, 10**30, True, [], [None], ["x"], {}, {"x": 1}, "\0", "9" * 50)


@pytest.mark.slow
@pytest.mark.parametrize("path", ["txt2img", "img2img", "extra-single-image", "options"])
def test_odd_values_of_every_field_are_answered(swept, picture, path):
    image = encoded(picture)
    bodies = {"txt2img": TextToImageBody, "img2img": ImageToImageBody, "options": Options}
    names = bodies.get(path, ExtrasBody).model_fields
    for name in names:
        for value in ODD:
            body = {"width": 64, "height": 64, "steps": 4, "init_images": [image], "image": image}
            answer = swept.http.post(f"/sdapi/v1/{path}", json=body | {name: value})
            assert answer.status_code < 500, (name, value, answer.text)
            assert answer.status_code == 200 or answer.json()["detail"], (name, value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "kind"), [("ControlNet", UnitBody), ("ADetailer", DetailerBody)]
)
def test_odd_values_of_every_argument_are_answered(swept, picture, script, kind):
    good = {"model": "picturebook-controlnet-canny", "image": encoded(picture)}
    good |= {"ad_model": "picturebook segmenter"}
    for name in kind.model_fields:
        for value in ODD:
            args = [{**good, name: value}]
            body = {"width": 64, "height": 64, "steps": 4}
            body["alwayson_scripts"] = {script: {"args": args}}
            answer = swept.http.post("/sdapi/v1/txt2img", json=body)
            assert answer.status_code < 500, (name, value, answer.text)


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_odd_arguments_of_every_script_are_answered(swept, picture, script):
    for place in range(len(SCRIPTS[script].args)):
        for value in ODD:
            body = {"width": 64, "height": 64, "steps": 4, "init_images": [encoded(picture)]}
            body |= {"script_name": script, "script_args": [*[None] * place, value]}
            answer = swept.http.post("/sdapi/v1/img2img", json=body)
            assert answer.status_code < 500, (place, value, answer.text)


def test_a_body_of_a_hundred_megabytes(shared):
    """Refused before it is sent, where the caller asks first."""
    head = (
        "POST /sdapi/v1/img2img HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Length: {100 * 2**20}\r\nExpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", urlsplit(shared.url).port)) as caller:
        caller.sendall(head.encode())
        answer = b"".join(iter(lambda: caller.recv(65536), b""))
    first, _, rest = answer.partition(b"\r\n")
    assert first.split()[1] == b"413"
    told = json.loads(rest.partition(b"\r\n\r\n")[2])
    assert told["detail"] == "The request is larger than 64 MB. Send less at once."
    assert told["error"] == "TooLarge"


def test_units_that_cannot_be(shared, picture):
    image = encoded(picture)
    for unit, says in (
        ({"image": image, "model": "nope"}, "'nope' is unknown"),
        ({"image": image}, "names no model"),
        ({"model": "canny", "image": WEB}, "unknown"),
        ({"model": "None", "weight": "much"}, "weight"),
    ):
        body = {"alwayson_scripts": {"ControlNet": {"args": [unit]}}}
        answer = shared.http.post("/sdapi/v1/txt2img", json=body)
        assert answer.status_code == 422 and says in answer.json()["detail"], answer.text
        assert "ControlNet.args.0" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("tab", "says"),
    [
        ({"ad_model": "hand_yolov8n.pt"}, "There is no detector 'hand_yolov8n'"),
        ({"ad_model": "face_yolov8n.pt"}, "Faces (BlazeFace) needs"),
        ({"ad_model": "face_yolov8n.pt", "ad_use_checkpoint": True}, "as their picture is"),
        ({"ad_model": "face_yolov8n.pt", "ad_x_offset": 3}, "where things were found"),
        ({"ad_model": "face_yolov8n.pt", "ad_mask_merge_invert": "Merge"}, "no such thing here"),
        ({"ad_model": "face_yolov8n.pt", "ad_confidence": 2}, "confidence"),
        ({"ad_model": "face_yolov8n.pt", "ad_steps": "many"}, "ad_steps"),
    ],
)
def test_details_that_cannot_be(shared, tab, says):
    body = {"alwayson_scripts": {"ADetailer": {"args": [True, False, tab]}}}
    answer = shared.http.post("/sdapi/v1/txt2img", json=body)
    assert answer.status_code == 422 and says in answer.json()["detail"], answer.text


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "No image selected"),
        ({"controlnet_module": "nope", "controlnet_input_images": ["aa"]}, "no preprocessor"),
        ({"controlnet_module": "inpaint_only", "controlnet_input_images": ["aa"]}, "needs a mask"),
        ({"controlnet_module": "canny", "controlnet_images": [WEB]}, "fetches nothing"),
    ],
)
def test_maps_that_cannot_be(shared, body, says):
    answer = shared.http.post("/controlnet/detect", json=body)
    assert answer.status_code == 422 and says in answer.json()["detail"], answer.text


def test_a_page_of_another_site_is_refused(shared):
    headers = {"Origin": "https://lite.example"}
    answer = shared.http.post("/sdapi/v1/txt2img", json={}, headers=headers)
    assert answer.status_code == 403 and "--cors-origin" in answer.json()["detail"]
