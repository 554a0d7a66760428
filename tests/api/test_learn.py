"""Learn over HTTP, where the engine has no model to look into: what is told all the same."""

from __future__ import annotations

import pytest

LEARN = "/studio/v1/learn"


def test_pages_are_listed_with_the_lines_that_do_it(shared):
    pages = shared.http.get(LEARN).json()["pages"]
    assert [page["name"] for page in pages][:2] == ["noise-in", "noise-out"]
    first = pages[0]["code"][0]
    assert first["file"] == "studio/learning/noise_in.py"
    assert first["text"].startswith("def noised(") and first["line"] > 1
    assert all("arXiv:" in page["paper"] and page["equation"] for page in pages)


def test_a_notebook_is_downloaded(shared):
    answer = shared.http.get(f"{LEARN}/words/notebook")
    assert 'filename="words.ipynb"' in answer.headers["content-disposition"]
    assert answer.json()["nbformat"] == 4
    assert shared.http.get(f"{LEARN}/alchemy/notebook").status_code == 404


@pytest.mark.parametrize(
    "fields, says",
    [
        ({"stops": 1000}, "stops"),
        ({"sead": 1}, "sead"),
        ({"image": "input:nothing"}, "image"),
    ],
)
def test_what_cannot_be_asked(shared, fields, says):
    answer = shared.http.post(f"{LEARN}/noise-in", json=fields)
    assert answer.status_code in (404, 422)
    assert says in str(answer.json())


def test_an_engine_without_a_model_says_so(shared):
    answer = shared.http.post(f"{LEARN}/noise-out", json={})
    assert answer.status_code == 422
    assert "without a model" in answer.json()["message"]
