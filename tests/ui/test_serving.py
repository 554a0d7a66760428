"""What the page is made of, as it is served; no browser needed."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys

import pytest

from studio.domain.request import declaration
from studio.engine.fake import FakeEngine
from studio.ui import bundle, fields, groups, serving
from studio.ui.templates import STATIC, include
from studio.web import create_app
from tests.catalog import files

MOST_HTML_BYTES = 44_000


def in_page(text: str, id: str) -> dict:
    return json.loads(re.search(rf'id="{id}">(.*?)</script>', text)[1])


def test_a_field_knows_its_declaration():
    facts = fields.facts("steps")
    declared = declaration("steps")
    assert facts["default"] == declared.default
    assert facts["bounds"] == {"minimum": 1, "maximum": 150, "step": 1}
    assert facts["kinds"] == []
    assert fields.facts("mask_blur")["kinds"] == ["inpaint"]
    assert fields.facts("strength")["defaults"]["outpaint"] == 1.0
    assert fields.facts("eta")["optional"]


def test_unknown_field():
    with pytest.raises(KeyError, match="step_count"):
        fields.control("step_count")


def test_every_field_of_a_group_has_one_control():
    html = serving.body()
    for name in groups.field_names():
        assert html.count(f'data-field="{name}"') == 1, name
        assert html.count(f'id="{name}"') == 1, name


def test_no_id_is_given_twice():
    ids = re.findall(r'\bid="([^"]+)"', serving.body())
    assert len(ids) == len(set(ids)) > 50


def test_what_has_a_label_has_a_role():
    unnamed = re.findall(r"<(?:div|span)\b(?![^>]*\brole=)[^>]*\baria-label=[^>]*>", serving.body())
    assert unnamed == []


def test_every_part_of_the_page_is_brought_to_life():
    main = (STATIC / "main.js").read_text("utf-8")
    known = set(re.findall(r"^  (\w+),$", main, re.M))
    if not bundle.LATER:
        known.discard("later")
    assert set(re.findall(r'data-part="(\w+)"', serving.body())) == known


def test_a_file_is_included_with_texts_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setattr("studio.ui.templates.STATIC", tmp_path)
    (tmp_path / "a.html").write_text("{{include b.html to=draw}}{{include b.html 'to=cut & say'}}")
    (tmp_path / "b.html").write_text("<p>To {{to}}</p>")
    assert include("a.html") == "<p>To draw</p><p>To cut &amp; say</p>"


def test_a_word_that_there_is_not(monkeypatch, tmp_path):
    monkeypatch.setattr("studio.ui.templates.STATIC", tmp_path)
    (tmp_path / "a.html").write_text("<p>{{shout hello}}</p>")
    with pytest.raises(KeyError, match="shout"):
        include("a.html")


def test_scripts_become_one(tmp_path):
    (tmp_path / "low").mkdir()
    (tmp_path / "low" / "a.js").write_text("export const one = 1;\nexport function two() {}\n")
    (tmp_path / "b.js").write_text('export { one } from "./low/a.js";\n')
    (tmp_path / "main.js").write_text(
        'import * as a from "./low/a.js";\nimport {\n  one as first,\n} from "./b.js";\n'
        "export class Three {}\na.two(first);\n"
    )
    made = bundle.scripts(tmp_path)
    assert made.index('modules["low/a.js"]') < made.index('modules["b.js"]')
    assert "one: first" in made
    assert "return { one, two };" in made
    assert not re.search(r"^import", made, re.M)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("export let count = 0;\n", "not understood"),
        ('import a from "./main.js";\n', "not understood"),
        ('import { a } from "./main.js";\n', "imports itself"),
    ],
)
def test_scripts_that_cannot_be_joined(tmp_path, source, words):
    (tmp_path / "main.js").write_text(source)
    with pytest.raises(ValueError, match=words):
        bundle.scripts(tmp_path)


def test_what_comes_later_shares_what_the_page_has(tmp_path):
    (tmp_path / "extra").mkdir()
    (tmp_path / "low.js").write_text("export const one = 1;\n")
    (tmp_path / "main.js").write_text('import { one } from "./low.js";\n')
    (tmp_path / "extra" / "own.js").write_text("export const two = 2;\n")
    (tmp_path / "extra" / "extra.js").write_text(
        'import { one } from "../low.js";\nimport { two } from "./own.js";\n'
        "export function open() {\n  return one + two;\n}\n"
    )
    made = bundle.later_scripts(tmp_path, ["extra"])["extra"]
    assert re.findall(r'^modules\["([^"]+)"\]', made, re.M) == ["extra/own.js", "extra/extra.js"]
    assert made.startswith('import { modules } from "./page.js";')
    assert made.endswith('export const { open } = modules["extra/extra.js"];')


def test_every_style_and_script_is_served():
    made = "\n".join([bundle.scripts(STATIC), *bundle.later_scripts(STATIC).values()])
    names = {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.js")}
    assert set(re.findall(r'^modules\["([^"]+)"\]', made, re.M)) == {
        name for name in names if not name.endswith(".test.js")
    }
    styles = {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.css")}
    assert styles == set(bundle.STYLES).union(*bundle.LATER.values())


def test_gradio_is_imported_without_stubs():
    program = (
        "import sys\n"
        "seen = []\n"
        "sys.addaudithook(lambda what, of: seen.append(of[0]) if what == 'open' else None)\n"
        "from studio.ui import page\n"
        "assert any(str(path).endswith('.pyc') for path in seen)\n"
        "stubs = [path for path in seen if str(path).endswith('.pyi')]\n"
        "assert not stubs, stubs\n"
        "assert page.build_page().blocks\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_head_carries_names_as_data_only():
    head = serving.Files().head({"name": "</script><script>alert(1)</script>"})
    assert in_page(head, "studio-data")["name"] == "</script><script>alert(1)</script>"


@pytest.fixture(scope="module")
def page_text(tmp_path_factory):
    """A page whose models have names that would break it: (text, its bytes packed)."""
    from tests.conftest import servers

    folder = tmp_path_factory.mktemp("nasty")
    files.write(
        folder / "models" / "<!--<script>.safetensors",
        files.checkpoint(),
        metadata={"modelspec.title": "</script><b>"},
    )
    with servers(folder) as start:
        served = start(FakeEngine(), app=create_app, models_dir=(folder / "models",))
        yield served, served.http.get("/")


def test_page_over_http(page_text):
    served, page = page_text
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-encoding"] == "gzip"
    assert len(gzip.compress(page.content)) < MOST_HTML_BYTES
    names = [ref["name"] for ref in in_page(page.text, "studio-data")["checkpoints"]]
    assert "<!--<script>" in names
    assert "steps" in in_page(page.text, "studio-constants")["fields"]
    assert "githubusercontent" not in page.text
    for kind in ("js", "css"):
        name = re.search(rf'(?:href|src)="(page/\w+/page\.{kind})"', page.text)[1]
        answer = served.http.get(f"/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-encoding"] == "gzip"
        assert "immutable" in answer.headers["cache-control"]
        plain = served.http.get(f"/{name}", headers={"accept-encoding": "identity"})
        assert plain.content == answer.content
    assert served.http.get(f"/{name.replace('page.css', 'other')}").status_code == 404


def test_the_page_stands_in_the_html_before_any_script_ran(page_text):
    _, page = page_text
    text = page.text
    assert text.index("<base") < text.index("page.css") < text.index("/assets/")
    assert text.index("<body") < text.index('id="studio"') < text.index("<gradio-app")
    assert text.count('id="studio"') == 1


def test_styles_of_gradio_are_below_ours(page_text):
    served, page = page_text
    for style in re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL):
        assert style.startswith("@layer gradio {")
    sheets = re.findall(r'href="\.?/?(assets/[^"]+\.css)"', page.text)
    assert sheets
    for sheet in [*sheets, "theme.css"]:
        assert served.http.get(f"/{sheet}").text.startswith("@layer gradio {")


def test_of_gradio_its_named_endpoints_alone_are_open(page_text):
    served, _ = page_text
    for path in ("/gradio_api/info", "/config"):
        assert served.http.get(path).status_code == 200, path
    for path in ("runs", "file=/etc/hostname", "startup-events"):
        assert served.http.get(f"/gradio_api/{path}").status_code == 404, path
    assert served.http.get("/monitoring").status_code == 404
    for path in ("run/predict", "upload"):
        answer = served.http.post(f"/gradio_api/{path}", json={"data": [], "fn_index": 0})
        assert answer.status_code == 404, path
    assert served.studio.queue.jobs() == []


def test_the_frame_leaves_other_answers_alone(page_text):
    served, _ = page_text
    assert served.http.head("/").status_code in (200, 405)
    assert served.http.get("/assets/nothing.css").status_code == 404
