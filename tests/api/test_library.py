"""The library over HTTP: pages, words, stars and boards, the trash, the family of a picture."""

from __future__ import annotations

import io
import json
import re
import time

import pytest
from PIL import Image

from studio.gallery.files import hash_of

IMAGES = "/studio/v1/images"
SMALL = {"width": 64, "height": 64, "steps": 1}


def drawn(served, **fields):
    """The ids of the pictures of a job that is over."""
    job = served.wait_until(served.submit(**SMALL | fields), "finished")
    return [image["id"] for image in job["images"]]


def listed(served, **query):
    answer = served.http.get(IMAGES, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def found(served, **query):
    return [image["id"] for image in listed(served, **query)["images"]]


def test_what_was_drawn_is_listed_newest_first_page_by_page(serve):
    served = serve()
    made = drawn(served, prompt="a red house", seed=7, batch_size=2, negative_prompt="blurry")
    made += drawn(served, prompt="a Blue Häuschen at night", seed=30)
    page = listed(served, limit=2)
    assert [image["id"] for image in page["images"]] == [made[2], made[1]]
    assert page["total"] == 3
    rest = listed(served, limit=2, before=page["next"])
    assert ([image["id"] for image in rest["images"]], rest["next"]) == ([made[0]], None)
    [first] = rest["images"]
    assert first | {"created": "", "job": ""} == {
        "id": made[0],
        "url": f"{IMAGES}/{made[0]}",
        "thumbnail_url": f"{IMAGES}/{made[0]}/thumbnail",
        "width": 64,
        "height": 64,
        "created": "",
        "seed": 7,
        "prompt": "a red house",
        "negative_prompt": "blurry",
        "checkpoint": "picturebook",
        "task": "text_to_image",
        "starred": False,
        "boards": [],
        "note": "",
        "parents": [],
        "job": "",
        "owner": None,
        "trashed": False,
        "nsfw": None,
        "waits": False,
    }
    assert served.job(first["job"])["state"] == "finished"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first["created"])
    today = first["created"][:10]
    for query, expected in (
        ({"search": "hous"}, made[1::-1]),
        ({"search": "house RED blurr"}, made[1::-1]),
        ({"search": "hauschen"}, [made[2]]),
        ({"search": "red night"}, []),
        ({"search": "30"}, [made[2]]),
        ({"search": today}, made[::-1]),
        ({"search": "picturebook text image"}, made[::-1]),
        ({"seed": 8}, [made[1]]),
        ({"checkpoint": "picturebook", "task": "text_to_image"}, made[::-1]),
        ({"checkpoint": "other"}, []),
        ({"since": today}, made[::-1]),
        ({"until": today}, made[::-1]),
        ({"until": f"{today}T00:00:00Z"}, []),
        ({"mine": True}, made[::-1]),
    ):
        assert found(served, **query) == expected, query


@pytest.mark.parametrize(
    "search",
    [
        "%",
        '"',
        "'; DROP TABLE pictures; --",
        "a OR b NOT (c",
        "x" * 10_000,
        "word " * 2_000,
        "\x00*",
    ],
)
def test_whatever_is_searched_for_is_only_words(shared, search):
    assert listed(shared, search=search) == {"images": [], "next": None, "total": 0}


@pytest.mark.parametrize(
    ("query", "field"),
    [({"before": "garbage"}, "before"), ({"since": "yesterday"}, "since"), ({"limit": 0}, None)],
)
def test_what_is_no_page_is_said(shared, query, field):
    answer = shared.http.get(IMAGES, params=query)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_stars_boards_and_notes(serve):
    served = serve()
    [first, second] = drawn(served, prompt="a tree", batch_size=2)
    change = {"starred": True, "boards": ["Trees", " Best ", "Trees"], "note": "for the Cover"}
    answer = served.http.patch(f"{IMAGES}/{first}", json=change).json()
    assert (answer["starred"], answer["boards"], answer["note"]) == (
        True,
        ["Best", "Trees"],
        "for the Cover",
    )
    served.http.patch(f"{IMAGES}/{second}", json={"boards": ["Trees"]})
    assert found(served, starred=True) == [first]
    assert found(served, board="Trees") == [second, first]
    assert found(served, board="Trees", search="cover") == [first]
    boards = served.http.get(f"{IMAGES}/boards").json()["boards"]
    assert boards == [{"name": "Best", "count": 1}, {"name": "Trees", "count": 2}]
    served.http.patch(f"{IMAGES}/{first}", json={"note": "", "starred": False, "boards": []})
    assert found(served, search="cover") == []
    said = [json.loads(path.read_text()) for path in served.studio.gallery.folder.rglob(".*.json")]
    assert sorted(map(list, said)) == [["owner"], ["owner", "boards"]], "and no more than that"
    for wrong in ({"star": True}, {"boards": [""]}, {"boards": ["x" * 101]}):
        assert served.http.patch(f"{IMAGES}/{first}", json=wrong).status_code == 422
    assert served.http.patch(f"{IMAGES}/2026-01-01_00001-1", json=change).status_code == 404


def test_a_deleted_picture_is_in_the_trash_and_comes_back_as_it_was(serve):
    served = serve()
    [id] = drawn(served, prompt="a boat", seed=3)
    served.http.patch(f"{IMAGES}/{id}", json={"note": "keep"})
    before = served.http.get(f"{IMAGES}/{id}").content
    assert served.http.delete(f"{IMAGES}/{id}").json()["trashed"]
    assert found(served) == []
    [entry] = listed(served, trashed=True, search="boat")["images"]
    assert entry["note"] == "keep" and served.http.get(entry["url"]).content == before
    [other] = drawn(served, prompt="a boat", seed=3)
    assert other != id, "its number is not given again"
    assert served.http.post(f"{IMAGES}/{id}/restore").json()["trashed"] is False
    assert found(served) == [other, id]
    assert served.http.get(f"{IMAGES}/{id}").content == before
    served.http.delete(f"{IMAGES}/{other}")
    served.http.delete(f"{IMAGES}/{id}", params={"forever": True})
    assert served.http.get(f"{IMAGES}/{id}").status_code == 404
    assert served.http.get(f"{IMAGES}/{id}/thumbnail").status_code == 404
    assert served.http.delete(IMAGES, params={"trashed": 1}).json() == {"erased": 1}
    assert served.http.delete(IMAGES).status_code == 422
    assert found(served, trashed=True) == [] and found(served) == []
    [third] = drawn(served, prompt="a boat", seed=3)
    assert third not in (id, other)
    assert [path.name for path in served.studio.gallery.folder.rglob("*-3.png")] == ["00003-3.png"]


def test_a_job_that_waits_needs_no_picture_that_was_deleted_meanwhile(serve):
    served = serve()
    [root] = drawn(served, prompt="a hill")
    served.http.post("/studio/v1/queue/pause")
    task = {"kind": "image_to_image", "image": f"picture:{root}"}
    waiting = served.submit(prompt="a hut", task=task, **SMALL)
    served.http.delete(f"{IMAGES}/{root}", params={"forever": True})
    served.http.post("/studio/v1/queue/resume")
    assert len(served.wait_until(waiting, "finished", "failed")["images"]) == 1
    assert listed(served)["images"][0]["parents"] == []


def test_a_family_tree_leads_both_ways(serve):
    served = serve()
    [root] = drawn(served, prompt="a hill")
    task = {"kind": "image_to_image", "strength": 1.0}
    [child] = drawn(served, prompt="a hut", task=task | {"image": f"picture:{root}"})
    upload = served.http.post(
        "/studio/v1/uploads", content=served.http.get(f"{IMAGES}/{child}").content
    ).json()
    [grandchild] = drawn(served, prompt="a fort", task=task | {"image": upload["ref"]})
    assert [image["parents"] for image in listed(served)["images"]] == [[child], [root], []]
    family = served.http.get(f"{IMAGES}/{child}/lineage").json()
    assert [image["id"] for image in family["ancestors"]] == [root]
    assert [image["id"] for image in family["descendants"]] == [grandchild]
    assert family["edges"] == [[root, child], [child, grandchild]]


def test_all_about_a_picture_and_a_small_copy_of_it(serve):
    served = serve()
    [id] = drawn(served, prompt="a lake", width=512, height=256, seed=5)
    about = served.http.get(f"{IMAGES}/{id}/details").json()
    request = served.http.get(f"{IMAGES}/{id}/request").json()
    assert about["request"] == request and request["seed"] == 5
    assert about["infotext"].startswith("a lake\n") and about["partial"] is False
    assert about["models"] == [{"kind": "checkpoint", "name": "picturebook", "hash": None}]
    assert about["size_bytes"] == len(served.http.get(about["url"]).content)
    for side in (128, 256, 512):
        answer = served.http.get(about["thumbnail_url"], params={"side": side})
        assert "immutable" in answer.headers["cache-control"]
        small = Image.open(io.BytesIO(answer.content))
        assert (small.format, small.size) == ("WEBP", (side, side // 2))
    files = (served.studio.settings.data_dir / "thumbnails").rglob("*.webp")
    assert sorted(path.relative_to(path.parents[2]).parts[0] for path in files) == [
        "128",
        "256",
        "512",
    ]
    assert served.http.get(about["thumbnail_url"], params={"side": 300}).status_code == 422


def test_what_lies_there_already_is_taken_in_and_what_goes_is_gone(serve, tmp_path):
    served = serve()
    [kept] = drawn(served, prompt="an old oak")
    [gone] = drawn(served, prompt="a young oak")
    served.http.patch(f"{IMAGES}/{kept}", json={"starred": True})
    folder = served.studio.gallery.folder
    (folder / "2020-02-03").mkdir()
    Image.new("RGB", (80, 40), "red").save(folder / "2020-02-03" / "00009-44.png")
    (folder / "2020-02-03" / "00010-44.png").write_bytes(b"no picture")
    served.studio.gallery.path(gone).unlink()
    again = serve()
    until_s = time.monotonic() + 10
    while listed(again)["total"] < 2 and time.monotonic() < until_s:
        time.sleep(0.01)
    images = listed(again)["images"]
    assert [image["id"] for image in images] == [kept, "2020-02-03_00009-44"]
    assert images[0]["starred"] and images[0]["prompt"] == "an old oak"
    assert images[1]["created"].startswith("2020-02-0") and images[1]["prompt"] == ""
    assert again.http.get(f"{IMAGES}/2020-02-03_00009-44/details").json()["request"] is None
    served.studio.library.take_in(time.time_ns() // 1000)
    assert found(served) == [kept, "2020-02-03_00009-44"]
    data = again.http.get(f"{IMAGES}/{kept}").content
    assert again.studio.library.entry(kept).hash == hash_of(data)


def test_only_the_owner_may_change_or_delete(serve):
    served = serve(auth=("ann:secret", "bob:secret"))
    ann, bob = ("ann", "secret"), ("bob", "secret")
    served.http.auth = ann
    [id] = drawn(served, prompt="mine")
    assert listed(served)["images"][0]["owner"] == "ann"
    served.http.auth = bob
    assert found(served) == [id] and found(served, mine=True) == []
    for ask in (
        lambda: served.http.patch(f"{IMAGES}/{id}", json={"starred": True}),
        lambda: served.http.delete(f"{IMAGES}/{id}"),
        lambda: served.http.delete(f"{IMAGES}/{id}", params={"forever": True}),
        lambda: served.http.post(f"{IMAGES}/{id}/restore"),
    ):
        answer = ask()
        assert (answer.status_code, answer.json()["error"]) == (403, "NotYours")
        assert "belongs to ann" in answer.json()["message"]
    served.http.auth = ann
    file = served.http.get(f"{IMAGES}/{id}").content
    served.http.delete(f"{IMAGES}/{id}")
    served.http.auth = bob
    answer = served.http.post(f"{IMAGES}/import", content=file)
    assert (answer.status_code, answer.json()["error"]) == (403, "NotYours")
    assert served.http.delete(IMAGES, params={"trashed": 1}).json() == {"erased": 0}
    served.http.auth = ann
    assert served.http.delete(IMAGES, params={"trashed": 1}).json() == {"erased": 1}
