"""axe-core finds nothing on any tab, nor in queue and dialogs, in the light or the dark."""

from __future__ import annotations

import pytest

from studio.domain.detectors import SEGMENTER

INFOTEXT = "a fox <lora:none:1>\nSteps: 5, Sampler: Euler, CFG scale: 4, Seed: 1, Odd: thing"
TABS = (
    *("text-to-image", "image-to-image", "inpaint", "outpaint", "details", "controlnet"),
    *("library", "models"),
)
OPTIONS = "{resultTypes: ['violations'], rules: {'skip-link': {enabled: false}}}"
"""A tab that is scrolled out of a phone's row is no skip link, for which that rule takes it: it
comes into sight with the focus. The page's skip to the prompt is a button."""


@pytest.mark.parametrize("scheme", ["dark", pytest.param("light", marks=pytest.mark.slow)])
def test_no_violation_on_any_tab(visit, served, slow, axe, scheme):
    small = {"steps": 2, "width": 64, "height": 64}
    details = {"attention_maps": True, "detailers": [{"detector": SEGMENTER}]}
    drawn = served.submit(prompt="a tree", **small, **details)
    served.wait_until(drawn, "finished")
    served.studio.queue.delete(drawn)  # its picture stays in the library
    page = visit(frame=True, color_scheme=scheme)  # which is the page's landmark
    page.evaluate(axe)
    found = []
    for words in ("break now", "a house", "a boat"):
        served.submit(prompt=words, **small | {"steps": 2 if words == "break now" else 150})
    page.locator(".status-bar .queue").click()
    page.locator(".queue-ended li").wait_for()
    page.locator(".queue-now li").wait_for()
    page.locator(".queue-waiting li").hover()
    report = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    found += [f"queue: {one['id']}" for one in report["violations"]]
    page.keyboard.press("Escape")
    page.locator(".status-bar [data-action=share]").click()
    page.locator("dialog.share[open]").wait_for()
    report = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    found += [f"share: {one['id']}" for one in report["violations"]]
    page.keyboard.press("Escape")
    for state in ("asking", "read"):
        if state == "asking":
            page.get_by_role("button", name="Paste settings").click()
        else:
            page.get_by_label("Settings as text").fill(INFOTEXT)
            page.get_by_role("button", name="Read", exact=True).click()
        page.locator(f".restore[data-state={state}]").wait_for()
        report = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found += [f"restore, {state}: {one['id']}" for one in report["violations"]]
    page.keyboard.press("Escape")
    for of in ("styles", "presets"):
        page.locator(f"[data-action={of}-more]").click()
        page.locator(f".{of} [data-what=save]").click()
        page.locator("dialog.keep[open]").wait_for()
        report = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found += [f"save {of}: {one['id']}" for one in report["violations"]]
        page.keyboard.press("Escape")
    page.locator(".views [data-view=details]").click()
    page.locator(".detail-box").first.wait_for()
    report = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    found += [f"details: {one['id']}" for one in report["violations"]]
    page.locator(".word-buttons button").last.click()
    page.locator(".over.heat").wait_for()
    for tab in TABS:
        page.locator(f".tabs a[href='#{tab}']").click()
        if tab == "library":
            page.locator(".library [data-action=filters]").click()
            page.locator(".picture").first.click()
        if tab == "models":
            page.locator(".model-row").first.click()
            page.locator(".catalog-bar [data-action=download]").click()
        report = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found += [
            f"{tab}: {one['id']} at {[node['target'] for node in one['nodes']]}"
            for one in report["violations"]
        ]
    assert not found, "\n".join(found)


@pytest.mark.slow
def test_no_violation_at_any_size(visit, served, axe):
    drawn = served.submit(prompt="a tree", steps=2, width=64, height=64)
    served.wait_until(drawn, "finished")
    page = visit(frame=True)
    page.evaluate(axe)
    found = []

    def look(at: str) -> None:
        report = page.evaluate(f"axe.run(document, {OPTIONS})")
        found.extend(
            f"{at}: {one['id']} at {[node['target'] for node in one['nodes']]}"
            for one in report["violations"]
        )

    for width, height in ((1440, 900), (1024, 768), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            where = f"{width}, {scheme}"
            for tab in TABS:
                page.locator(f".tabs a[href='#{tab}']").click()
                look(f"{where}, {tab}")
            page.locator(".tabs a[href='#text-to-image']").click()
            for name in ("share", "preferences"):
                page.locator(f".status-bar [data-action={name}]").click()
                page.locator(f"dialog.{name}[open]").wait_for()
                look(f"{where}, {name}")
                page.keyboard.press("Escape")
            page.locator("dialog[open]").wait_for(state="detached")
            page.keyboard.press("?")
            page.locator("dialog.keys[open]").wait_for()
            look(f"{where}, keys")
            page.keyboard.press("Escape")
    assert not found, "\n".join(found)
