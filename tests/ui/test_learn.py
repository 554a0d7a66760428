"""The tab Learn: its pages by keyboard and on a phone. What the model shows is in
tests/learning, and by hand; here the engine has none."""

from __future__ import annotations

from tests.ui.using import open_place


def shown_lesson(page) -> str:
    return page.locator(".lesson:not([hidden])").get_attribute("data-name")


def test_pages_are_turned_by_keys_and_say_what_is_wrong(visit):
    page = visit()
    open_place(page, "learn")
    page.locator(".lesson .objection", has_text="without a model").first.wait_for()
    assert shown_lesson(page) == "noise-in"
    button = page.get_by_role("button", name="Words", exact=True)
    button.focus()
    page.keyboard.press("Enter")
    assert shown_lesson(page) == "words"
    assert button.get_attribute("aria-current") == "page"
    lesson = page.locator(".lesson:not([hidden])")
    assert lesson.locator("math").count() > 0 and lesson.locator(".try details").count() == 3
    lesson.locator(".excerpts summary").first.click()
    assert "def " in lesson.locator(".excerpts code").first.inner_text()
    with page.expect_download() as download:
        lesson.locator(".notebook").click()
    assert download.value.suggested_filename == "words.ipynb"


def test_on_a_phone_nothing_scrolls_sideways(visit):
    page = visit(width=390, height=844)
    page.goto(page.url.split("#")[0] + "#learn")
    page.locator(".lesson:not([hidden])").wait_for()
    for name in ("noise-in", "noise-out", "latent-space", "words", "training", "steering"):
        page.locator(f".learn-pages [data-lesson='{name}']").click()
        assert shown_lesson(page) == name
        wide = "([...document.querySelectorAll('.lesson:not([hidden]), .learn')].some("
        assert page.evaluate(wide + "one => one.scrollWidth > innerWidth))") is False
