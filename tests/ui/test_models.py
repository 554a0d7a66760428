"""The Models tab, the checkpoint menu and LoRAs, in a real browser on real files."""

from __future__ import annotations

import re
import shutil
import time

import pytest

from studio.domain.notes import Notes
from studio.domain.refs import KINDS
from studio.families.stable_diffusion.family import PICTUREBOOK
from studio.fetching import hub
from studio.ui.starters import STARTERS
from tests.catalog import files
from tests.fetching.model_server import model_server
from tests.ui.using import generate, pick, save_picture, set_number, wait_for, wait_for_step


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory):
    """Two LoRAs, one of which fits, an embedding, a second checkpoint and a broken file. Whoever
    changes them puts them back."""
    folder = tmp_path_factory.mktemp("own")
    files.copy_embedded(folder / "second one")
    words = {"ss_tag_frequency": '{"a": {"paper cutout": 9}}'}
    files.write(folder / "cutout.safetensors", files.lora(192), metadata=words)
    files.write(folder / "foreign.safetensors", files.lora(768))
    files.write(folder / "calm.safetensors", {"emb_params": (4, 192)}, "F32")
    (folder / "broken.safetensors").write_bytes(b"nothing")
    files.settled(folder / "broken.safetensors")
    return folder


def rows(page) -> list[str]:
    return page.locator(".model-row .model-name").all_inner_texts()


def open_models(page) -> None:
    page.get_by_role("link", name="Models").click()
    page.locator(".model-row").first.wait_for()


def choose(page, name: str) -> None:
    """Open the details of a model."""
    page.locator(".col-name", has_text=re.compile(f"^{re.escape(name)}$")).last.click()
    page.locator(".catalog .details h2", has_text=name).wait_for()


def test_tabs_leave_the_running_picture_alone(visit, slow):
    page = visit()
    set_number(page, "steps", 150)
    generate(page)
    wait_for_step(page)
    page.get_by_role("link", name="Models").click()
    assert not page.locator(".frame").is_visible()
    page.go_back()
    page.locator(".frame img").wait_for()
    step = int(page.locator(".frame").get_attribute("data-step"))
    wait_for_step(page, step + 1)
    slow()
    wait_for(page, "finished")


def test_a_tab_has_its_own_address(visit, served):
    page = visit()
    page.goto(f"{served.url}/#models")
    page.reload()
    page.locator(".model-row").first.wait_for()
    current = page.locator(".tabs a[aria-current]")
    assert current.inner_text() == "Models"


@pytest.fixture
def many(models_dir, served):
    """Two hundred more LoRAs; every other one fits."""
    folder = models_dir / "many"
    for number in range(200):
        width = 768 if number % 2 else 192
        files.write(folder / f"lora-{number:03d}.safetensors", files.lora(width))
    served.studio.catalog.refresh()
    yield
    shutil.rmtree(folder)
    served.studio.catalog.refresh()


def test_hundreds_of_models_are_searched_sorted_and_filtered(visit, many, served):
    catalog = served.studio.catalog
    all_models = sum(len(catalog.refs(kind)) for kind in KINDS)
    fitting = sum(ref.family == PICTUREBOOK for ref in catalog.refs("lora"))
    page = visit()
    open_models(page)
    page.locator(".kinds", has_text=str(all_models)).wait_for()
    assert page.locator(".model-row").count() < 60  # only those in sight are in the page
    page.get_by_label("Search models").fill("lora-177")
    page.locator(".model-row").nth(1).wait_for(state="detached")
    assert rows(page) == ["lora-177"]
    page.get_by_label("Search models").fill("")
    page.get_by_role("button", name="LoRAs").click()
    page.get_by_role("combobox", name="Family").select_option("picturebook")
    assert f"{fitting} models" in page.locator(".catalog-foot").inner_text()
    page.get_by_role("columnheader", name="Name").click()
    assert rows(page)[:2] == ["picturebook-quick", "lora-198"]
    page.locator(".table-body").evaluate("e => e.scrollTo(0, e.scrollHeight)")
    page.locator(".model-row", has_text="cutout").wait_for()


@pytest.fixture
def a_preview(models_dir, served):
    """A picture that lies beside a LoRA; no model has notes afterwards."""
    path = save_picture(models_dir / "cutout.preview.png", (40, 60))
    catalog = served.studio.catalog
    catalog.refresh()
    yield
    path.unlink()
    catalog.refresh()
    for ref in (catalog.find("cutout", "lora"), catalog.find("second one")):
        catalog.set_notes(ref, cover=None, favourite=None)


def test_cards_show_the_pictures_that_stand_for_models(visit, served, a_preview):
    page = visit()
    page.locator("#checkpoint-value", has_text="picturebook").wait_for()
    pick(page, page.locator("#checkpoint"), "second one")
    generate(page)
    wait_for(page, "finished")
    page.get_by_role("button", name="Send to").click()
    page.get_by_role("menuitem", name="Cover of second one").click()
    page.get_by_text("The cover of second one").first.wait_for()
    page.get_by_role("link", name="Models").click()
    widths = {"cutout": 40, "second one": 128}
    for name, width in widths.items():
        image = page.locator(".model-card", has_text=name).locator("img")
        page.wait_for_function("one => one.naturalWidth > 0", arg=image.element_handle())
        assert image.evaluate("one => one.naturalWidth") == width
    page.get_by_role("button", name="A favourite: cutout").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Favourites").click()
    assert page.locator(".model-card .model-name").all_inner_texts() == ["cutout"]
    page.get_by_role("button", name="As rows").click()
    assert rows(page) == ["cutout"]
    page.get_by_role("button", name="All", exact=False).first.click()
    choose(page, "second one")
    page.get_by_role("button", name="Take the cover off").click()
    page.locator(".details-cover").wait_for(state="detached")


@pytest.fixture
def notes_of_its_own(served):
    """For picturebook, which else has those of its copy; neither has any afterwards."""
    catalog = served.studio.catalog
    catalog.set_notes(catalog.find("picturebook"), text="its own")
    yield
    for name in ("picturebook", "second one"):
        catalog.set_notes(catalog.find(name), **dict.fromkeys(Notes.model_fields))


def test_details_notes_and_settings_that_a_checkpoint_brings(
    visit, served, models_dir, notes_of_its_own
):
    catalog = served.studio.catalog
    page = visit()
    open_models(page)
    choose(page, "second one")
    details = page.locator(".catalog .details")
    details.get_by_text("0123456789").or_(
        details.get_by_text(f"{models_dir.name}/")
    ).first.wait_for()
    details.get_by_label("Notes").fill("for the night")
    details.get_by_label("Steps").fill("31")
    details.get_by_label("Guidance scale (CFG)").fill("9")
    details.get_by_label("Clip skip").fill("2")
    details.get_by_label("Clip skip").press("Tab")
    details.get_by_label("Prediction type").select_option("v-prediction")
    details.get_by_text("Saved").wait_for()
    until_s = time.monotonic() + 10
    while catalog.find("second one").prediction_type != "v_prediction":
        assert time.monotonic() < until_s
    notes = catalog.find("second one").notes
    assert (notes.text, notes.steps, notes.clip_skip) == ("for the night", 31, 2)
    page.get_by_role("link", name="Text to image").click()
    set_number(page, "guidance_scale", 3)  # the user's own choice stays
    pick(page, page.locator("#checkpoint"), "second one")
    assert page.locator("#checkpoint").inner_text() == "second one"
    assert page.locator("#steps").input_value() == "31"
    assert page.locator("#guidance_scale").input_value() == "3"
    pick(page, page.locator("#checkpoint"), "picturebook")
    assert page.locator("#steps").input_value() == "20"


def test_the_checkpoint_menu_tells_family_hash_and_what_is_warm(visit, served):
    page = visit()
    page.locator("#checkpoint").click()
    option = page.get_by_role("option", name="picturebook").first
    option.wait_for()
    page.wait_for_function(
        "/picturebook · [0-9a-f]{10}/.test(document.querySelector('.picker-list').textContent)"
    )
    page.get_by_role("combobox", name="Search").fill("second")
    assert page.locator(".option").count() == 1
    page.keyboard.press("Enter")
    generate(page)
    wait_for(page, "finished")
    [job] = served.studio.queue.jobs()
    assert job.request.checkpoint == "second one"
    page.reload()
    page.locator("#checkpoint", has_text="second one").wait_for()


def test_loras_are_added_weighed_shown_and_taken_off(visit, served):
    page = visit()
    add = page.get_by_role("button", name="Add LoRA")
    add.click()
    foreign = page.get_by_role("option", name="foreign")
    foreign.wait_for()
    assert foreign.get_attribute("aria-disabled") == "true"
    assert "made for SD 1.x" in foreign.inner_text()
    foreign.click(force=True)
    assert page.locator(".lora").count() == 0
    page.get_by_role("option", name="cutout").click()
    lora = page.locator(".lora")
    lora.get_by_label("Weight", exact=True).fill("2.5")
    badge = page.locator(".badges .active-badge")
    assert badge.inner_text().split() == ["cutout", "2.5"]
    lora.get_by_role("button", name="paper cutout").click()
    assert page.get_by_label("Prompt", exact=True).input_value() == "paper cutout"
    pick(page, page.get_by_role("button", name="Embedding"), "calm")
    prompt = page.get_by_label("Prompt", exact=True).input_value()
    assert prompt == "paper cutout, calm"
    page.reload()
    badge.wait_for()
    page.get_by_role("button", name="Generate", exact=True).click()
    wait_for(page, "finished")
    [job] = served.studio.queue.jobs()
    [use] = job.request.loras
    assert (use.name, use.weight, use.text_encoder_weight) == ("cutout", 2.5, None)
    lora.get_by_role("button", name="Set the text encoder's weight by itself").click()
    lora.get_by_label("Text encoder", exact=True).fill("0.5")
    page.get_by_role("button", name="Generate", exact=True).click()
    page.wait_for_function("document.querySelectorAll('.strip .tile').length === 2")
    assert served.studio.queue.jobs()[1].request.loras[0].text_encoder_weight == 0.5
    badge.get_by_role("button", name="Take off cutout").click()
    assert page.locator(".lora").count() == 0 and badge.count() == 0


def test_fields_left_open_stay_open(visit, served):
    page = visit()
    page.get_by_role("button", name="Advanced").click()
    assert page.locator("#eta").is_disabled()
    assert "makes no use" in page.locator("#eta").get_attribute("title")
    page.locator("#scheduler").select_option("Euler")
    assert page.locator("#eta").is_disabled() and page.locator("#s_churn").is_enabled()
    page.locator("#scheduler").select_option("Euler a")
    assert page.locator("#eta").input_value() == ""
    set_number(page, "eta", 0.5)
    set_number(page, "s_noise", 1.01)
    page.locator("#approximate").check()
    page.locator("#eta").fill("")
    page.locator("#eta").press("Tab")
    generate(page)
    wait_for(page, "finished")
    [job] = served.studio.queue.jobs()
    assert (job.request.eta, job.request.s_noise, job.request.vae) == (None, 1.01, None)
    assert job.request.approximate and "Approximate: True" in job.pictures[0].infotext


def test_new_files_appear_without_a_reload(visit, models_dir):
    page = visit()
    open_models(page)
    files.write(models_dir / "newcomer.safetensors", files.lora(192))
    page.locator(".model-row", has_text="newcomer").wait_for()
    (models_dir / "newcomer.safetensors").unlink()
    page.locator(".model-row", has_text="newcomer").wait_for(state="detached")


def test_broken_files_say_why_and_deleting_can_be_undone(visit, models_dir):
    page = visit()
    open_models(page)
    page.get_by_role("button", name="Broken").click()
    choose(page, "broken.safetensors")
    assert "bytes" in page.locator(".catalog .details .objection").inner_text()
    page.get_by_role("button", name="All").click()
    choose(page, "cutout")
    page.get_by_role("button", name="Delete").click()
    page.locator(".catalog-foot", has_text="cutout was moved to the trash.").wait_for()
    assert not (models_dir / "cutout.safetensors").exists()
    page.get_by_role("button", name="Undo").click()
    page.locator(".model-row", has_text="cutout").wait_for()
    assert (models_dir / "cutout.safetensors").exists()
    choose(page, "picturebook")
    assert page.get_by_role("button", name="Delete").is_disabled()


def test_what_is_offered_to_begin_with_can_be_asked_for():
    sources = [hub.parse(one.source) for one in STARTERS]
    assert all(one.repo and one.file.endswith(".safetensors") for one in sources)
    assert {one.kind for one in STARTERS} <= set(KINDS)


def test_a_download_shows_its_progress_and_arrives(visit, served, monkeypatch, tmp_path):
    with model_server() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.slow_s = 0.05
        new = files.write(tmp_path / "new.safetensors", {"a.lora_down.weight": (1000, 1500)})
        hub.files["o/n/fetched.safetensors"] = new.read_bytes()
        page = visit()
        open_models(page)
        page.get_by_role("button", name="Download").click()
        page.get_by_text("Well-known models").click()
        known = page.locator(".starter")
        assert known.count() == len(STARTERS)
        assert "Licence: openrail++" in known.nth(1).inner_text()
        page.locator("#download-source").fill("nothing")
        page.get_by_role("button", name="Start download").click()
        page.get_by_text("owner/name or").wait_for()
        page.locator("#download-source").fill("o/n/fetched.safetensors")
        page.get_by_role("button", name="Start download").click()
        page.locator(".download-words", has_text=" MB of 3.0 MB").wait_for()
        page.locator(".download-row[data-state=finished]").wait_for()
        page.get_by_role("button", name="Take off the list").click()
        page.locator(".download-row").wait_for(state="detached")
    [arrived] = served.studio.settings.downloads_dir.rglob("fetched.safetensors")
    assert arrived.stat().st_size == new.stat().st_size
    arrived.unlink()


@pytest.mark.parametrize("width", [390, 1440])
def test_the_models_tab_fits(visit, width):
    page = visit(width)
    open_models(page)
    choose(page, "second one")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = page.locator(".catalog .details").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width


def test_on_a_phone_the_sheet_stays_open_while_a_lora_is_added(visit):
    page = visit(390, 844, has_touch=True, is_mobile=True)
    page.get_by_role("button", name="Settings", exact=True).tap()
    page.get_by_role("button", name="Add LoRA").tap()
    page.get_by_role("option", name="cutout").tap()
    page.locator(".lora").wait_for()
    assert page.get_by_role("button", name="Add LoRA").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
