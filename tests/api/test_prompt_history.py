"""Prompts that were used, and what typed words may become, over HTTP."""

from __future__ import annotations

import httpx
import pytest

from studio.engine.fake import FakeEngine
from studio.store.ledger import Ledger
from studio.store.prompts import MOST_KEPT, PromptLedger, remembering

SMALL = {"width": 64, "height": 64, "steps": 1}
ANN, BO = ("ann", "secret"), ("bo", "word")


def history(http: httpx.Client, auth=None, **query) -> dict:
    return http.get("/studio/v1/prompts", params=query, auth=auth).raise_for_status().json()


def prompts(http: httpx.Client, auth=None, **query) -> list[str]:
    return [one["prompt"] for one in history(http, auth, **query)["prompts"]]


def test_what_was_typed_is_remembered_for_its_account_the_last_used_first(serve):
    served = serve(FakeEngine(), auth=("ann:secret", "bo:word"))
    http = served.http

    def submit(prompt: str, auth=ANN, **fields) -> str:
        sent = SMALL | {"prompt": prompt, "seed": 4} | fields
        return http.post("/studio/v1/jobs", json=sent, auth=auth).raise_for_status().json()["id"]

    template = "{red|blue} house, <lora:blueprint:0.5>"
    first = submit(template, negative_prompt="Ärger")
    submit("a boat")
    submit("a boat", negative_prompt="fog")
    submit("  ")
    submit("bo's", BO)
    refused = http.post("/studio/v1/jobs", json={"prompt": "__no/such__"}, auth=ANN)
    assert refused.status_code == 422
    assert prompts(http, ANN) == ["a boat", "a boat", template]
    assert prompts(http, BO) == ["bo's"]

    submit(template, negative_prompt="Ärger")
    again = http.post(f"/studio/v1/jobs/{first}/again", auth=ANN)
    assert again.status_code == 200
    entries = history(http, ANN)["prompts"]
    assert [one["prompt"] for one in entries] == [template, "a boat", "a boat"]
    assert entries[0]["uses"] == 2 and entries[0]["negative_prompt"] == "Ärger"
    assert entries[0]["used"].endswith("Z")

    assert prompts(http, ANN, search="HOUSE ärg") == [template]
    assert prompts(http, ANN, search="boat fog") == ["a boat"]
    assert prompts(http, ANN, search="%") == [one["prompt"] for one in entries]

    pages, next = [], None
    while True:
        page = history(http, ANN, limit=1, **({"before": next} if next else {}))
        pages += page["prompts"]
        next = page["next"]
        if next is None:
            break
    assert pages == entries

    gone = f"/studio/v1/prompts/{entries[0]['id']}"
    assert http.delete(gone, auth=BO).status_code == 404
    assert http.delete(gone, auth=ANN).status_code == 204
    assert http.delete(gone, auth=ANN).status_code == 404
    assert template not in prompts(http, ANN)
    assert http.get("/studio/v1/prompts?before=nonsense", auth=ANN).status_code == 422
    assert http.delete(f"/studio/v1/prompts/{2**70}", auth=ANN).status_code == 422


def test_it_outlasts_the_studio_and_has_an_end(tmp_path):
    ledger = Ledger(tmp_path / "studio.db")
    with ledger.writing() as connection:
        connection.execute("INSERT INTO accounts VALUES ('ann', 0)")
        for number in range(MOST_KEPT + 3):
            [(put, values), _] = remembering("ann", f"number {number}", "", float(number))
            connection.execute(put, values)
        for statement in remembering("ann", "number 5", "", 1e6):
            connection.execute(*statement)
    ledger.close()
    kept = PromptLedger(Ledger(tmp_path / "studio.db"))
    rows = kept.page("ann", 2 * MOST_KEPT)
    assert len(rows) == MOST_KEPT and rows[0].prompt == "number 5" and rows[0].uses == 2
    assert [row.prompt for row in rows[-2:]] == ["number 4", "number 3"]
    assert kept.page("guest:local", 10) == []


@pytest.fixture(scope="module")
def complete(shared):
    folder = shared.studio.settings.data_dir / "presets" / "tags"
    folder.mkdir(parents=True)
    (folder / "danbooru.csv").write_text(
        'tag,category,count,aliases\nlong_hair,0,4300000,"longhair,/lh"\nlong_sleeves,0,9\n'
        'very_long_hair,0,800\nfate_(series),3,50,""\n^_^,0,12\n# a comment,0,1\n,0,3\n'
        "bad,count,x\n",
        "utf-8",
    )
    (folder / "latin.csv").write_bytes("schön\n".encode("latin-1"))

    def complete(text: str, *kinds: str, **query) -> list[tuple[str, str, str, str]]:
        params = {"text": text} | query | ({"kind": kinds} if kinds else {})
        answer = shared.http.get("/studio/v1/completions", params=params).raise_for_status()
        return [
            (one["text"], one["insert"], one["detail"], one["typed"])
            for one in answer.json()["completions"]
        ]

    return complete


def test_tags_are_found_by_their_beginning_an_alias_or_a_later_word(complete):
    assert complete("long ha")[0] == ("long hair", "long hair", "4,300,000", "long ha")
    assert [text for text, *_ in complete("long")][:3] == [
        "long hair",
        "long sleeves",
        "long exposure",
    ]
    assert ("very long hair", "very long hair", "800", "long") in complete("long")
    assert complete("LONGHA") == [
        ("longhair → long hair", "long hair", "4,300,000", "LONGHA"),
    ]
    assert complete("a girl with long_ha")[0][3] == "long_ha"
    assert complete("fate") == [("fate (series)", "fate \\(series\\)", "copyright · 50", "fate")]
    assert complete("^_^")[0][1] == "^_^"
    assert complete("a") == [] and complete("xyzzy") == [] and complete("") == []
    assert complete("a red house on a mea")[0][::3] == ("meadow", "mea")
    assert len(complete("an", limit=1)) == 1


def test_names_are_completed_each_kind_where_it_is_asked_for(complete, shared):
    assert complete("blue", "lora") == [
        ("blueprint", "<lora:blueprint:1>", "picturebook", "blue"),
    ]
    assert [text for text, *_ in complete("", "lora")] == ["blueprint", "picturebook-quick"]
    assert complete("print", "lora")[0][0] == "blueprint"
    assert ("picturebook/skies", "__picturebook/skies__", "5 entries", "pic") in complete(
        "pic", "wildcard"
    )
    assert complete("oil pai", "style")[0][:2] == ("Oil painting", "")
    assert complete("blueprint", "wildcard") == []
    for query in ("", "?text=a&kind=hat", f"?text={'x' * 201}", "?text=a&limit=0"):
        assert shared.http.get(f"/studio/v1/completions{query}").status_code == 422
