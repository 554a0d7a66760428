"""The queue in the hand: seen, moved, edited, repeated, paused, cleared."""

from __future__ import annotations

import pytest

from studio.engine.fake import FakeEngine
from studio.web import create_app
from tests.ui.using import generate, set_number, unfold, wait_for, wait_for_step

BUTTON = ".status-bar .queue"


_COUNT_NOTICES = """
() => {
  window.told = [];
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (at) {
    window.told.push("tone");
    return start.call(this, at);
  };
  window.Notification = class {  // a browser without windows shows none
    static permission = "default";
    static async requestPermission() {
      window.told.push("asked");
      Notification.permission = "granted";
      return "granted";
    }
    constructor(title, of) {
      window.told.push(`${title}: ${of.body}`);
    }
    addEventListener() {}
  };
}
"""


def queue_some(page, *prompts: str) -> None:
    """The first of them is drawn, the others wait."""
    set_number(page, "steps", 150)
    for count, words in enumerate(prompts):
        generate(page, words)
        if count == 0:
            wait_for_step(page)
        else:
            page.get_by_text(f"{count} more waiting").wait_for()


def rows(page, part: str = "waiting"):
    return page.locator(f".queue-{part} li")


def wait_for_rows(page, prompts: list[str], part: str = "waiting") -> None:
    page.wait_for_function(
        """([part, wanted]) => {
          const rows = [...document.querySelectorAll(`.queue-${part} li .queue-prompt`)];
          return rows.map((one) => one.textContent).join("|") === wanted;
        }""",
        arg=[part, "|".join(prompts)],
    )


def waiting(served) -> list[str]:
    return [job.request.prompt for job in served.studio.queue.jobs() if job.state == "queued"]


def test_the_queue_is_seen_moved_and_taken_back_by_keys(visit, served, slow):
    page = visit()
    queue_some(page, "one", "two", "three", "four")
    page.locator("body").click()
    page.keyboard.press("q")
    wait_for_rows(page, ["one"], "now")
    wait_for_rows(page, ["two", "three", "four"])
    assert "4 in the queue" in page.locator(BUTTON).inner_text()
    assert rows(page).nth(1).locator(".queue-state").inner_text() == "1 before it"
    rows(page, "now").locator("img").wait_for()  # its preview
    rows(page, "now").locator(".queue-state").get_by_text("Step").wait_for()

    page.wait_for_function("document.activeElement.matches('.queue-now li')")
    page.keyboard.press("End")
    page.keyboard.press("Alt+ArrowUp")
    wait_for_rows(page, ["two", "four", "three"])
    page.keyboard.press("Alt+Home")
    wait_for_rows(page, ["four", "two", "three"])
    assert waiting(served) == ["four", "two", "three"]
    assert page.evaluate("document.activeElement.dataset.id") == rows(page).first.get_attribute(
        "data-id"
    )

    page.keyboard.press("ArrowDown")
    page.keyboard.press("Delete")
    wait_for_rows(page, ["four", "three"])
    page.get_by_text("1 more waiting").wait_for(state="detached")
    page.locator(".queue-said").get_by_role("button", name="Undo").click()
    wait_for_rows(page, ["four", "two", "three"])
    assert waiting(served) == ["four", "two", "three"]

    page.keyboard.press("Escape")
    assert not page.locator(".queue-panel").is_visible()
    assert [job.state for job in served.studio.queue.jobs()].count("running") == 1
    slow()
    wait_for(page, "finished")
    page.get_by_text("more waiting").wait_for(state="detached")


def test_a_job_that_waits_is_edited_and_goes_back_to_its_place(visit, served, slow):
    page = visit()
    queue_some(page, "one", "two", "three")
    page.locator(BUTTON).click()
    wait_for_rows(page, ["two", "three"])
    page.get_by_label("Prompt", exact=True).fill("what I write now")
    set_number(page, "steps", 7)
    rows(page).first.hover()
    rows(page).first.get_by_role("button", name="Edit").click()
    wait_for_rows(page, ["three"])
    assert page.get_by_label("Prompt", exact=True).input_value() == "two"
    assert page.locator("#steps").input_value() == "150"
    page.locator(".queue-said").get_by_role("button", name="Undo").click()
    wait_for_rows(page, ["two", "three"])
    assert page.get_by_label("Prompt", exact=True).input_value() == "what I write now"
    assert page.locator("#steps").input_value() == "7"

    rows(page).nth(1).drag_to(rows(page).first, target_position={"x": 60, "y": 5})
    wait_for_rows(page, ["three", "two"])
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").wait_for()
    assert served.studio.queue.paused
    assert "paused" in page.locator(BUTTON).inner_text()
    page.get_by_role("button", name="Clear").click()
    wait_for_rows(page, [])
    page.locator(".queue-said").get_by_role("button", name="Undo").click()
    wait_for_rows(page, ["three", "two"])
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Sound and notification").click()
    assert not page.get_by_label("Sound").is_checked()
    page.evaluate(_COUNT_NOTICES)
    page.get_by_label("Sound").check()
    assert page.evaluate("told") == ["tone", "tone"], "it is heard at once what it will be like"
    page.get_by_label("Notification", exact=True).check()
    page.wait_for_function("told.length === 3 && told[2] === 'asked'")
    page.evaluate("performance.now = () => 20_000 + performance.timeOrigin")  # a while later
    slow()
    page.wait_for_function("told.length >= 12")
    assert page.evaluate("told.slice(3).filter((one) => one !== 'tone')") == [
        f"A picture is ready: {words}" for words in ("one", "three", "two")
    ]
    wait_for_rows(page, ["two", "three", "one"], "ended")
    drawn = [job.request.prompt for job in served.studio.queue.jobs() if job.state == "finished"]
    assert sorted(drawn) == ["one", "three", "two"]


def test_on_a_phone_what_failed_says_why_and_is_tried_again(visit, served):
    page = visit(390, 844, has_touch=True, is_mobile=True)
    generate(page, "break now")
    wait_for(page, "failed")
    served.engine.step_s = 0.1
    page.locator(BUTTON).tap()
    wait_for_rows(page, ["break now"], "ended")
    row = rows(page, "ended").first
    assert row.locator(".queue-state").inner_text() == "The fake engine was told to fail."
    sizes = page.evaluate(
        """[...document.querySelectorAll(".queue-panel :is(button, label)")]
          .filter((one) => one.checkVisibility())
          .map((one) => one.getBoundingClientRect())
          .map(({ width, height }) => Math.min(width, height))"""
    )
    assert len(sizes) >= 6 and min(sizes) >= 40
    row.get_by_role("button", name="Retry").tap()
    wait_for_rows(page, ["break now"], "now")
    rows(page, "now").first.get_by_role("button", name="Repeat").tap()
    wait_for_rows(page, ["break now"])
    served.engine.step_s = 0.005
    wait_for_rows(page, ["break now", "break now"], "ended")
    rows(page, "ended").first.tap()
    rows(page, "ended").first.get_by_role("button", name="Dismiss").tap()
    wait_for_rows(page, ["break now"], "ended")
    page.locator("h1").tap()
    page.locator(".queue-panel").wait_for(state="hidden")
    assert len(served.studio.queue.jobs()) == 1


def test_a_press_says_before_what_it_takes_and_asks_before_it_blocks_others(visit, served, slow):
    page = visit()
    generate(page, "to learn from")
    wait_for(page, "finished")
    beside = page.locator(".forecast", has_text="about")
    beside.wait_for()
    served.submit(prompt="of somebody else", steps=150, width=64, height=64)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.locator(".status-bar").get_by_text("1 in the queue").wait_for()
    page.locator(".forecast", has_text="waiting").wait_for()

    long = {"seconds": 372.0, "memory_bytes": None, "fits": True, "why": None, "waits_s": 20.0}
    page.route("**/studio/v1/forecast", lambda route: route.fulfill(json=long))
    set_number(page, "steps", 30)
    page.locator(".forecast", has_text="about 6 min").wait_for()
    page.locator("#generate").click()
    dialog = page.get_by_role("dialog", name="A long picture")
    words = "128 × 128: about 6 min. Somebody else waits meanwhile. Draw it?"
    dialog.get_by_text(words).wait_for()
    page.keyboard.press("Escape")
    page.locator("#stop:disabled").wait_for()
    assert len(served.studio.queue.jobs()) == 2
    page.locator("#generate").click()
    dialog.get_by_role("button", name="Draw it").click()
    page.get_by_text("1 before you").first.wait_for()

    none = long | {"fits": False, "why": "This needs 90 GB. 1024 × 1024 fits."}
    page.unroute("**/studio/v1/forecast")
    page.route("**/studio/v1/forecast", lambda route: route.fulfill(json=none))
    unfold(page, "Size")
    set_number(page, "width", 256)
    page.locator(".forecast-why", has_text="1024 × 1024 fits.").wait_for()
    slow()
    wait_for(page, "finished")


@pytest.fixture
def logins(browser, serve):
    served = serve(FakeEngine(step_s=0.1), app=create_app, auth=("ann:one", "ben:two"))
    contexts = []

    def page_of(name: str, word: str):
        given = {"username": name, "password": word}
        context = browser.new_context(http_credentials=given)
        contexts.append(context)
        page = context.new_page()
        page.goto(served.url)
        page.locator("body.ready").wait_for()
        return page

    yield served, page_of
    for context in contexts:
        context.close()


def test_jobs_of_others_are_seen_and_left_alone(logins):
    _, page_of = logins
    ann, ben = page_of("ann", "one"), page_of("ben", "two")
    queue_some(ann, "ann's house")
    generate(ben, "ben's boat")
    ben.locator(BUTTON).click()
    wait_for_rows(ben, ["ann's house"], "now")
    wait_for_rows(ben, ["ben's boat"])
    assert rows(ben, "now").locator(".queue-state").inner_text().startswith("ann · Step")
    rows(ben, "now").hover()
    assert rows(ben, "now").get_by_role("button").count() == 0
    rows(ben).hover()
    rows(ben).get_by_role("button", name="Cancel").click()
    wait_for_rows(ben, [])
