"""Datasets over HTTP: begun, reviewed, given away."""

from __future__ import annotations

import csv
import io
import zipfile

from PIL import Image

from tests.waiting import wait_for

DATASETS = "/studio/v1/datasets"
SPEC = """
name: two/../things
checkpoint: picturebook
classes: {house: , tree: a tree}
count: 3
negatives: 0
things: [1, 1]
steps: 1
split: {train: 1, val: 0, test: 0}
checks: {detector: none}
"""


def test_a_dataset_is_drawn_reviewed_and_given_away(serve):
    http = serve().http
    made = http.post(DATASETS, json={"spec": SPEC}).json()
    assert (made["id"], made["count"]) == ("two-..-things", 3), made
    at = f"{DATASETS}/{made['id']}"
    wait_for(lambda: http.get(at).json()["state"] == "done")
    done = http.get(f"{at}/pictures", params={"status": "accepted"}).json()
    assert done["total"] == 3 and http.get(f"{at}/pictures").json()["total"] == 0
    first, second, third = done["pictures"]
    assert first["labels"][0]["agreement"] is None
    image = http.get(f"{at}/pictures/{first['number']}")
    assert image.headers["content-type"] == "image/png" and image.content[:4] == b"\x89PNG"
    corrected = {"act": "accept", "labels": [{"name": "tree", "box": [-5, 0, 64, 64.2]}]}
    kept = http.post(f"{at}/pictures/{first['number']}", json=corrected).json()
    assert kept["status"] == "accepted" and kept["labels"][0]["box"] == [0, 0, 64, 64]
    outside = {"act": "accept", "labels": [{"name": "tree", "box": [500, 0, 600, 9]}]}
    refused = http.post(f"{at}/pictures/{second['number']}", json=outside)
    assert refused.status_code == 422 and "not within 128 × 128" in refused.json()["message"]
    http.post(f"{at}/pictures/{second['number']}", json={"act": "reject"})
    http.post(f"{at}/pictures/{third['number']}", json={"act": "redraw"})
    wait_for(lambda: http.get(at).json()["state"] == "done")
    told = http.get(at).json()
    assert (told["accepted"], told["review"], told["rejected"]) == (2, 0, 1)
    again = http.get(f"{at}/pictures", params={"status": "accepted"}).json()["pictures"][1]
    assert again["number"] == third["number"] and again["labels"] != third["labels"]
    answer = http.get(f"{at}/zip")
    assert answer.headers["content-disposition"].endswith(f"{at.rpartition('/')[2]}.zip")
    packed = zipfile.ZipFile(io.BytesIO(answer.content))
    names = packed.namelist()
    assert f"{made['id']}/dataset.yaml" in names and not any("review" in name for name in names)
    texts = [packed.read(name) for name in names if name.endswith(".txt")]
    assert len(texts) == 2 and b"1 0.250000 0.250000 0.500000 0.500000\n" in texts
    assert [one["id"] for one in http.get(DATASETS).json()["datasets"]] == [made["id"]]
    assert http.post(DATASETS, json={"spec": SPEC}).status_code == 422
    assert http.delete(at).status_code == 204 and http.get(at).status_code == 404


def test_what_cannot_be_drawn_is_told(shared):
    for spec, message in (
        ("classes: {a: x}\nsteps: 0", "Line 2: steps: 0 is not allowed"),
        ("classes: {a: x}\nphotos: /etc", "photos: a folder of this machine is read by"),
        ("classes: {a: x}\ncheckpoint: nowhere", "nowhere"),
        ("classes: {a: x}\nsteering: silhouettes", "a: no silhouette is called so"),
    ):
        refused = shared.http.post(DATASETS, json={"spec": spec})
        assert refused.status_code == 422 and message in refused.json()["message"]
    assert shared.http.get(f"{DATASETS}/..%2F..").status_code == 404


VARIED = """
name: varied
checkpoint: picturebook
classes: {house: , "no: tree": a tree}
steering: variations
count: 4
steps: 1
split: {train: 1, val: 0, test: 0}
checks: {detector: none}
"""


def test_photos_come_with_the_specification_and_a_stop_is_heard_while_nothing_is_drawn(serve):
    http = serve().http
    photos = []
    for colour, called in (("red", "a/wall 1.jpg"), ("blue", "..")):
        Image.new("RGB", (128, 96), colour).save(data := io.BytesIO(), "PNG")
        ref = http.post("/studio/v1/uploads", content=data.getvalue()).json()["ref"]
        photos.append({"ref": ref, "called": called})
    photos[0]["labels"] = "1 0.5 0.5 0.5 0.5\n"
    gone = http.post(DATASETS, json={"spec": VARIED, "photos": [{"ref": "/etc/passwd"}]})
    assert gone.status_code == 422 and "photos.0: this is no upload" in gone.json()["message"]
    broken = [photos[0] | {"labels": "2 0.5 0.5 0.5 0.5"}]
    told = http.post(DATASETS, json={"spec": VARIED, "photos": broken}).json()["message"]
    assert "0001 wall 1.txt, line 1: the classes have the numbers 0 to 1" in told
    http.post("/studio/v1/queue/pause")
    made = http.post(DATASETS, json={"spec": VARIED, "photos": photos}).json()
    assert made["state"] == "drawing" and "photos" not in made["spec"], made
    at = f"{DATASETS}/varied"
    http.post(f"{at}/stop")
    wait_for(lambda: http.get(at).json()["state"] == "stopped")
    http.post("/studio/v1/queue/resume")
    http.post(f"{at}/start")
    wait_for(lambda: http.get(at).json()["state"] == "done")
    found = http.get(f"{at}/pictures", params={"status": "accepted"}).json()["pictures"]
    boxes = [[label["box"] for label in picture["labels"]] for picture in found]
    assert boxes == [[[32, 24, 96, 72]], []] * 2
    packed = zipfile.ZipFile(io.BytesIO(http.get(f"{at}/zip").content))
    rows = list(csv.DictReader(packed.read("varied/provenance.csv").decode().splitlines()))
    assert [row["source"] for row in rows[:2]] == ["0001 wall 1.png", "0002 photo.png"]
