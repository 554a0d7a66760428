"""The page at rest: its controls, its memory, its manners."""

from __future__ import annotations

import pytest

from studio.domain.request import GenerationRequest, declaration
from tests.ui.using import generate, open_tab, set_number, shown_id, unfold, wait_for, wait_for_step

_NASTY = '<img src=x onerror="window.hurt=1"><script>window.hurt=2</script>${window.hurt=3}{{hurt}}'

_NOT_ON_THE_PAGE = {
    *("task", "batch_place", "refiner"),
    *("styles", "applied_styles", "prompt_template", "negative_prompt_template"),
}
"""Its tabs; what only the record of a picture has; what has a control for each of its fields."""


def test_every_field_of_the_request_has_its_control(visit):
    page = visit()
    for name in set(GenerationRequest.model_fields) - _NOT_ON_THE_PAGE:
        control = page.locator(f"#{name}")
        assert control.count() == 1, name
        label = page.locator(f"label[for={name}]").first
        assert label.text_content() == declaration(name).title
        bubble = page.locator(f"#{name}-help")
        has_bubble = control.get_attribute("aria-describedby") == f"{name}-help"
        help_text = bubble.text_content() if has_bubble else control.get_attribute("title")
        assert help_text == declaration(name).help


@pytest.fixture
def early(browser, served):
    """The page before Gradio's scripts have come, and what lets them come."""
    context = browser.new_context()
    page = context.new_page()
    held, late = [], []
    page.route("**/assets/*.js", lambda route: route.continue_() if late else held.append(route))
    page.goto(served.url, wait_until="commit")
    page.locator("body.ready").wait_for()

    def come():
        assert held
        late.append(True)
        for route in held:
            route.continue_()

    yield page, come
    context.close()


def test_nobody_waits_for_gradio_and_its_coming_disturbs_nobody(early):
    page, come = early
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.press_sequentially("a red ")
    come()
    page.locator(".studio-frame #studio").wait_for(state="attached")
    page.keyboard.type("house")
    assert prompt.input_value() == "a red house"


def test_a_click_during_which_gradio_comes_is_one(early):
    page, come = early
    page.locator(".tabs a[href='#models']").hover()
    page.mouse.down()
    come()
    page.locator(".studio-frame").wait_for(state="attached")
    page.wait_for_timeout(100)
    page.mouse.up()
    page.locator("body[data-tab=models]").wait_for()
    page.locator(".studio-frame #studio").wait_for(state="attached")


def test_ranges_and_defaults_come_from_declaration_and_family(visit, served):
    page = visit()
    family = served.studio.catalog.find(None).family
    box = page.locator("#steps")
    assert box.get_attribute("min") == "1"
    assert box.get_attribute("max") == "150"
    assert box.input_value() == str(family.steps)
    assert page.locator("#width").input_value() == str(family.native_size[0])
    assert float(page.locator("#guidance_scale").input_value()) == family.guidance_scale
    assert page.locator("#seed").input_value() == "-1"


def test_settings_survive_a_reload(visit, served):
    page = visit()
    page.get_by_label("Prompt", exact=True).fill("kept")
    page.locator("button.fold").click()
    page.get_by_label("Negative prompt", exact=True).fill("not this")
    set_number(page, "steps", 7)
    page.locator("#scheduler").select_option("Euler a")
    page.get_by_role("button", name="Advanced").click()
    page.reload()
    page.locator("#generate").wait_for()
    page.wait_for_function("document.querySelector('#steps').value === '7'")
    assert page.get_by_label("Prompt", exact=True).input_value() == "kept"
    assert page.locator("#scheduler").input_value() == "Euler a"
    assert page.locator("#clip_skip").is_visible()
    assert page.get_by_text("not this").first.is_visible()  # folded, but in sight
    generate(page, "kept")
    wait_for(page, "finished")
    job = served.studio.queue.jobs()[-1]
    assert (job.request.steps, job.request.scheduler) == (7, "Euler a")
    assert job.request.negative_prompt == "not this"


def test_sliders_reset_and_mark_what_changed(visit, served):
    page = visit()
    steps = served.studio.catalog.find(None).family.steps
    field = page.locator("[data-field=steps]")
    assert "changed" not in field.get_attribute("class")
    set_number(page, "steps", 900)
    assert page.locator("#steps").input_value() == "150"
    assert "changed" in field.get_attribute("class")
    field.locator("input[type=range]").dblclick()
    assert page.locator("#steps").input_value() == str(steps)
    set_number(page, "steps", 33)
    set_number(page, "batch_size", 2)
    page.get_by_role("button", name="Reset all").click()
    assert page.locator("#steps").input_value() == str(steps)
    assert page.locator("#batch_size").input_value() == "1"
    assert page.get_by_role("button", name="Reset all").is_disabled()


def test_typing_and_sliding_ask_for_words_and_seconds_alone_and_only_once_the_hand_rests(visit):
    page = visit(frame=True)
    page.wait_for_load_state("networkidle")  # the first forecast, the newest pictures
    asked = []

    def note(request):
        if request.resource_type in ("fetch", "xhr"):  # not what the frame still loads
            asked.append(request.url)

    page.on("request", note)
    page.get_by_label("Prompt", exact=True).focus()
    typing = "for (const letter of 'a red house') document.execCommand('insertText', false, letter)"
    with page.expect_request("**/studio/v1/completions*"):
        page.evaluate(typing)
    assert not any(url.endswith("/forecast") for url in asked)
    page.locator("[data-field=steps] input[type=range]").press("ArrowRight")
    page.locator("#scheduler").select_option("Euler")
    page.wait_for_timeout(300)
    most = {"status": 99, "forecast": 1, "completions": 1, "prompt": 2}
    for url in asked:
        most[url.partition("?")[0].rpartition("/")[2]] -= 1
    assert min(most.values()) >= 0, asked


def test_sizes_swap_and_arrow_keys(visit, served):
    page = visit()
    family = served.studio.catalog.find(None).family
    width, height = family.sizes[1]
    native = " × ".join(map(str, family.native_size))
    assert native in page.locator(".group.folded[data-group=Size]").inner_text()
    unfold(page, "Size")
    page.locator(f"[data-size='{width}x{height}']").click()
    page.get_by_role("button", name="Swap").click()
    assert page.locator("#width").input_value() == str(height)
    assert page.locator("#height").input_value() == str(width)
    page.locator("[data-field=width] input[type=range]").press("ArrowRight")
    assert page.locator("#width").input_value() == str(height + 8)
    set_number(page, "width", 131)
    assert page.locator("#width").input_value() == "128"
    assert "steps of 8" in page.locator("[data-field=width] .number-words").inner_text()


def test_a_typed_number_counts_as_it_is_meant_or_it_is_said(visit):
    page = visit()
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "To the prompt"
    set_number(page, "steps", 999)
    words = page.locator("[data-field=steps] .number-words")
    assert words.inner_text() == "150 is the most"
    assert page.locator("#steps").input_value() == "150"
    page.locator("#steps").fill("20")
    assert not words.is_visible()
    guidance = page.locator("#guidance_scale")
    guidance.fill("")
    guidance.press_sequentially("1,5")
    guidance.press("Tab")
    assert guidance.input_value() == "1.5"
    page.keyboard.press("/")
    assert page.locator(":focus").get_attribute("id") == "prompt"


def test_preferences_are_kept_in_this_browser(visit):
    page = visit(color_scheme="light")
    back = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(back)
    page.get_by_role("button", name="Preferences").click()
    asked = page.get_by_role("dialog", name="Preferences")
    asked.get_by_label("Theme").select_option("Dark")
    assert page.evaluate(back) != light
    asked.get_by_label("Format").select_option("JPEG")
    asked.get_by_label("Quality").fill("150")
    asked.get_by_label("Quality").press("Tab")
    asked.get_by_label("Previews in a second").select_option("2 at most")
    asked.get_by_text("100 is the most").wait_for()
    page.reload()
    page.locator("body.ready").wait_for()
    assert page.evaluate(back) != light
    page.get_by_role("button", name="Preferences").click()
    assert asked.get_by_label("Format").input_value() == "jpeg"
    assert asked.get_by_label("Quality").input_value() == "100"
    assert asked.get_by_label("Previews in a second").input_value() == "2"


def test_schedules_a_sampler_cannot_follow_are_off(visit):
    page = visit()
    page.locator("#scheduler").select_option("DDIM")
    assert page.locator("#noise_schedule option[value=karras]").is_disabled()
    page.locator("#scheduler").select_option("Euler")
    assert not page.locator("#noise_schedule option[value=karras]").is_disabled()
    page.locator("#noise_schedule").select_option("karras")
    page.locator("#scheduler").select_option("DDIM")
    assert "cannot follow" in page.locator("#settings .objection").first.inner_text()


def test_folded_groups_show_their_values(visit):
    page = visit()
    page.get_by_role("button", name="Sampling").click()
    head = page.get_by_role("button", name="Sampling")
    assert "DPM++ 2M" in head.inner_text()
    assert "CFG" in head.inner_text()
    assert not page.locator("#steps").is_visible()


def test_text_never_becomes_markup(visit, served):
    page = visit()
    page.get_by_label("Prompt", exact=True).fill(_NASTY)
    page.locator("button.fold").click()
    page.get_by_label("Negative prompt", exact=True).fill(_NASTY)
    page.locator("button.fold").click()
    set_number(page, "steps", 3)
    page.locator("#generate").click()
    wait_for(page, "finished")
    shown_id(page)
    page.reload()
    page.locator(".strip .tile").first.click()
    shown_id(page)
    assert page.evaluate("window.hurt") is None
    assert served.studio.queue.jobs()[-1].request.prompt == _NASTY
    assert page.get_by_label("Prompt", exact=True).input_value() == _NASTY


def test_phone(visit):
    page = visit(390, 844, frame=True, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    button = page.locator("#generate").bounding_box()
    assert button["y"] + button["height"] <= 844
    assert not page.locator("#steps").is_visible()
    page.get_by_role("button", name="Settings", exact=True).tap()
    page.locator("#steps").wait_for(state="visible")
    page.get_by_role("button", name="Close the settings").tap()
    page.locator("#steps").wait_for(state="hidden")
    page.get_by_label("Prompt", exact=True).fill("a boat")
    page.locator("#generate").tap()
    wait_for(page, "finished")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".frame").bounding_box()["width"] > 300


def test_no_request_to_another_host(visit, served, browser):
    context = browser.new_context()
    hosts = set()
    context.on("request", lambda request: hosts.add(request.url))
    page = visit(context=context, frame=True)
    generate(page)
    wait_for(page, "finished")
    shown_id(page)
    context.close()
    outside = [url for url in hosts if not url.startswith((served.url, "blob:", "data:"))]
    assert outside == []


def test_seven_tabs_of_one_visitor(visit, slow):
    first = visit()
    tabs = [first] + [visit(context=first.context) for _ in range(6)]
    set_number(tabs[-1], "steps", 60)
    generate(tabs[-1])
    wait_for_step(tabs[-1])
    slow()
    wait_for(tabs[-1], "finished")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable(visit, scheme):
    page = visit(frame=True, color_scheme=scheme)
    for tab in ("text_to_image", "inpaint"):
        open_tab(page, tab)
        ratios = page.evaluate(_CONTRASTS)
        poor = {words: ratio for words, ratio in ratios.items() if ratio < 4.5}
        assert len(ratios) > 20
        assert poor == {}, tab


_CONTRASTS = """
() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const line = [r, g, b].map((v) => {
      const share = v / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * line[0] + 0.7152 * line[1] + 0.0722 * line[2];
  };
  const back = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, a = 1] = parts(getComputedStyle(at).backgroundColor);
      if (a === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const found = {};
  for (const element of document.querySelectorAll("#studio *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !element.checkVisibility({visibilityProperty: true})) continue;
    if (element.closest(":disabled, .live, .mirror, svg, option")) continue;
    const [a, b] = [light(parts(getComputedStyle(element).color)), light(back(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    found[element.textContent.trim().slice(0, 40)] = Math.round(ratio * 100) / 100;
  }
  return found;
}
"""


def test_a_new_checkpoint_brings_its_defaults_except_where_the_user_chose(visit, served):
    page = visit()
    set_number(page, "steps", 33)
    page.evaluate(
        """async () => {
          const { modules } = await import(document.querySelector('script[src$="/page.js"]').src);
          const form = modules["settings/form.js"];
          form.field("guidance_scale").setDefault(9);
          form.field("steps").setDefault(50);
        }"""
    )
    assert page.locator("#guidance_scale").input_value() == "9"
    assert page.locator("#steps").input_value() == "33"
