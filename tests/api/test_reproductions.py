"""Pictures drawn again: the same is not kept twice, what differs is, with a receipt either way."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.app import Studio
from studio.domain.provenance import Provenance
from studio.domain.request import GenerationRequest
from studio.engine.fake import FakeEngine
from studio.reproducing.receipt import Receipt
from studio.settings import Settings
from studio.store.finding import Filters

IMAGES = "/studio/v1/images"
REQUEST = {"prompt": "a red house", "width": 64, "height": 64, "steps": 2, "seed": 3}


def drawn(served, **fields) -> str:
    job = served.wait_until(served.submit(**REQUEST | fields), "finished")
    return job["images"][-1]["id"]


def again(served, id: str) -> dict:
    job = served.http.post(f"{IMAGES}/{id}/reproduce")
    assert job.status_code == 200, job.text
    served.wait_until(job.json()["id"], "finished")
    return served.http.get(f"{IMAGES}/{id}/receipt", params={"job": job.json()["id"]}).json()


def changed(data: bytes, pixels: int = 0, **texts: str | None) -> bytes:
    """The file with so many other pixels in its first row, and other texts."""
    image, info = Image.open(io.BytesIO(data)), PngInfo()
    for keyword, text in {**image.text, **texts}.items():
        if text is not None:
            info.add_text(keyword, text)
    for x in range(pixels):
        image.putpixel((x, 0), tuple(value ^ 4 for value in image.getpixel((x, 0))))
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=info)
    return file.getvalue()


def imported(served, data: bytes) -> str:
    headers = {"Content-Type": "image/png"}
    return served.http.post(f"{IMAGES}/import", content=data, headers=headers).json()["id"]


def count(served) -> int:
    return served.http.get(IMAGES).json()["total"]


def test_what_is_the_same_is_said_and_kept_but_once(serve):
    served = serve()
    id = drawn(served, batch_size=3)
    before = served.http.get(f"{IMAGES}/{id}/receipt").json()
    assert (before["state"], before["same"], before["differences"]) == ("none", None, [])
    kept = count(served)
    receipt = again(served, id)
    assert (receipt["state"], receipt["same"], receipt["share"]) == ("finished", True, 0)
    assert receipt["words"][0] == "The same: all 4,096 pixels are equal."
    assert receipt["picture"] is None and count(served) == kept
    [image] = served.job(receipt["job"])["images"]
    assert image["id"] == id
    assert served.http.get(f"{IMAGES}/{id}/receipt/heat-map").status_code == 404


def test_what_differs_is_kept_as_a_child_with_figures_and_a_heat_map(serve):
    served = serve()
    data = served.http.get(f"{IMAGES}/{drawn(served)}").content
    made_with = Provenance("0.0.1", {"torch": "1.0"}, "NVIDIA H100", dtype="8 bits")
    texts = {"studio-provenance": made_with.json()}
    id = imported(served, changed(data, pixels=8, **texts))
    before = served.http.get(f"{IMAGES}/{id}/receipt").json()
    receipt = again(served, id)
    others = [(each["what"], each["then"]) for each in receipt["differences"]]
    assert others[:2] == [("Latent Studio", "0.0.1"), ("device", "NVIDIA H100")]
    assert receipt["differences"] == before["differences"]
    assert (receipt["same"], receipt["share"], receipt["largest"]) == (False, 8 / 4096, 4)
    assert receipt["psnr_db"] == pytest.approx(63.2, abs=0.1)
    assert receipt["words"][:2] == [
        "Not the same: 0.2 % of the pixels differ, by at most 4 of 255 (PSNR 63.2 dB).",
        f"Latent Studio: 0.0.1 then, {receipt['differences'][0]['now']} now.",
    ]
    child = served.http.get(f"{IMAGES}/{receipt['picture']}/details").json()
    assert child["parents"] == [id]
    heat = served.http.get(f"{IMAGES}/{id}/receipt/heat-map").content
    row = [Image.open(io.BytesIO(heat)).getpixel((x, 0)) for x in range(10)]
    assert row[7] != row[8] == row[9] and len(set(row[8])) == 1


def test_older_files_and_files_of_others_are_drawn_as_far_as_they_tell(serve):
    served = serve()
    data = served.http.get(f"{IMAGES}/{drawn(served)}").content
    old = imported(served, changed(data, **{"studio-provenance": None}))
    receipt = again(served, old)
    assert receipt["same"] and {"device", "dtype"} <= set(receipt["untold"])
    assert "Latent Studio" not in receipt["untold"]

    fields = json.loads(Image.open(io.BytesIO(data)).text["studio"]) | {"colour_of_tomorrow": "red"}
    newer = imported(served, changed(data, studio=json.dumps(fields)))
    receipt = again(served, newer)
    assert receipt["same"] and [each["name"] for each in receipt["ignored"]] == [
        "colour_of_tomorrow"
    ]

    infotext = (
        "a red house\nSteps: 2, Sampler: Euler, CFG scale: 5, Seed: 3, Size: 64x64, "
        "Model: picturebook, Version: v1.10.1"
    )
    theirs = {"studio": None, "studio-provenance": None, "parameters": infotext}
    receipt = again(served, imported(served, changed(data, pixels=1, **theirs)))
    assert receipt["same"] is False and receipt["picture"]
    assert "another studio" in " ".join(receipt["words"])


def test_what_cannot_be_drawn_again_is_said_and_nothing_is_queued(serve):
    served = serve()
    data = served.http.get(f"{IMAGES}/{drawn(served)}").content
    jobs = len(served.studio.queue.jobs())
    said = json.loads(Image.open(io.BytesIO(data)).text["studio"])

    def refused(**texts) -> str:
        id = imported(served, changed(data, **texts))
        answers = [
            served.http.post(f"{IMAGES}/{id}/reproduce"),
            served.http.get(f"{IMAGES}/{id}/receipt"),
        ]
        assert [answer.status_code for answer in answers] == [422, 422]
        assert len({answer.json()["message"] for answer in answers}) == 1
        return answers[0].json()["message"]

    model = {"kind": "checkpoint", "name": "gone v3", "hash": "0123456789abcdef" * 4}
    gone = json.dumps({"studio": "0.1.0", "models": [model]})
    message = refused(
        **{"studio": json.dumps(said | {"checkpoint": "gone v3"}), "studio-provenance": gone}
    )
    assert "checkpoint gone v3 [0123456789]" in message
    infotext = "x\nSteps: 2, Sampler: Euler, Seed: 3, Size: 64x64, Model hash: 0123456789, Model: m"
    theirs = {"studio": None, "studio-provenance": None}
    assert "m [0123456789]" in refused(**theirs, parameters=infotext)
    assert "no settings" in refused(**theirs, parameters=None)
    task = {"kind": "image_to_image", "image": f"input:{'ab' * 16}"}
    assert "began with (ababababab)" in refused(studio=json.dumps(said | {"task": task}))
    first = imported(served, data)
    sheet = served.http.post(f"{IMAGES}/sheet", json={"ids": [first, first]})
    assert sheet.status_code == 200, sheet.text
    answer = served.http.post(f"{IMAGES}/{sheet.json()['id']}/reproduce")
    assert answer.status_code == 422 and "sheet of several pictures" in answer.text
    assert len(served.studio.queue.jobs()) == jobs
    assert served.http.post(f"{IMAGES}/none/reproduce").status_code == 404


def test_it_outlasts_the_process_and_is_asked_for_once_by_one_key(tmp_path):
    def opened() -> Studio:
        settings = Settings(data_dir=tmp_path)
        return Studio(settings, build_engine=FakeEngine, load_later=True)

    with opened() as studio:
        studio.load()
        [picture] = studio.generate(GenerationRequest(**REQUEST))
        studio.queue.pause()
        original = studio.reproductions.of_library(picture.id)
        [id] = {studio.reproductions.submit(original, "once").id for _ in range(2)}
    with opened() as studio:
        studio.load()
        studio.queue.resume()
        list(studio.queue.get(id).events.follow())
        assert Receipt.read(studio.reproductions.row(picture.id).receipt).same
        assert studio.library.page(Filters(), 9).total == 1


def test_a_failure_is_no_receipt_and_a_stopped_picture_says_that_it_was(serve):
    served = serve(FakeEngine(fail_on="green"))
    data = served.http.get(f"{IMAGES}/{drawn(served)}").content
    said = json.loads(Image.open(io.BytesIO(data)).text["studio"]) | {"prompt": "green"}
    id = imported(served, changed(data, studio=json.dumps(said)))
    job = served.http.post(f"{IMAGES}/{id}/reproduce").json()["id"]
    served.wait_until(job, "failed")
    receipt = served.http.get(f"{IMAGES}/{id}/receipt").json()
    assert (receipt["state"], receipt["same"]) == ("failed", None)
    assert "told to fail" in receipt["message"]

    stopped = imported(served, changed(data, pixels=64, **{"studio-partial": "true"}))
    receipt = again(served, stopped)
    assert receipt["same"] is False and "stopped before its last step" in receipt["words"][-1]
