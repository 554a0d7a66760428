"""Where each word of a picture acted: its prompt as buttons, and a map over the picture."""

from __future__ import annotations

from tests.ui.using import shown_id

SMALL = {"prompt": "a red (house:1.2)", "seed": 7, "steps": 2, "width": 64, "height": 64}


def test_a_picture_is_drawn_again_to_see_where_its_words_acted(visit, served):
    served.wait_until(served.submit(**SMALL), "finished")
    page = visit()
    first = shown_id(page)
    answer = served.http.get(f"/studio/v1/images/{first}/words")
    assert (answer.status_code, "Turn on" in answer.json()["message"]) == (404, True)
    page.get_by_role("button", name="Where did each word act?").click()

    heat, live = page.locator(".over.heat"), page.locator(".live")
    words = page.locator(".word-buttons button")
    heat.wait_for()
    again = shown_id(page)
    assert again != first
    request = served.http.get(f"/studio/v1/images/{again}/request").json()
    assert (request["seed"], request["attention_maps"]) == (7, True)
    assert words.all_inner_texts() == ["a", "red", "house"]
    assert page.locator(".word-buttons").inner_text() == SMALL["prompt"]
    pressed = page.locator(".word-buttons [aria-pressed=true]")
    assert pressed.all_inner_texts() == ["house"]  # that acted most
    assert heat.locator("canvas").get_attribute("aria-label") == "house: strongest on the right"
    brightness = """() => {
      const canvas = document.querySelector(".heat canvas");
      const { width, height } = canvas;
      const at = (x) => canvas.getContext("2d").getImageData(x, height / 2, 1, 1).data;
      return [at(4), at(width - 4)].map(([red]) => red);
    }"""
    assert page.evaluate(brightness) == [0, 255]

    page.locator(".line .status", has_text="Finished").wait_for()  # which is read out, too
    words.first.click()
    page.get_by_role("img", name="a: strongest on the left").wait_for()
    assert live.inner_text() == "a: strongest on the left"
    assert page.locator(".heat-word").inner_text() == "a · 17 %"
    assert page.evaluate(brightness)[0] < 250  # it acted less than the other
    words.first.click()
    heat.wait_for(state="detached")
    assert pressed.count() == 0
    page.keyboard.press("Enter")  # it has the focus
    heat.wait_for()
    page.keyboard.press("ArrowRight")
    page.get_by_role("img", name="red: strongest in the middle").wait_for()
    assert pressed.all_inner_texts() == ["red"]
    page.keyboard.press("Escape")
    heat.wait_for(state="detached")

    page.locator(f".strip .tile[data-id='{first}']").click()
    page.get_by_role("button", name="Where did each word act?").wait_for()
    assert words.count() == 0
    page.locator(f".strip .tile[data-id='{again}']").click()
    page.get_by_role("button", name="Where each word acted", exact=True).click()
    page.get_by_role("img", name="red: strongest in the middle").wait_for()  # the last one
    heat.click()
    heat.wait_for(state="detached")
