"""Pictures to train on and trainings, over HTTP."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from datetime import datetime, timedelta

import pytest
from PIL import Image

import studio.training.running  # noqa: F401  (or the first order waits for the imports)
from studio.training import captions, dataset
from tests.training import captioners
from tests.waiting import wait_for

SETS, TRAINING = "/studio/v1/training-sets", "/studio/v1/training"


def png(colour, size=(96, 64)):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def add(served, data, called):
    answer = served.http.post(f"{SETS}/kites/pictures", content=data, params={"called": called})
    assert answer.status_code == 200, answer.text
    return answer.json()["files"][0]


def look(served):
    found = served.http.get(f"{SETS}/kites", params={"resolution": 64}).json()
    return {each["file"]: each for each in found["pictures"]}, found["remarks"]


def finished(served, id):
    """What is told of a training once it is finished and all its samples are drawn, else None."""
    told = served.http.get(f"{TRAINING}/{id}").json()
    assert told["state"] != "failed", told["message"]
    samples = [each for sheet in told["sheets"] for each in sheet["samples"]]
    is_done = told["state"] == "finished" and all(each["image"] for each in samples)
    return told if is_done else None


def test_a_set_is_made_filled_captioned_and_looked_at(serve, tmp_path):
    theirs = tmp_path / "mine" / "holiday"
    theirs.mkdir(parents=True)
    (theirs / "broken.png").write_bytes(b"no picture")
    Image.new("RGB", (64, 64)).save(theirs / "a.jpg")
    served = serve(pictures_dir=(tmp_path / "mine",))
    assert served.http.post(SETS, json={"name": "kites"}).json()["pictures"] == 0
    assert served.http.post(SETS, json={"name": "kites"}).status_code == 422
    assert served.http.post(SETS, json={"name": "../up"}).status_code == 422
    assert look(served) == ({}, [])
    assert add(served, png("red"), "a.png") == "a.png"
    assert add(served, png("blue"), "/x/a.jpg") == "a-2.png"
    answer = served.http.post(f"{SETS}/kites/pictures", content=b"none")
    assert (answer.status_code, answer.json()["error"]) == (422, "InvalidRequest")
    written = served.http.patch(f"{SETS}/kites", json={"captions": {"a.png": "[trigger], red\n"}})
    assert written.status_code == 204
    gone = served.http.patch(f"{SETS}/kites", json={"captions": {"../../studio.db": "x"}})
    assert gone.status_code == 404
    id = served.wait_until(
        served.submit(prompt="a dog <lora:blueprint:1>", width=64, height=64, steps=1), "finished"
    )["images"][0]["id"]
    taken = served.http.post(f"{SETS}/kites/from-library", json={"images": [id]}).json()["files"]
    pictures, remarks = look(served)
    assert pictures["a.png"] == {
        "file": "a.png",
        "caption": "[trigger], red",
        "size": [96, 64],
        "bucket": [64, 64],
        "repeats": 1,
        "masked": False,
        "mask": False,
    }
    assert pictures[taken[0]]["caption"].startswith("a dog")
    assert any("very few" in text for text in remarks)
    small = served.http.get(f"{SETS}/kites/thumbnail", params={"file": "a.png"})
    assert Image.open(io.BytesIO(small.content)).format == "WEBP"
    removed = served.http.delete(f"{SETS}/kites/pictures", params={"file": "a.png"})
    assert removed.status_code == 204 and "a.png" not in look(served)[0]
    names = {each["name"]: each["pictures"] for each in served.http.get(SETS).json()["sets"]}
    assert names == {"kites": 2, "holiday": 2}
    assert add(served, png("navy"), "mine/img/12_old kite/c.png") == "12_old kite/c.png"
    assert look(served)[0]["12_old kite/c.png"]["repeats"] == 12
    assert add(served, png("teal"), "../mine\\reg\\1_bird\\d.png") == "reg/1_bird/d.png"
    told = served.http.get(f"{SETS}/holiday").json()
    assert [each["file"] for each in told["pictures"]] == ["a.jpg"]
    assert any("broken.png was left out" in text for text in told["remarks"])


@pytest.mark.slow
def test_a_lora_is_trained_and_drawn_with(serve):
    served = serve(device="cpu")
    served.http.post(SETS, json={"name": "kites"})
    for k, colour in enumerate(("red", "blue", "green")):
        add(served, png(colour), f"{k}.png")
    begun = served.http.get(f"{TRAINING}/suited", params={"checkpoint": "picturebook"}).json()
    assert begun["family"] == "picturebook" and begun["training"]["batch_size"] == 4
    wrong = served.http.post(TRAINING, json={"pictures": "kites", "training": {"rank": 0}})
    assert wrong.status_code == 422 and "rank" in wrong.json()["message"]
    assert served.http.post(TRAINING, json={"pictures": "none"}).status_code == 404
    training = {"trigger": "zork", "rank": 2, "resolution": 64, "steps": 2}
    samples = {"prompts": ["a zork"], "every": 1}
    order = {"pictures": "kites", "training": training, "samples": samples}
    id = served.http.post(TRAINING, json=order).raise_for_status().json()["id"]

    with served.http.stream("GET", f"{TRAINING}/{id}/events") as stream:
        assert '"type": "done"' in stream.read().decode()

    told = wait_for(lambda: finished(served, id))
    assert (told["step"], told["result"]) == (2, "kites")
    assert told["order"]["training"]["name"] == "kites"
    assert [step for step, _ in told["losses"]] == [1, 2]
    assert [sheet["step"] for sheet in told["sheets"]] == [0, 1, 2]
    requests = [
        served.http.get(f"/studio/v1/images/{sheet['samples'][0]['image']}/request").json()
        for sheet in told["sheets"]
    ]
    loras = [[each["name"] for each in request["loras"]] for request in requests]
    assert loras == [[], ["kites-step00000001"], ["kites"]]
    assert len({request["seed"] for request in requests}) == 1
    again = served.http.post(TRAINING, json=order)
    assert again.status_code == 422 and "is there already" in again.json()["message"]
    assert served.http.delete(f"{TRAINING}/{id}").status_code == 204
    assert served.http.get(TRAINING).json()["trainings"] == []


@pytest.mark.slow
def test_samples_of_an_embedding_name_it_as_it_was_then(serve):
    served = serve(device="cpu")
    served.http.post(SETS, json={"name": "dusktower"})
    add_to = f"{SETS}/dusktower/pictures"
    served.http.post(add_to, content=png("purple"), params={"called": "a.png"}).raise_for_status()
    asked = {"checkpoint": "picturebook", "kind": "embedding"}
    begun = served.http.get(f"{TRAINING}/suited", params=asked).json()
    assert begun["training"]["vectors"] == 4 and "rank" not in begun["fields"]
    training = {"kind": "embedding", "vectors": 2, "resolution": 64, "steps": 2}
    samples = {"prompts": ["a Dusktower at night", "a meadow"], "every": 1}
    order = {"pictures": "dusktower", "training": training, "samples": samples}
    wrong = served.http.post(TRAINING, json=order | {"training": training | {"vectors": 0}})
    assert wrong.status_code == 422 and "vectors" in wrong.json()["message"]
    wrong = served.http.post(TRAINING, json=order | {"training": training | {"rank": 4}})
    assert wrong.status_code == 422 and "rank" in wrong.json()["message"]
    id = served.http.post(TRAINING, json=order).raise_for_status().json()["id"]

    told = wait_for(lambda: finished(served, id))
    assert (told["step"], told["result"]) == (2, "dusktower")
    prompts = [
        served.http.get(f"/studio/v1/images/{sample['image']}/request").json()["prompt"]
        for sheet in told["sheets"]
        for sample in sheet["samples"]
    ]
    then = "dusktower-step00000001"
    assert prompts[2:] == [
        f"a {then} at night",
        f"{then}, a meadow",
        "a dusktower at night",
        "dusktower, a meadow",
    ]
    offered = served.http.get("/studio/v1/completions", params={"text": "duskt"}).json()
    assert "dusktower" in str(offered)


def test_captioning_ends_when_nobody_reads_any_more(serve, tmp_path, monkeypatch):
    served = serve(models_dir=(tmp_path / "models",))
    captioners.save(tmp_path / "models" / "captioners" / "tiny")
    served.http.post(SETS, json={"name": "kites"})
    for name in ("a.png", "b.png", "c.png"):
        add(served, png("red"), name)
    may_go_on, caption = threading.Event(), captions.Blip.caption

    def one_and_then_no_more(network, image):
        if (served.studio.school.sets.folder("kites") / "a.txt").exists():
            assert may_go_on.wait(20)
        return caption(network, image)

    monkeypatch.setattr(captions.Blip, "caption", one_and_then_no_more)
    networks = served.studio.school.captioning.networks()
    with served.http.stream("POST", f"{SETS}/kites/captions", json={}) as answer:
        assert '"file": "a.png"' in next(answer.iter_lines())
    wait_for(lambda: not served.server.server_state.tasks, "the server notices")
    may_go_on.set()  # the picture under way is done, and none after it
    wait_for(lambda: networks.idle_bytes == 0 and not served.studio.queue.line.errands)
    written = [name for name, each in look(served)[0].items() if each["caption"]]
    assert "a.png" in written and "c.png" not in written
    monkeypatch.undo()
    told = events(served.http.post(f"{SETS}/kites/captions", json={}))
    assert told[-1]["file"] == "c.png" and networks.idle_bytes == 0


def test_hours_of_a_training_that_waits_are_changed(serve):
    served = serve()
    served.http.post(SETS, json={"name": "kites"})
    add(served, png("red"), "a.png")
    first, other = (
        {name: f"{datetime.now() + timedelta(hours=hour):%H:%M}" for name, hour in hours.items()}
        for hours in ({"since": 2, "until": 3}, {"since": 4, "until": 5})
    )
    told = served.http.post(TRAINING, json={"pictures": "kites", "hours": first}).json()
    assert told["waits_until"] == first["since"]
    own = f"{TRAINING}/{told['id']}"
    told = served.http.patch(own, json={"hours": other}).json()
    assert (told["waits_until"], told["order"]["hours"]) == (other["since"], other)
    assert served.http.get(own).json()["waits_until"] == other["since"]
    for wrong in ({}, {"hours": {"since": "25:00", "until": "06:00"}}, {"hours": "22:00-06:00"}):
        answer = served.http.patch(own, json=wrong)
        assert answer.status_code == 422 and "hours" in answer.json()["message"]
    assert served.http.patch(f"{TRAINING}/gone", json={"hours": None}).status_code == 404
    assert served.http.delete(own).status_code == 204


def test_masks_are_put_shown_and_cleared(serve):
    served = serve()
    served.http.post(SETS, json={"name": "kites"})
    add(served, png("red"), "a.png")
    at, of = f"{SETS}/kites/mask", {"file": "a.png"}
    assert served.http.get(at, params=of).status_code == 404
    for wrong, message in (
        (png("white", (64, 96)), "has 64 × 96 pixels, a.png 96 × 64"),
        (png("black"), "black all over"),
        (b"none", ""),
    ):
        answer = served.http.put(at, params=of, content=wrong)
        assert answer.status_code == 422 and message in answer.json()["message"]
    assert not look(served)[0]["a.png"]["mask"]
    assert served.http.put(at, params={"file": "b.png"}, content=png("white")).status_code == 404
    assert served.http.put(at, params=of, content=png("#808080")).status_code == 204
    found = look(served)[0]["a.png"]
    assert found["mask"] and found["masked"]
    with Image.open(io.BytesIO(served.http.get(at, params=of).content)) as mask:
        assert (mask.mode, mask.size, mask.getpixel((5, 5))) == ("L", (96, 64), 128)
    assert served.http.delete(at, params=of).status_code == 204
    assert not look(served)[0]["a.png"]["masked"]


def events(answer):
    assert answer.status_code == 200, answer.text
    return [
        json.loads(event.removeprefix("data: ")) for event in answer.text.split("\n\n") if event
    ]


def test_a_set_is_captioned_beside_what_is_drawn(serve, tmp_path):
    served = serve(models_dir=(tmp_path / "models",))
    served.http.post(SETS, json={"name": "kites"})
    for name in ("a.png", "b.png"):
        add(served, png("red"), name)
    served.http.patch(f"{SETS}/kites", json={"captions": {"a.png": "by hand"}})
    assert served.http.get(SETS).json()["captioners"] == []
    refused = served.http.post(f"{SETS}/kites/captions", json={})
    assert refused.status_code == 422 and refused.json()["field"] == "captioner"
    assert "captioners" in refused.json()["message"]
    captioners.save(tmp_path / "models" / "captioners" / "tiny")
    assert served.http.get(SETS).json()["captioners"] == ["tiny"]
    job = served.submit(prompt="a dog", width=64, height=64, steps=4)
    [told] = events(served.http.post(f"{SETS}/kites/captions", json={}))
    assert (told["file"], told["done"], told["total"]) == ("b.png", 1, 1) and told["caption"]
    captions = {name: each["caption"] for name, each in look(served)[0].items()}
    assert captions == {"a.png": "by hand", "b.png": told["caption"]}
    served.wait_until(job, "finished")
    assert events(served.http.post(f"{SETS}/kites/captions", json={})) == []
    asked = {"captioner": "tiny", "overwrite": True}
    assert len(events(served.http.post(f"{SETS}/kites/captions", json=asked))) == 2
    assert look(served)[0]["a.png"]["caption"] != "by hand"
    assert served.http.post(f"{SETS}/gone/captions", json={}).status_code == 404


def test_a_set_is_given_away_as_others_want_it(serve, tmp_path):
    served = serve()
    served.http.post(SETS, json={"name": "ein Drächen"})
    at = f"{SETS}/ein Drächen"
    empty = served.http.get(f"{at}/zip")
    assert empty.status_code == 422 and "no picture to learn from" in empty.json()["message"]
    for called in ("12_kite/a.png", "reg/1_bird/b.png"):
        served.http.post(f"{at}/pictures", content=png("red"), params={"called": called})
    captions = {"captions": {"12_kite/a.png": "[trigger], red"}}
    assert served.http.patch(at, json=captions).status_code == 204
    answer = served.http.get(f"{at}/zip", params={"layout": "kohya", "trigger": "zork"})
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].endswith("ein%20Dr%C3%A4chen.zip")
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(tmp_path / "got")
    found = dataset.read(tmp_path / "got" / "ein Drächen", trigger=None)
    assert [(each.caption, each.repeats) for each in found.pictures] == [("zork, red", 12)]
    assert [each.caption for each in found.prior] == ["bird"]
    flat = zipfile.ZipFile(io.BytesIO(served.http.get(f"{at}/zip").content))
    assert flat.read("ein Drächen/a.txt") == b"[trigger], red\n"
    wrong = served.http.get(f"{at}/zip", params={"layout": "onetrainer"})
    assert wrong.status_code == 422
    assert all(word in wrong.json()["message"] for word in ("flat", "kohya", "metadata"))
    assert served.http.get(f"{SETS}/none/zip").status_code == 404


def test_a_set_is_deleted_unless_a_training_learns_from_it(serve, tmp_path):
    (tmp_path / "mine" / "holiday").mkdir(parents=True)
    served = serve(pictures_dir=(tmp_path / "mine",))
    served.http.post(SETS, json={"name": "kites"})
    add(served, png("red"), "12_kite/a.png")
    hour = datetime.now() + timedelta(hours=2)
    hours = {"since": f"{hour:%H:%M}", "until": f"{hour + timedelta(hours=1):%H:%M}"}
    order = {"pictures": "kites", "training": {"name": "night"}, "hours": hours}
    id = served.http.post(TRAINING, json=order).raise_for_status().json()["id"]
    kept = served.http.delete(f"{SETS}/kites")
    assert kept.status_code == 422
    assert "'night' learns from the set 'kites'" in kept.json()["message"]
    assert len(look(served)[0]) == 1
    served.http.delete(f"{TRAINING}/{id}").raise_for_status()
    assert served.http.delete(f"{SETS}/kites").status_code == 204
    assert served.http.get(f"{SETS}/kites").status_code == 404
    theirs = served.http.delete(f"{SETS}/holiday")
    assert theirs.status_code == 422 and (tmp_path / "mine" / "holiday").is_dir()
