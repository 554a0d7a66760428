"""The bias probe: begun, looked at and exported, by keyboard, on a phone too."""

from __future__ import annotations

from tests.ui.using import open_place, set_number

WIDE = (
    "[...document.querySelectorAll('.probe, .probe > *, .probe-one > *')]"
    ".filter(one => !one.closest('.probe-scroll')).some(one => one.scrollWidth > innerWidth)"
)


def test_what_a_model_assumes_is_drawn_counted_and_given_away(visit, served, axe):
    page = visit(color_scheme="dark")
    set_number(page, "steps", 1)
    open_place(page, "learn")
    page.get_by_role("link", name="What a model assumes").click()
    prompt = page.get_by_label("Prompt with one open place")
    prompt.fill("a house")
    page.locator(".probe-comes-to.bad", has_text="no slot").wait_for()
    prompt.fill("a {house|boat}")
    prompt.press("Tab")
    page.keyboard.type("3")
    page.get_by_text("6 pictures").wait_for()
    page.keyboard.press("Enter")
    page.get_by_text("6 of 6 drawn.").wait_for()
    assert page.locator(".probe-sheet img").count() == 6
    page.locator(".probe-findings li").first.wait_for()
    sky = page.get_by_role("region", name="Sky, shares").locator("thead")
    assert sky.inner_text().split() == ["sky", "house", "of", "3", "boat", "of", "3"]
    for of, ends in (("sheet", ".png"), ("csv", ".csv"), ("json", ".json")):
        with page.expect_download() as download:
            page.locator(f".probe [data-of={of}]").click()
        assert download.value.suggested_filename.endswith(ends)
    page.get_by_label("Counted by").select_option("none")
    page.locator(".probe-tables:empty").wait_for(state="attached")

    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate(axe)
    report = page.evaluate("axe.run('.probe', {resultTypes: ['violations']})")
    assert report["violations"] == [] and page.evaluate(WIDE) is False

    page.reload()
    page.get_by_text("6 of 6 drawn.").wait_for()
    page.get_by_role("button", name="Forget this probe").click()
    page.locator(".probe-one").wait_for(state="hidden")
