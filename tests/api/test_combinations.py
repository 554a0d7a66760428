"""A job for each of the prompts that a request's prompts are."""

from __future__ import annotations

import pytest

from studio.engine.fake import FakeEngine


@pytest.fixture
def studio(serve):
    return serve(FakeEngine())


def test_each_prompt_is_a_job_and_how_many_is_said_first(studio):
    http, route = studio.http, "/studio/v1/jobs/combinations"
    sent = {"prompt": "a {red|blue} {house|boat}", "negative_prompt": "{rain|fog}", "seed": 7}
    sent |= {"batch_size": 2, "steps": 1, "width": 64, "height": 64, "styles": ["Linocut"]}

    def post(**how):
        return http.post(route, params=how, json=sent, headers=how.pop("headers", None))

    assert post(limit=0).json() == {"count": 8, "jobs": []}
    refused = post(limit=7)
    assert refused.status_code == 422 and refused.json()["field"] == "prompt"
    assert "8 different prompts" in refused.json()["message"]
    assert http.get("/studio/v1/jobs").json()["jobs"] == []
    answer = post(headers={"Idempotency-Key": "mine"}).raise_for_status().json()
    assert answer["count"] == len(answer["jobs"]) == 8
    assert post(headers={"Idempotency-Key": "mine"}).json()["jobs"] == answer["jobs"]
    requests = [studio.wait_until(id, "finished")["request"] for id in answer["jobs"]]
    words = [(one["prompt"].partition(",")[0], one["negative_prompt"]) for one in requests]
    assert words[:2] == [
        ("linocut print of a red house", "rain, photograph, gradients"),
        ("linocut print of a red house", "fog, photograph, gradients"),
    ]
    assert len(set(words)) == 8
    assert [one["seed"] for one in requests] == list(range(7, 23, 2))
    for one in requests:
        assert one["prompt_template"] == sent["prompt"] and one["applied_styles"] == ["Linocut"]
    sent |= {"prompt": "{red|blue}", "negative_prompt": "", "variation_strength": 0.2}
    varied = [studio.wait_until(id, "finished")["request"] for id in post().json()["jobs"]]
    first, second = ((one["seed"], one["variation_seed"]) for one in varied)
    assert second == (first[0], first[1] + 2)
    fixed = [studio.wait_until(id, "finished") for id in post(fixed_seed=True).json()["jobs"]]
    assert len({one["request"]["variation_seed"] for one in fixed}) == 1
    sent["prompt"] = "__nothing__"
    assert post().json()["field"] == "prompt"
