"""The models folders over HTTP: the list, notes, the trash, downloads and what they refuse."""

from __future__ import annotations

import io
import json
import time

import pytest
from PIL import Image

from studio.domain.request import GenerationRequest
from studio.domain.schedulers import SCHEDULERS
from studio.web import create_app
from tests.catalog import files
from tests.fetching.model_server import model_server

MODELS = "/studio/v1/models"
SECOND = f"{MODELS}/checkpoint/second one"


@pytest.fixture
def folder(tmp_path):
    """A models folder with a checkpoint, two LoRAs of different families and a broken file."""
    folder = tmp_path / "own"
    files.copy_embedded(folder / "second one")
    words = {"ss_tag_frequency": '{"a": {"paper cutout": 9}}'}
    files.write(folder / "cutout.safetensors", files.lora(192), metadata=words)
    files.write(folder / "foreign.safetensors", files.lora(768))
    (folder / "broken.safetensors").write_bytes(b"nothing")
    files.settled(folder / "broken.safetensors")
    return folder


@pytest.fixture
def served(serve, folder):
    return serve(models_dir=(folder,))


def models(served) -> dict[str, dict]:
    return {one["name"]: one for one in served.http.get(MODELS).raise_for_status().json()["models"]}


def test_everything_is_listed(served, folder):
    body = served.http.get(MODELS).json()
    found = {one["name"]: one for one in body["models"]}
    assert list(found)[:2] == ["picturebook", "second one"]
    second = found["second one"]
    assert second["kind"] == "checkpoint" and second["removable"]
    assert second["path"] == f"{folder.name}/second one"
    assert second["defaults"]["steps"] == 20 and second["own"] == {}
    assert not found["picturebook"]["removable"]
    assert found["cutout"]["fits"] == ["picturebook"]
    assert found["cutout"]["trigger_words"] == ["paper cutout"]
    assert found["foreign"]["fits"] == ["SD 1.x"]
    [broken] = body["broken"]
    assert broken["path"].endswith("broken.safetensors") and broken["reason"]


def test_a_picture_stands_for_a_model(served, folder):
    http = served.http
    Image.new("RGB", (900, 600), "teal").save(folder / "cutout.preview.png")
    Image.new("RGB", (60, 80), "red").save(folder / "second one.jpg")
    http.post(f"{MODELS}/refresh").raise_for_status()

    def cover(name: str) -> Image.Image:
        answer = http.get(models(served)[name]["cover_url"] + "&side=128").raise_for_status()
        assert answer.headers["content-type"] == "image/webp"
        return Image.open(io.BytesIO(answer.content)).convert("RGB")

    assert cover("cutout").size == (128, 85)
    assert cover("second one").size == (60, 80)
    assert models(served)["foreign"]["cover_url"] is None
    assert http.get(f"{MODELS}/lora/foreign/cover").status_code == 404

    job = served.submit(prompt="a fox", steps=1, width=64, height=64)
    served.wait_until(job, "finished")
    [picture] = served.studio.queue.get(job).pictures
    chosen = {"cover": picture.id, "favourite": True}
    before = models(served)["cutout"]["cover_url"]
    noted = http.patch(f"{MODELS}/lora/cutout", json=chosen).raise_for_status().json()
    assert noted["favourite"] and noted["own"] == {} and noted["cover_url"] != before
    assert cover("cutout").size == (64, 64)
    served.studio.library.erase(picture.id)
    assert cover("cutout").size == (128, 85)  # what lies beside it again
    refused = http.patch(f"{MODELS}/lora/cutout", json={"cover": "../secret"})
    assert refused.status_code == 422


def test_a_model_that_a_waiting_job_needs_is_deleted(served):
    http = served.http
    http.post("/studio/v1/queue/pause").raise_for_status()
    id = served.submit(checkpoint="second one", width=64, height=64, steps=1)
    http.delete(SECOND).raise_for_status()
    [job] = http.get("/studio/v1/jobs").raise_for_status().json()["jobs"]
    assert (job["id"], job["state"], job["forecast_s"]) == (id, "queued", None)
    for path, body in ((f"jobs/{id}/again", None), ("forecast", job["request"])):
        refused = http.post(f"/studio/v1/{path}", json=body)
        assert refused.status_code == 422 and refused.json()["error"] == "UnknownCheckpoint"
    http.post("/studio/v1/queue/resume").raise_for_status()
    served.wait_until(id, "finished", "failed")
    served.wait_until(served.submit(width=64, height=64, steps=1), "finished")


def test_an_unchanged_list_is_a_mere_304(served, folder):
    until_s = time.monotonic() + 20
    while any(one["sha256"] is None for one in models(served).values()):
        assert time.monotonic() < until_s
        time.sleep(0.05)
    found = served.http.get(MODELS)
    tag = {"If-None-Match": found.headers["etag"]}
    again = served.http.get(MODELS, headers=tag)
    assert again.status_code == 304 and again.content == b""
    assert len(found.json()["duplicates"]) == 1  # the copy of the embedded model
    files.write(folder / "third.safetensors", files.lora(192))
    served.http.post(f"{MODELS}/refresh").raise_for_status()
    assert served.http.get(MODELS, headers=tag).status_code == 200
    assert "third" in models(served)


def test_new_files_appear_by_themselves(served, folder):
    files.write(folder / "third.safetensors", files.lora(192))
    until_s = time.monotonic() + 20
    while "third" not in models(served):
        assert time.monotonic() < until_s
        time.sleep(0.1)


def test_notes_and_defaults_are_kept(served, serve, folder):
    change = {"notes": "for the night pictures", "steps": 31, "clip_skip": 2}
    answer = served.http.patch(SECOND, json=change).raise_for_status().json()
    assert (answer["notes"], answer["own"]) == (change["notes"], {"steps": 31, "clip_skip": 2})
    assert answer["defaults"]["steps"] == 31 and answer["family_defaults"]["steps"] == 20
    corrected = served.http.patch(SECOND, json={"prediction_type": "v_prediction", "steps": None})
    assert corrected.json()["prediction_type"] == "v_prediction"
    again = models(serve(models_dir=(folder,)))["second one"]
    assert again["notes"] == change["notes"] and again["own"] == {"clip_skip": 2}
    assert again["prediction_override"] == "v_prediction"


IMPOSSIBLE_NOTES = [
    {"steps": 0},
    {"steps": "many"},
    {"colour": 1},
    {"prediction_type": "sample"},
    {"width": 65},
    {"scheduler": "x"},
    {"scheduler": "DPM++ 2M Karras"},  # of the request alone: here its schedule would be lost
    {"vae": "none of that name"},
    {"vae": "half \ud800"},
    {"notes": "half \ud800"},
    {"notes": "a\0b"},
]


def test_notes_that_cannot_be_are_refused(served):
    for change in IMPOSSIBLE_NOTES:
        body = json.dumps(change).encode()  # in ASCII, as httpx does not write half a character
        headers = {"Content-Type": "application/json"}
        answer = served.http.patch(SECOND, content=body, headers=headers)
        assert answer.status_code == 422
        name = {"notes": "text"}.get(next(iter(change)), next(iter(change)))
        assert name in answer.json()["message"]
        second = models(served)["second one"]
        assert second["own"] == {} and second["notes"] == ""


def test_whatever_is_noted_makes_a_request(served, folder):
    """What a form starts from can be sent as it is."""
    files.write(folder / "colours.safetensors", files.vae())
    served.http.post(f"{MODELS}/refresh").raise_for_status()
    for change in ({"scheduler": name} for name in SCHEDULERS):
        answer = served.http.patch(SECOND, json=change | {"vae": "colours", "steps": 3})
        if answer.status_code == 422:
            assert "steps" in answer.json()["message"]
            continue
        defaults = answer.json()["defaults"]
        assert (defaults["scheduler"], defaults["vae"]) == (change["scheduler"], "colours")
        GenerationRequest.parse({"prompt": "a cat"} | defaults)
    (folder / "colours.safetensors").unlink()
    served.http.post(f"{MODELS}/refresh").raise_for_status()
    second = models(served)["second one"]
    assert "vae" not in second["defaults"] and second["own"]["vae"] == "colours"
    served.submit(prompt="a cat", checkpoint="second one", **second["defaults"])


def test_deleting_can_be_undone(served, folder):
    id = served.http.delete(SECOND).raise_for_status().json()["id"]
    assert "second one" not in models(served) and not (folder / "second one").exists()
    served.http.post(f"{MODELS}/trash/{id}/restore").raise_for_status()
    assert "second one" in models(served) and (folder / "second one" / "unet").is_dir()
    assert served.http.post(f"{MODELS}/trash/{id}/restore").status_code == 404


def test_what_is_not_there_is_said(served):
    for method, path in (
        ("DELETE", f"{MODELS}/checkpoint/nope"),
        ("DELETE", f"{MODELS}/lora/..%2F..%2Fetc"),
        ("PATCH", f"{MODELS}/sculpture/nope"),
        ("POST", f"{MODELS}/downloads/nope/cancel"),
        ("POST", f"{MODELS}/trash/nope/restore"),
    ):
        answer = served.http.request(method, path, json={})
        assert answer.status_code == 404, path
        assert answer.json()["message"]
    embedded = served.http.delete(f"{MODELS}/checkpoint/picturebook")
    assert embedded.status_code == 422 and "comes with the studio" in embedded.json()["message"]


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with model_server() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        new = files.write(tmp_path / "new.safetensors", files.lora(192))
        server.files["o/n/new-lora.safetensors"] = new.read_bytes()
        yield server


def ended(served) -> dict:
    until_s = time.monotonic() + 20
    while time.monotonic() < until_s:
        [download] = served.http.get(f"{MODELS}/downloads").json()
        if download["state"] not in ("waiting", "running"):
            return download
        time.sleep(0.02)
    raise AssertionError(download)


def test_a_download_arrives_in_the_list(served, hub):
    source = {"source": "o/n/new-lora.safetensors"}
    answer = served.http.post(f"{MODELS}/downloads", json=source).raise_for_status()
    assert answer.json()["source"] == source["source"]
    download = ended(served)
    assert download["state"] == "finished", download
    assert download["done_bytes"] == download["total_bytes"] > 0
    assert models(served)["new-lora"]["kind"] == "lora"


def test_a_download_can_be_cancelled(served, hub):
    hub.slow_s = 0.02
    hub.files["o/n/new-lora.safetensors"] += b"\0" * 20_000_000
    source = {"source": "o/n/new-lora.safetensors"}
    id = served.http.post(f"{MODELS}/downloads", json=source).json()["id"]
    twice = served.http.post(f"{MODELS}/downloads", json=source)
    assert twice.status_code == 422 and "already" in twice.json()["message"]
    time.sleep(0.2)
    served.http.post(f"{MODELS}/downloads/{id}/cancel").raise_for_status()
    assert ended(served)["state"] == "cancelled"
    assert "new-lora" not in models(served)


def test_the_server_fetches_nothing_from_private_networks(served, hub):
    inner = hub.url.replace("127.0.0.1", "localhost")  # not the endpoint's own name
    for source in (
        f"{inner}/cdn/o/n/new-lora.safetensors",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/x.safetensors",
    ):
        served.http.post(f"{MODELS}/downloads", json={"source": source}).raise_for_status()
        until_s = time.monotonic() + 10
        while (newest := served.http.get(f"{MODELS}/downloads").json()[0])["state"] != "failed":
            assert time.monotonic() < until_s, newest
            time.sleep(0.02)
        assert "private network" in newest["message"]
    assert hub.asked == []


def test_secrets_in_an_address_are_not_shown(served, hub):
    source = "http://127.0.0.1:1/x.safetensors?token=secret"
    served.http.post(f"{MODELS}/downloads", json={"source": source})
    assert "secret" not in served.http.get(f"{MODELS}/downloads").text


def test_a_login_covers_it_all(serve, folder):
    locked = serve(app=create_app, auth=("ann:secret",), models_dir=(folder,))
    for method, path in (
        ("GET", MODELS),
        ("DELETE", SECOND),
        ("PATCH", SECOND),
        ("POST", f"{MODELS}/refresh"),
        ("POST", f"{MODELS}/downloads"),
        ("GET", f"{MODELS}/downloads"),
    ):
        assert locked.http.request(method, path).status_code == 401, path
