"""A part of a picture kept in another, over real HTTP: which bytes come of it, and what it says."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.api.test_editing import SIZE, encoded, finished, noise, opened, right_half


@pytest.fixture
def served(swept):
    return swept


@pytest.fixture
def upload(served):
    """Uploads an image and gives its name for a task."""
    return lambda image: served.http.post("/studio/v1/uploads", content=encoded(image)).json()[
        "ref"
    ]


def pixels(served, url):
    return np.asarray(opened(served, url).convert("RGB"))


def test_a_part_is_kept_to_the_byte_and_says_what_it_is_of(served, upload):
    image = noise()
    task = {"kind": "inpaint", "image": upload(image), "mask": upload(right_half())}
    one, two = finished(served, task, batch_size=2)["images"]
    before, first, second = np.asarray(image), *(pixels(served, each["url"]) for each in (one, two))
    part = Image.new("L", SIZE)
    part.paste(255, (50, 10, 80, 40))
    part.paste(128, (80, 10, 90, 40))
    mask = np.asarray(part)
    where = f"{two['url']}/keep"

    kept = served.http.post(where, json={"mask": upload(part)}).raise_for_status().json()
    made = pixels(served, kept["url"])
    assert (made[mask == 0] == before[mask == 0]).all()
    assert (made[mask == 255] == second[mask == 255]).all()
    assert (first != second).any() and (made[mask == 128] != before[mask == 128]).any()
    about = served.http.get(f"{kept['url']}/details").json()
    assert about["outside_mask_max_difference"] == 0 and about["parents"] == [two["id"]]
    assert about["request"]["batch_place"] == 1
    assert any(text.startswith("A part of another picture") for text in about["warnings"])
    assert (pixels(served, f"{kept['url']}/before") == before).all()

    asked = {"mask": upload(part), "base": f"picture:{kept['id']}", "feather": 4}
    again = served.http.post(f"{one['url']}/keep", json=asked).raise_for_status().json()
    both = pixels(served, again["url"])
    assert (both[mask == 0] == made[mask == 0]).all()
    assert (both[25, 65] == first[25, 65]).all(), "far from the edge it is the picture itself"
    assert (both[10, 50:80] != first[10, 50:80]).any(), "at the edge it fades"
    assert again["parents"] == [one["id"], kept["id"]]
    assert (pixels(served, f"{again['url']}/before") == made).all()
    lineage = served.http.get(f"{kept['url']}/lineage").json()
    assert [each["id"] for each in lineage["descendants"]] == [again["id"]]
    reason = served.http.post(f"{kept['url']}/reproduce").raise_for_status().json()["id"]
    served.wait_until(reason, "finished")
    words = served.http.get(f"{kept['url']}/receipt").json()["words"]
    assert any("the whole picture that the part was taken of" in text for text in words)


def test_what_cannot_be_kept_is_explained_and_nothing_is_stored(served, upload):
    [drawn] = finished(served, {"kind": "text_to_image"}, width=96, height=64)["images"]
    mask, small = upload(right_half()), upload(noise((48, 32)))
    count = served.http.get("/studio/v1/images").json()["total"]
    for asked, status, words in (
        ({"mask": mask}, 422, "base: Picture"),
        ({"mask": mask, "base": small}, 422, "base: it has 48 × 32 pixels"),
        ({"mask": mask, "base": "picture:2026-01-01_00001-1"}, 404, "2026-01-01_00001-1"),
        ({"mask": small, "base": upload(noise())}, 422, "mask: it has 48 × 32 pixels"),
        ({"mask": upload(Image.new("L", SIZE)), "base": upload(noise())}, 422, "mask: it is black"),
        ({"mask": "/etc/passwd", "base": upload(noise())}, 422, "mask: this is no upload"),
        ({"mask": mask, "feather": 201}, 422, "feather"),
        ({}, 422, "mask"),
    ):
        answer = served.http.post(f"{drawn['url']}/keep", json=asked)
        assert answer.status_code == status, answer.text
        assert words in answer.json()["message"]
    gone = served.http.post("/studio/v1/images/2026-01-01_00001-1/keep", json={"mask": mask})
    assert gone.status_code == 404
    assert served.http.get("/studio/v1/images").json()["total"] == count
