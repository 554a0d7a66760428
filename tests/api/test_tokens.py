"""Tokens: what programs show instead of a password."""

from __future__ import annotations

import httpx

from studio.engine.fake import FakeEngine
from studio.store.ledger import Ledger
from studio.store.tokens import TokenLedger

TOKENS, JOBS = "/studio/v1/tokens", "/studio/v1/jobs"
ANN, BO = ("ann", "secret"), ("bo", "word")


def test_a_token_is_its_account_until_it_is_deleted(serve):
    served = serve(FakeEngine(), auth=("ann:secret", "bo:word"))
    http: httpx.Client = served.http
    made = http.post(TOKENS, json={"name": " Open WebUI "}, auth=ANN).raise_for_status().json()
    assert made["name"] == "Open WebUI"
    shown = {"Authorization": f"Bearer {made['token']}"}
    assert http.get("/studio/v1/status", headers=shown).json()["account"] == "ann"
    [listed] = http.get(TOKENS, headers=shown).json()["tokens"]
    assert listed == {name: made[name] for name in ("id", "name", "created_s")}
    assert http.get(TOKENS, auth=BO).json() == {"tokens": []}
    assert (
        made["token"].encode() not in (served.studio.settings.data_dir / "studio.db").read_bytes()
    )

    id = http.post(JOBS, json={"width": 64, "height": 64}, headers=shown).json()["id"]
    assert http.get(f"{JOBS}/{id}", auth=BO).json()["owner"] == "ann"

    for refused in (
        http.post(TOKENS, json={"name": "another"}, headers=shown),
        http.delete(f"{TOKENS}/{made['id']}", headers=shown),
    ):
        assert refused.status_code == 403 and "password" in refused.json()["message"]
    assert http.delete(f"{TOKENS}/{made['id']}", auth=BO).status_code == 404
    assert http.delete(f"{TOKENS}/{made['id']}", auth=ANN).status_code == 204
    assert http.get("/studio/v1/status", headers=shown).status_code == 401
    assert http.get(TOKENS, auth=ANN).json() == {"tokens": []}


def test_guesses_are_counted_and_right_ones_pass_all_the_same(serve, monkeypatch):
    monkeypatch.setattr("studio.api.login.FAILURE_DELAY_S", 0.0)
    http = serve(FakeEngine(), auth=("ann:secret",)).http
    token = http.post(TOKENS, json={"name": "one"}, auth=ANN).json()["token"]
    for header in ("Bearer", "Token x"):
        assert http.get(TOKENS, headers={"Authorization": header}).status_code == 401
    wrong = {"Authorization": f"Bearer {token[:-1]}"}
    assert [http.get(TOKENS, headers=wrong).status_code for _ in range(11)] == [401] * 10 + [429]
    assert http.get(TOKENS, headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_where_nobody_logs_in_there_are_none(shared):
    refused = shared.http.post(TOKENS, json={"name": "x"})
    assert refused.status_code == 422 and "no login" in refused.json()["message"]
    any_will_do = {"Authorization": "Bearer sk-none"}
    assert shared.http.get(TOKENS, headers=any_will_do).json() == {"tokens": []}


def test_they_outlast_the_process_and_the_account_that_is_gone_has_none(tmp_path, serve):
    ledger = Ledger(tmp_path / "studio.db")
    _, token = TokenLedger(ledger).add("ann", "one")
    ledger.close()
    assert TokenLedger(Ledger(tmp_path / "studio.db")).owner(token) == "ann"

    served = serve(FakeEngine(), auth=("bo:word",))
    _, of_ann = served.studio.tokens.add("ann", "of before")
    shown = {"Authorization": f"Bearer {of_ann}"}
    assert served.http.get(TOKENS, headers=shown).status_code == 401
