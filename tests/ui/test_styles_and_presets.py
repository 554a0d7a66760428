"""Styles and presets: chosen, seen as badges, acting, taken off, kept, changed and deleted."""

from __future__ import annotations

import re

import pytest

from tests.ui.using import generate, pick, set_number, wait_for


@pytest.fixture
def page(visit, served):
    yield visit()
    for kind in ("styles", "presets"):
        for each in served.http.get(f"/studio/v1/{kind}").json()[kind]:
            if each["own"]:
                served.http.delete(f"/studio/v1/{kind}/{each['name']}").raise_for_status()


def badges(page) -> list[str]:
    return [
        re.sub(r"\s+", " ", words)
        for words in page.locator(".badges .active-badge").all_inner_texts()
    ]


def more(page, of: str, what: str) -> None:
    page.locator(f"[data-action={of}-more]").click()
    page.locator(f".{of} [data-what={what}]").click()


def keep(page, name: str) -> None:
    page.locator("dialog.keep").get_by_label("Name").fill(name)
    page.locator("dialog.keep").get_by_role("button", name="Save").click()
    page.locator("dialog.keep").wait_for(state="hidden")


def values(page, *names: str) -> list[str]:
    return [page.locator(f"#{name}").input_value() for name in names]


def undo(page) -> None:
    page.locator(".viewer .undo").click()


def test_styles_act_in_their_order_and_are_ones_own(page, served):
    styles = page.locator("#styles")
    prompt = page.get_by_label("Prompt", exact=True)
    pick(page, styles, "Linocut")
    pick(page, styles, "Risograph")
    assert badges(page) == ["Linocut", "Risograph"]
    page.reload()
    page.get_by_role("button", name="Take off Risograph").wait_for()
    generate(page, "a house")
    wait_for(page, "finished")
    [job] = served.studio.queue.jobs()
    assert job.request.applied_styles == ("Linocut", "Risograph")
    assert "linocut print of a house" in job.request.prompt
    ran = (job.request.prompt, job.request.negative_prompt)

    page.get_by_role("button", name="Take off Linocut").click()
    assert badges(page) == ["Risograph"]
    page.get_by_role("button", name="Use these settings").click()
    page.get_by_role("button", name="Take off Linocut").wait_for()
    assert (prompt.input_value(), badges(page)) == ("a house", ["Linocut", "Risograph"])
    more(page, "styles", "apply")
    page.wait_for_function("document.querySelectorAll('.badges .active-badge').length === 0")
    assert tuple(values(page, "prompt", "negative_prompt")) == ran
    undo(page)
    assert prompt.input_value() == "a house" and len(badges(page)) == 2

    prompt.fill("in thick paint")
    more(page, "styles", "save")
    keep(page, "Thick")
    assert served.studio.words.styles.find("Thick").prompt == "in thick paint"
    more(page, "styles", "edit")
    page.get_by_role("option", name="Thick").click()
    page.locator("dialog.keep textarea").first.fill("{prompt} in paint")
    keep(page, "Thick")
    assert served.studio.words.styles.find("Thick").prompt == "{prompt} in paint"
    pick(page, styles, "Thick")
    more(page, "styles", "delete")
    page.get_by_role("option", name="Thick").click()
    page.get_by_text("Style Thick deleted").first.wait_for()
    assert badges(page)[-1] == "Thick missing"
    generate(page, "a house")
    wait_for(page, "failed")
    assert "no style 'Thick'" in page.locator(".viewer .status").inner_text()


def test_a_preset_says_what_it_changes_and_gives_back_what_it_changed(page, served):
    presets = page.locator("#presets")
    usual = values(page, "steps", "scheduler", "guidance_scale")
    presets.click()
    options = page.locator(".picker .option")
    options.first.wait_for()
    labels = page.locator(".picker .option-label").all_inner_texts()
    assert all(label.startswith("picturebook") for label in labels[:3])
    fast = page.get_by_role("option", name="picturebook, fast")
    assert "Steps 20 → 12" in fast.inner_text()
    assert "for other models, SDXL" in page.get_by_role("option", name="DMD2").inner_text()
    page.keyboard.press("Escape")
    pick(page, presets, "DMD2")
    assert values(page, "steps", "scheduler", "guidance_scale") == ["4", "LCM", "1"]
    assert badges(page) == ["Preset: DMD2, 4 steps"]
    undo(page)
    assert values(page, "steps", "scheduler", "guidance_scale") == usual and not badges(page)

    pick(page, presets, "DMD2")
    pick(page, presets, "picturebook, fast")  # in place of the other
    assert values(page, "steps", "scheduler", "guidance_scale") == ["12", usual[1], "5"]
    page.reload()
    page.get_by_role("button", name="Take off Preset").wait_for()
    set_number(page, "steps", 9)
    assert badges(page) == ["Preset: picturebook, fast changed"]
    assert "Changed since: Steps" in page.locator(".badges .active-badge").get_attribute("title")
    page.get_by_role("button", name="Take off Preset").click()
    assert values(page, "steps", "scheduler", "guidance_scale") == ["9", *usual[1:]]
    assert not badges(page) and presets.inner_text() == "None"

    page.locator(".group[data-group='Hires. fix'] .group-head").click()
    page.locator("#hires").check()
    set_number(page, "hires_factor", 1.5)
    more(page, "presets", "save")
    dialog = page.locator("dialog.keep")
    assert dialog.locator("[value=steps]").is_checked()
    assert not dialog.locator("[value=seed]").is_checked()
    dialog.get_by_label("Name").fill("a/b")
    dialog.get_by_role("button", name="Save").click()
    dialog.get_by_text("cannot be a file's name").wait_for()
    keep(page, "Mine")
    kept = dict(served.studio.words.presets.find("Mine").request)
    assert (
        kept["steps"] == 9 and kept["hires"]["factor"] == 1.5 and kept.keys() == {"steps", "hires"}
    )
    page.locator("[data-action=reset-all]").click()
    assert not page.locator("#hires").is_checked()
    pick(page, presets, "Mine")
    assert page.locator("#hires").is_checked() and values(page, "steps") == ["9"]
    more(page, "presets", "delete")
    page.get_by_role("option", name="Mine").click()
    page.get_by_text("Preset Mine deleted").first.wait_for()
    assert "Mine" not in [each.name for each in served.studio.words.presets.all()]
    undo(page)
    page.wait_for_function(
        "async () => (await (await fetch('studio/v1/presets')).text()).includes('Mine')"
    )
