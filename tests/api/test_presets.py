"""Wildcards over HTTP, and in requests that name them."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from studio.domain.infotext_reader import read
from studio.picturebook import vocabulary
from studio.settings import Settings
from studio.settings import shipped as shipped_folder


@pytest.fixture
def studio(serve, tmp_path):
    own = tmp_path / "data" / "presets" / "wildcards" / "my"
    own.mkdir(parents=True)
    (own / "pets.txt").write_text(
        "\ufeff# mine\n2::a cat <lora:blueprint:0.5>\n\na fish\n", "utf-8"
    )
    (own / "bad.txt").write_bytes(b"\xff\xfe")
    return serve()


def request_of(studio, **fields) -> dict:
    """What was saved of the first picture."""
    id = studio.submit(**{"width": 64, "height": 64} | fields)
    job = studio.wait_until(id, "finished", "failed")
    assert job["state"] == "finished", job
    [path] = sorted(studio.studio.gallery.folder.rglob("*.png"))[-1:]
    with Image.open(path) as image:
        return json.loads(image.info["studio"]) | {"infotext": image.info["parameters"]}


def test_wildcards_are_drawn_once_by_the_seed_and_the_template_is_kept(studio):
    fields = {"prompt": "{red|blue} house, __my/pets__", "negative_prompt": "{x|y}", "seed": 4}
    saved = request_of(studio, **fields)
    words = saved["prompt"].split()
    assert words[0] in ("red", "blue") and "{" not in saved["prompt"]
    assert (" cat" in saved["prompt"]) == bool(saved["loras"])
    assert saved["prompt_template"] == fields["prompt"]
    settings = read(saved["infotext"]).settings
    assert settings["Template"] == fields["prompt"] and settings["Negative Template"] == "{x|y}"
    assert request_of(studio, **fields)["prompt"] == saved["prompt"]
    again = {name: value for name, value in saved.items() if name != "infotext"}
    assert request_of(studio, **again) == saved
    prompts = {request_of(studio, **fields | {"seed": seed})["prompt"] for seed in range(6)}
    assert len(prompts) > 1
    assert request_of(studio, prompt=r"a \{house\}")["prompt_template"] is None


def test_unknown_ones_are_refused_and_the_lens_tells_of_them(studio):
    answer = studio.http.post("/studio/v1/jobs", json={"prompt": "__my/pet__"})
    assert answer.status_code == 422 and answer.json()["field"] == "prompt"
    assert "my/pets" in answer.json()["message"]

    studio.studio.words.warm_up(studio.studio.default_checkpoint)  # imports outlast a request

    def look(prompt: str, negative: str = "") -> dict:
        sent = {"prompt": prompt, "negative_prompt": negative}
        return studio.http.post("/studio/v1/prompt", json=sent).raise_for_status().json()

    seen = look("{a|b|c} red __my/pets__", "{x|y}")
    assert (seen["wildcards"], seen["pictures"], seen["warnings"]) == (["my/pets"], 12, [])
    assert seen["unknown"] == [] and seen["tokens"] < 12
    [warning] = look("__my/pet__")["warnings"]
    assert "my/pets" in warning
    [warning] = look("__my/bad__")["warnings"]
    assert "UTF-8" in warning and str(studio.studio.settings.data_dir) not in warning
    assert look("__my/*__")["pictures"] == 1 and look("__picturebook/col*__")["pictures"] == 10


def test_shipped_ones_are_listed_and_all_of_them_can_be_drawn(studio):
    listed = studio.http.get("/studio/v1/wildcards").raise_for_status().json()["wildcards"]
    by_name = {each["name"]: each for each in listed}
    assert by_name["my/pets"] == {
        "name": "my/pets",
        "count": 2,
        "entries": ["a cat <lora:blueprint:0.5>", "a fish"],
        "message": None,
    }
    assert "UTF-8" in by_name["my/bad"]["message"] and len(by_name) > 14
    wildcards = studio.studio.words.wildcards
    for kind, words in (("colours", vocabulary.COLOURS), ("objects", vocabulary.OBJECTS)):
        assert tuple(each.text for each in wildcards(f"picturebook/{kind}")) == words
    lens = [name for name in by_name if not name.startswith("my/")]
    for name in lens:
        sent = {"prompt": f"__{name}__", "checkpoint": "picturebook"}
        seen = studio.http.post("/studio/v1/prompt", json=sent).json()
        assert seen["pictures"] >= 3 and not seen["warnings"], name
    assert Settings().presets_folders[0].is_dir()


def test_styles_are_put_on_once_and_their_names_are_kept(studio):
    http = studio.http
    shipped = http.get("/studio/v1/styles").raise_for_status().json()["styles"]
    assert len(shipped) >= 60 and not any(style["own"] for style in shipped)
    assert all("{prompt}" in style["prompt"] for style in shipped)
    words = {"prompt": "in {oil|ink}, thick", "negative_prompt": "no {prompt}"}
    assert http.put("/studio/v1/styles/Mine, my", json=words).status_code == 200
    fields = {"prompt": "a house", "negative_prompt": "rain", "seed": 3}
    saved = request_of(studio, **fields, styles=["Linocut", "Mine, my"])
    assert saved["prompt"] in {
        f"linocut print of a house, bold inked shapes, carved texture, in {how}, thick"
        for how in ("oil", "ink")
    }
    assert saved["negative_prompt"] == "no rain, photograph, gradients"
    assert (saved["styles"], saved["applied_styles"]) == ([], ["Linocut", "Mine, my"])
    assert (saved["prompt_template"], saved["negative_prompt_template"]) == ("a house", "rain")
    text = {"text": saved.pop("infotext")}
    restored = http.post("/studio/v1/read", json=text).json()["request"]
    assert restored["applied_styles"] == saved["applied_styles"]
    assert request_of(studio, **saved)["prompt"] == saved["prompt"]
    refused = http.post("/studio/v1/jobs", json={"styles": ["Linocutt"]}).json()
    assert refused["field"] == "styles" and "Linocut" in refused["message"]


def test_tables_of_others_are_read_and_ones_own_go_before_shipped_ones(studio):
    table = studio.studio.settings.data_dir / "presets" / "styles.csv"
    lines = '\ufeffname,prompt\r\n,nobody\r\n Odd ,"a, ""b""\nc",rest\r\nBare\r\n'
    table.write_bytes(lines.encode("utf-8"))

    def own() -> dict:
        listed = studio.http.get("/studio/v1/styles").raise_for_status().json()["styles"]
        return {each["name"]: each["prompt"] for each in listed if each["own"]}

    assert own() == {"Odd": 'a, "b"\nc', "Bare": ""}
    assert studio.http.put("/studio/v1/styles/Fog", json={"prompt": "mist"}).status_code == 200
    assert own() == {"Odd": 'a, "b"\nc', "Bare": "", "Fog": "mist"}
    assert studio.http.delete("/studio/v1/styles/Fog").status_code == 204
    assert studio.http.delete("/studio/v1/styles/Fog").status_code == 404
    assert list(own()) == ["Odd", "Bare"]
    assert studio.http.put("/studio/v1/styles/a%2Fb", json={"prompt": "x"}).status_code == 200
    assert list(own()) == ["Odd", "Bare", "a/b"]
    assert studio.http.delete("/studio/v1/styles/a%2Fb").status_code == 204
    table.write_bytes(b"\xff\xfe")
    assert studio.http.get("/studio/v1/styles").status_code == 422


def test_presets_are_shipped_kept_and_forgotten(studio):
    http = studio.http

    def all() -> dict:
        listed = http.get("/studio/v1/presets").raise_for_status().json()["presets"]
        return {each["name"]: each for each in listed}

    shipped = all()
    assert len(shipped) == len(list(shipped_folder("presets").glob("*.json"))), "all can be used"
    lightning = shipped["SDXL Lightning, 4 steps"]
    assert ["Steps", "4"] in lightning["changes"] and lightning["request"]["guidance_scale"] == 1
    path = "/studio/v1/presets/My%20own"
    body = {"steps": 7, "hires": {"factor": 1.5}}
    assert http.put(path, json=body).raise_for_status().json()["own"]
    assert all()["My own"]["request"] == body
    assert http.put("/studio/v1/presets/LCM", json={"steps": 3}).json()["request"] == {"steps": 3}
    assert http.delete("/studio/v1/presets/LCM").status_code == 204
    assert all()["LCM"] == shipped["LCM"]
    for wrong in ({"steps": 0}, {"stepz": 1}, {"steps": "many"}):
        assert http.put(path, json=wrong).status_code == 422
    assert all()["My own"]["request"] == body
    for name in ("a:b", ".hidden", "x ", "a%2Fb"):
        assert http.put(f"/studio/v1/presets/{name}", json=body).status_code == 422
    assert http.delete("/studio/v1/presets/SDXL%20Turbo").status_code == 404
    (studio.studio.settings.data_dir / "presets" / "bad.json").write_text("[1]")
    assert "bad" not in all()


def test_a_presets_unit_waits_for_its_picture(studio):
    listed = studio.http.get("/studio/v1/presets").json()["presets"]
    [request] = [each["request"] for each in listed if each["name"] == "picturebook, scribble"]
    [unit] = request["controls"]
    assert unit["controlnet"] == "picturebook-controlnet-scribble" and "image" not in unit
    whole = request | {"prompt": "a house", "width": 64, "height": 64}
    refused = studio.http.post("/studio/v1/jobs", json=whole)
    assert refused.status_code == 422 and "Give the unit a picture" in refused.json()["message"]
    kept = {"controls": [{"controlnet": "x", "image": "input:a", "preprocessor": "canny"}]}
    answer = studio.http.put("/studio/v1/presets/Unit", json=kept).raise_for_status().json()
    assert answer["request"] == kept
    wrong = {"controls": [{"controlnet": "x", "preprocessor": "none such"}]}
    assert studio.http.put("/studio/v1/presets/Unit", json=wrong).status_code == 422


def test_a_login_keeps_its_own_and_may_share_them(serve):
    """Of both kinds: ann's alone, shared with bo, taken back; nobody else's is changed."""
    served = serve(auth=("ann:secret", "b.o/x:word"))
    http, ann, bo = served.http, ("ann", "secret"), ("b.o/x", "word")

    def seen(kind: str, by: tuple) -> dict:
        listed = http.get(f"/studio/v1/{kind}", auth=by).raise_for_status().json()[kind]
        return {each["name"]: each for each in listed}

    for kind, body, other in (
        ("presets", {"steps": 7}, {"steps": 9}),
        ("styles", {"prompt": "in ink"}, {"prompt": "in oil"}),
    ):
        path = f"/studio/v1/{kind}/Mine"
        mine = http.put(path, json=body, auth=ann).raise_for_status().json()
        assert (mine["own"], mine["shared"], mine["owner"]) == (True, False, "ann")
        assert "Mine" in seen(kind, ann) and "Mine" not in seen(kind, bo)
        assert http.delete(path, auth=bo).status_code == 404
        http.put(f"{path}?shared=1", json=body, auth=ann).raise_for_status()
        theirs = seen(kind, bo)["Mine"]
        assert (theirs["own"], theirs["shared"], theirs["owner"]) == (False, True, "ann")
        refused = http.delete(path, auth=bo)
        assert refused.status_code == 403 and refused.json()["error"] == "NotYours"
        assert "ann" in refused.json()["message"]
        assert http.put(path, json=other, auth=bo).raise_for_status().json()["owner"] == "b.o/x"
        own = seen(kind, bo)["Mine"]
        assert other.items() <= own.get("request", own).items()
        assert http.delete(path, auth=bo).status_code == 204  # ann's is there again
        assert seen(kind, bo)["Mine"]["owner"] == "ann"
        http.put(path, json=body, auth=ann).raise_for_status()  # for herself once more
        assert "Mine" not in seen(kind, bo) and "Mine" in seen(kind, ann)
    job = {"styles": ["Mine"], "prompt": "a house", "width": 64, "height": 64, "steps": 1}
    assert http.post("/studio/v1/jobs", json=job, auth=bo).json()["field"] == "styles"
    assert http.post("/studio/v1/forecast", json=job, auth=bo).json()["field"] == "styles"
    id = http.post("/studio/v1/jobs", json=job, auth=ann).raise_for_status().json()["id"]
    request = http.get(f"/studio/v1/jobs/{id}", auth=ann).json()["request"]
    assert request["prompt"] == "a house, in ink"
    folders = (served.studio.settings.data_dir / "presets" / "accounts").iterdir()
    assert {folder.name for folder in folders} == {"ann", "b%2Eo%2Fx"}


def test_what_is_read_comes_into_a_form_as_it_was_typed(studio):
    http = studio.http
    http.put("/studio/v1/styles/Mine", json={"prompt": "in thick paint", "negative_prompt": "ink"})

    def form(text: str | dict) -> dict:
        sent = {"text": text if isinstance(text, str) else json.dumps(text)}
        return http.post("/studio/v1/read/form", json=sent).raise_for_status().json()

    typed = {"prompt": "{red|blue} house <lora:blueprint:0.4>", "styles": ["Linocut", "Mine"]}
    saved = request_of(studio, **typed, seed=5)
    for text in (saved.pop("infotext"), saved):
        read = form(text)
        assert {name: read["form"][name] for name in typed} == typed
        assert read["form"]["loras"] == [] and len(saved["loras"]) == 1
        assert not read["ignored"] and not read["awaits"]
        assert read["form"].keys().isdisjoint({"applied_styles", "prompt_template", "batch_place"})
    assert request_of(studio, **form(saved)["form"])["prompt"] == saved["prompt"]

    settings = "Steps: 5, CFG scale: 4, Seed: 2"
    read = form(f"a dog, in thick paint\nNegative prompt: rain, ink\n{settings}")
    assert (read["form"]["prompt"], read["form"]["negative_prompt"]) == ("a dog", "rain")
    assert read["form"]["styles"] == ["Mine"] and read["request"]["prompt"].endswith("paint")
    half = form(f"a dog, in thick paint\n{settings}")
    assert half["form"]["styles"] == []

    http.put("/studio/v1/styles/Mine", json={"prompt": "in oil"})
    read = form(saved)
    assert read["form"]["prompt"] == saved["prompt"] and read["form"]["styles"] == []
    assert [each["name"] for each in read["ignored"]] == ["Styles"]
    of_batch = saved | {"batch_size": 3, "batch_place": 2}
    read = form(of_batch)["form"]
    assert (read["batch_size"], read["seed"]) == (1, 7)
    read = form(of_batch | {"variation_seed": 4, "variation_strength": 0.5})["form"]
    assert (read["batch_size"], read["seed"], read["variation_seed"]) == (1, 5, 6)
