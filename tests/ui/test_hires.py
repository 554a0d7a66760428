"""The groups of a second drawing and of a refiner: what they set, and what comes back into them."""

from __future__ import annotations

from tests.ui.using import generate, set_number, wait_for


def test_what_is_set_is_asked_for_and_comes_back(visit, served):
    page = visit()
    head = page.locator("[data-group='Hires. fix'] .group-head")
    assert "off" in head.inner_text()
    generate(page)
    wait_for(page, "finished")
    plain = served.studio.queue.jobs()[-1].request
    assert plain.hires is None and plain.refiner is None
    head.click()
    page.locator("#hires").check()
    page.locator("#hires_upscaler").click()
    page.locator(".picker [role=option]", has_text="Lanczos").click()
    page.locator("#hires_scheduler").select_option("Euler a")
    set_number(page, "hires_factor", 1.5)
    set_number(page, "hires_strength", 0.4)
    set_number(page, "hires_steps", 3)
    page.locator("#hires_prompt").fill("a blue house")
    head.click()
    assert head.locator(".summary").inner_text() == "1.5 × · Lanczos · strength 0.4"
    generate(page)
    wait_for(page, "finished")
    asked = served.studio.queue.jobs()[-1].request
    first = asked.width, asked.height
    assert asked.hires.changes() == {"scheduler": "Euler a", "steps": 3, "prompt": "a blue house"}
    assert (asked.hires.factor, asked.hires.strength) == (1.5, 0.4)
    size = asked.hires.size(first)
    page.wait_for_function(
        "wide => document.querySelector('.frame img')?.naturalWidth === wide", arg=size[0]
    )
    page.get_by_role("button", name="Reset all").click()
    assert "off" in head.inner_text()
    page.get_by_role("button", name="Use these settings").click()
    assert head.locator(".summary").inner_text() == "1.5 × · Lanczos · strength 0.4"
    assert page.locator("#hires_prompt").input_value() == "a blue house"


def test_a_refiner_is_chosen_and_hires_is_for_text_to_image(visit, served):
    page = visit()
    page.locator("[data-group='Refiner'] .group-head").click()
    page.locator("#refiner_checkpoint").click()
    page.get_by_role("option", name=served.studio.default_checkpoint).first.click()
    set_number(page, "refiner_switch_at", 0.6)
    generate(page)
    wait_for(page, "finished")
    refiner = served.studio.queue.jobs()[-1].request.refiner
    assert (refiner.checkpoint, refiner.switch_at) == (served.studio.default_checkpoint, 0.6)
    page.locator(".tabs").get_by_role("link", name="Image to image").click()
    assert page.locator("[data-group='Hires. fix']").is_hidden()
    assert page.locator("[data-group='Refiner']").is_visible()


def test_what_counts_only_with_hires_is_grey_without(visit):
    page = visit()
    group = page.locator("[data-group='Hires. fix']")
    group.locator(".group-head").click()
    controls = group.locator("input, select, button.choice")
    grey = "all => all.filter((one) => one.disabled && one.title.includes('switch it on'))"
    switch, others = page.locator("#hires"), controls.count() - 1
    assert others >= 15
    for is_on in (False, True, False):
        switch.set_checked(is_on)
        assert len(controls.evaluate_all(f"{grey}.map(one => one.id)")) == (0 if is_on else others)
        assert group.locator(".off").count() == 0 if is_on else group.locator(".off").count() > 9
        assert switch.is_enabled()


def test_when_to_switch_is_grey_without_a_refiner(visit, served):
    page = visit()
    page.locator("[data-group='Refiner'] .group-head").click()
    box = page.locator("#refiner_switch_at")
    assert box.is_disabled() and "choose one" in box.get_attribute("title")
    page.locator("#refiner_checkpoint").click()
    page.get_by_role("option", name=served.studio.default_checkpoint).first.click()
    assert box.is_enabled() and box.get_attribute("title") == ""
