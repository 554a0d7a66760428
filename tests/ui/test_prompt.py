"""The lens under the prompt, its keys, what it offers, and the prompts that were used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import waiting
from tests.ui.using import generate, wait_for

END = "Control+End"


@pytest.fixture(scope="module", autouse=True)
def counting(one_studio) -> None:
    """The studio has read the vocabulary: what that imports takes longer than a page waits."""
    one_studio.studio.words.lens.warm_up(None)


def underlined(page, of: str = "prompt") -> list[str]:
    return page.locator(f"#{of} ~ .mirror u").all_inner_texts()


def lens_has(page, *words: str) -> None:
    for one in words:
        page.locator(".lens").get_by_text(one).first.wait_for()


def text(page) -> str:
    return page.locator("#prompt").input_value()


def retyped(page, words: str) -> None:
    page.locator("#prompt").fill("")
    page.locator("#prompt").press_sequentially(words)


def test_the_lens_tells_what_a_prompt_comes_to(visit):
    page = visit()
    retyped(page, "🦊 a red house, <lora:blueprint:0.8>, {a|b} quokka <lora:none>")
    lens_has(page, "2 different prompts", "'none' is unknown")
    page.wait_for_function("/^\\d+\\/75$/.test(document.querySelector('.lens-count').textContent)")
    assert underlined(page) == ["quokka", "<lora:none>"]
    assert page.locator(".lens-live").inner_text() == "", "nothing is read out while one types"
    page.wait_for_function("document.querySelector('.lens-live').textContent.includes('quokka')")

    mirror = "const of = document.querySelector('.mirror u').getBoundingClientRect();"
    below = page.evaluate(f"{mirror} document.elementFromPoint(of.x + 3, of.y + 3).id")
    assert below == "prompt", "the mirror takes no clicks"
    area, over = page.locator("#prompt"), page.locator("#prompt ~ .mirror")
    for style in ("font-size", "font-family", "line-height", "padding-left", "letter-spacing"):
        of = f"e => getComputedStyle(e).getPropertyValue('{style}')"
        assert area.evaluate(of) == over.evaluate(of), style

    page.get_by_role("button", name="LoRA blueprint, weight 0.8").click()
    page.get_by_role("spinbutton", name="Weight", exact=True).last.fill("0.55")
    assert "<lora:blueprint:0.55>" in text(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="LoRA blueprint, weight 0.55").wait_for()
    page.get_by_role("button", name="Take blueprint out of the prompt").click()
    assert text(page) == "🦊 a red house, {a|b} quokka <lora:none>"

    page.locator("#prompt").fill("red " * 75)
    page.locator("#prompt").press_sequentially("red ")
    lens_has(page, "76/150 · 2 chunks")
    page.locator(".prose.folded .fold").click()
    page.locator("#negative_prompt").press_sequentially("quokka")
    page.locator(".negative-count").get_by_text("/75").wait_for()
    waiting.wait_for(
        lambda: underlined(page, "negative_prompt") == ["quokka"], "the word to be underlined"
    )
    lens_has(page, "does not know: quokka")


def test_keys_change_weights_and_places_and_undo_takes_them_back(visit):
    page = visit()
    retyped(page, "red house, blue sea, <lora:blueprint:0.8>")
    area = page.locator("#prompt")
    area.press("Control+Home")
    area.press("Control+ArrowUp")
    area.press("Control+ArrowUp")
    assert text(page).startswith("(red:1.2) house,")
    area.press("Control+z")
    area.press("Control+z")
    assert text(page) == "red house, blue sea, <lora:blueprint:0.8>"
    area.press("Control+Home")
    area.press("Alt+ArrowRight")
    assert text(page) == "blue sea, red house, <lora:blueprint:0.8>"
    area.press("Alt+ArrowLeft")
    area.press("Alt+ArrowLeft")
    assert text(page) == "red house, blue sea, <lora:blueprint:0.8>"
    assert page.url.startswith("http"), "nor did the browser go back"
    area.press(END)
    area.press("Control+ArrowDown")
    assert text(page).endswith("<lora:blueprint:0.75>")


def test_words_are_completed_by_key_and_by_mouse(visit, served):
    page = visit()
    area = page.locator("#prompt")
    options = page.locator("#prompt-completions").get_by_role("option")
    retyped(page, "a <lora:blu")
    options.first.wait_for()
    assert area.get_attribute("aria-activedescendant") is None
    area.press("ArrowDown")
    assert area.get_attribute("aria-activedescendant") == options.first.get_attribute("id")
    area.press("Control+Enter")
    assert text(page) == "a <lora:blueprint:1>" and served.studio.queue.jobs() == []
    area.press_sequentially(", a house on a mea")
    options.first.wait_for()
    area.press("Tab")
    assert text(page).endswith("on a meadow")
    area.press_sequentially(", __picturebook/sk")
    options.get_by_text("picturebook/skies").click()
    assert text(page).endswith(", __picturebook/skies__")
    area.press_sequentially(", lightho")
    options.first.wait_for()
    area.press("Escape")
    options.first.wait_for(state="hidden")
    area.press("Enter")
    assert text(page).endswith("lightho\n")

    page.locator(".lens-count").click()
    page.get_by_label("Complete words while typing").uncheck()
    page.keyboard.press("Escape")
    asked = []
    page.on("request", lambda one: asked.append(one) if "completions" in one.url else None)
    area.press(END)
    area.press_sequentially("meado")
    page.locator(".lens").get_by_text("meado").first.wait_for()
    assert asked == []


def test_suggestions_that_come_after_the_prompt_was_sent_stay_away(visit, served):
    page = visit()
    held = []
    page.route("**/studio/v1/completions?*", lambda one: held.append(one))
    retyped(page, "a lightho")
    waiting.wait_for(lambda: page.evaluate("1") and held)  # routes are called while it waits
    page.locator("#prompt").press("Control+Enter")
    answer = held[0].fetch()
    assert answer.json()["completions"], "there is something to offer"
    with page.expect_response("**/studio/v1/completions?*") as heard:
        held[0].fulfill(response=answer)
    heard.value.finished()
    wait_for(page, "finished")
    assert page.evaluate("document.activeElement.id") == "prompt"
    assert not page.locator("#prompt-completions").is_visible()


def test_prompts_that_were_used_are_walked_through_and_searched(visit, served):
    page = visit()
    for words in ("a castle in the snow", "a boat at sea"):
        generate(page, words)
        wait_for(page, "finished")
    area = page.locator("#prompt")
    retyped(page, "not sent")
    page.locator(".prose.folded .fold").click()
    page.locator("#negative_prompt").fill("fog")

    def shows(words: str, negative: str) -> None:
        of = "a => document.getElementById('prompt').value === a[0] && "
        of += "document.getElementById('negative_prompt').value === a[1]"
        page.wait_for_function(of, arg=[words, negative])

    area.press("Alt+ArrowUp")
    shows("a boat at sea", "")
    area.press("Alt+ArrowUp")
    shows("a castle in the snow", "")
    area.press("Alt+ArrowDown")
    area.press("Alt+ArrowDown")
    shows("not sent", "fog")

    page.locator(".history-button").click()
    entries = page.locator(".history-entry")
    page.get_by_label("Search prompts").fill("CASTLE")
    page.wait_for_function("document.querySelectorAll('.history-entry').length === 1")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    shows("a castle in the snow", "")
    area.press("Alt+ArrowDown")
    shows("not sent", "fog")
    page.locator(".history-button").click()
    entries.first.wait_for()
    page.get_by_role("button", name="Forget this prompt").first.click()
    page.wait_for_function("document.querySelectorAll('.history-entry').length === 1")
    left = served.http.get("/studio/v1/prompts").json()["prompts"]
    assert "a boat at sea" not in [one["prompt"] for one in left]


@pytest.mark.slow
def test_on_a_phone_nothing_is_wider_than_it_nor_is_anything_inaccessible(visit):
    path = os.environ.get("STUDIO_AXE")
    page = visit(width=390, frame=True)
    retyped(page, "a quokka, <lora:blueprint:0.8>, <lora:none>, __picturebook/skies__, lightho")
    page.locator("#prompt-completions").get_by_role("option").first.wait_for()
    lens_has(page, "/75")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    if path is None:
        return
    page.evaluate(Path(path).read_text("utf-8"))
    for opener in (None, ".lens-count", ".lens-face", ".history-button"):
        if opener:
            page.locator(opener).first.click()
        report = page.evaluate("axe.run('#prompt-bar', {resultTypes: ['violations']})")
        assert [one["id"] for one in report["violations"]] == [], opener
        page.keyboard.press("Escape")
