"""Settings come out of files of any studio: dropped, pasted or chosen, shown, restored, undone."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from tests.reading import test_studios as studios
from tests.reading.files import png
from tests.reading.test_comfyui import simple
from tests.ui.using import open_tab, set_number, shown_id, wait_for

INFOTEXT = (
    "a red house, (moon:1.3)\nNegative prompt: blur\nSteps: 12, Sampler: DPM++ 2M, "
    "Schedule type: Karras, CFG scale: 7, Seed: 77, Size: 192x128, Model: picturebook, "
    'Favourite colour: blue, Lora hashes: "inky: 1234567890ab"'
).replace("house", "house <lora:inky:0.8>")

# Source as it is named, what stands in the file, its seed, and a part of its prompt.
OTHERS = (
    ("SD.Next", {"parameters": studios.TestSdNext.TEXT}, 77, "a fox"),
    ("InvokeAI", {"invokeai_metadata": json.dumps(studios.TestInvokeAI.SAID)}, 0, "a fox"),
    ("ComfyUI", {"prompt": json.dumps(simple())}, 77, "a fox (red:1.2)"),
    (
        "Fooocus",
        {"parameters": json.dumps(studios.TestFooocus.SAID), "fooocus_scheme": "fooocus"},
        studios.TestFooocus.EXPECTED["seed"],
        studios.TestFooocus.EXPECTED["prompt"],
    ),
    (
        "NovelAI",
        {**studios.TestNovelAI.CHUNKS, "Comment": studios.comment()},
        77,
        studios.TestNovelAI.PROMPT,
    ),
)

_DROP = """
([at, name, type, content, text]) => {
  const transfer = new DataTransfer();
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  if (name) transfer.items.add(new File([bytes], name, {type}));
  if (text) transfer.setData("text/plain", text);
  const tell = (kind) => {
    const of = {bubbles: true, cancelable: true, composed: true};
    const event = kind === "paste" ? new ClipboardEvent(kind, {...of, clipboardData: transfer})
      : new DragEvent(kind, {...of, dataTransfer: transfer});
    return document.querySelector(at).dispatchEvent(event);
  };
  return text ? tell("paste") : ["dragenter", "dragover", "drop"].map(tell).at(-1);
}
"""


def drop(page, at: str, content: bytes, name: str = "a.png", type: str = "image/png") -> None:
    """A file on the element `at`. The browser must not open it."""
    told = [at, name, type, base64.b64encode(content).decode(), ""]
    assert page.evaluate(_DROP, told) is False


def paste(page, at: str, text: str) -> None:
    page.evaluate(_DROP, [at, "", "", "", text])


def report(page, state: str = "read"):
    page.locator(f".restore[open][data-state={state}]").wait_for()
    return page.locator(".restore")


def value(page, name: str) -> str:
    return page.locator(f"#{name}").input_value()


@contextmanager
def all_set(page) -> Iterator[None]:
    """On leaving, what was restored within is in the form."""
    undo = page.locator(".viewer .undo")
    undo.evaluate("button => { button.hidden = true; }")
    yield
    undo.wait_for()  # it is offered once all is set


def restore(page, what: str = "all") -> None:
    page.locator(f".restore [value={what}]").check()
    with all_set(page):
        page.locator(".restore [value=restore]").click()


def test_what_a_file_says_is_shown_restored_and_undone(visit, served):
    page = visit()
    page.get_by_label("Prompt", exact=True).fill("mine")
    drop(page, ".viewer .stage", png(parameters=INFOTEXT))
    words = report(page).inner_text()
    assert "Settings from AUTOMATIC1111 / Forge" in words
    assert "10 settings, 1 not understood, 1 LoRA missing" in words
    for told in ("inky (1234567890ab)", "Favourite colour", "no such setting"):
        assert told in words, told
    steps = page.locator(".restore-row", has_text="Steps").first
    assert steps.inner_text().split() == ["Steps", "20", "→", "12"]
    assert value(page, "steps") == "20", "nothing changes before the press"
    page.keyboard.press("Escape")
    assert value(page, "steps") == "20" and value(page, "prompt") == "mine"

    drop(page, "#prompt", png(parameters=INFOTEXT))
    report(page)
    restore(page)
    now = [value(page, name) for name in ("prompt", "negative_prompt", "steps", "seed", "width")]
    assert now == ["a red house , (moon:1.3)", "blur", "12", "77", "192"]
    assert "without inky" in page.locator(".viewer .status").inner_text()
    page.keyboard.press("Control+z")
    now = [value(page, name) for name in ("prompt", "negative_prompt", "steps", "seed", "width")]
    assert now == ["mine", "", "20", "-1", "128"]

    set_number(page, "seed", 5)
    set_number(page, "batch_size", 3)
    drop(page, "#settings", png(parameters=INFOTEXT))
    report(page)
    restore(page, "seedless")
    assert [value(page, name) for name in ("seed", "steps", "batch_size")] == ["5", "12", "1"]
    page.locator(".viewer .undo").click()
    assert value(page, "batch_size") == "3"
    drop(page, "#top-bar", png(parameters=INFOTEXT))
    report(page)
    restore(page, "prompts")
    assert [value(page, name) for name in ("negative_prompt", "steps")] == ["blur", "20"]

    for source, chunks, seed, prompt in OTHERS:
        drop(page, ".viewer .stage", png(**chunks))
        assert f"Settings from {source}" in report(page).inner_text()
        restore(page)
        assert (value(page, "seed"), value(page, "prompt")) == (str(seed), prompt), source
    page.locator("[data-action=reset-all]").click()
    assert value(page, "seed") == "-1"
    page.locator(".viewer .undo").click()
    assert value(page, "seed") == "77"


def test_where_a_dropped_picture_comes_from_is_said(visit, served):
    page = visit()
    drop(page, ".viewer .stage", png(parameters=INFOTEXT))
    origin = report(page).locator(".restore-origin")
    origin.get_by_text("Nothing else here confirms that.").wait_for()
    origin.locator("summary").click()
    assert "Settings as of AUTOMATIC1111" in origin.inner_text()


def test_what_cannot_be_read_says_why_and_text_is_read_too(visit, served):
    page = visit()
    asked = []
    page.on("request", lambda request: "/read" in request.url and asked.append(request.url))
    drop(page, "body", b"", "empty.png")
    assert "empty.png is empty" in report(page, "nothing").inner_text()
    page.evaluate(
        """() => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(64 * 2 ** 20 + 1)], "big.png"));
          const of = {bubbles: true, cancelable: true, dataTransfer: transfer};
          document.body.dispatchEvent(new DragEvent("drop", of));
        }"""
    )
    assert "big.png has 65 MB" in report(page, "nothing").inner_text()
    assert asked == []
    drop(page, ".restore", png()[:40], "cut.png")
    page.locator(".restore", has_text="cut.png").wait_for()
    assert "cut.png" in report(page, "nothing").inner_text()
    drop(page, ".restore", png(), "plain.png")
    page.locator(".restore", has_text="plain.png").wait_for()
    assert "often take them out" in report(page, "nothing").inner_text()
    page.keyboard.press("Escape")

    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill(INFOTEXT)  # as the browser pastes it
    paste(page, "#prompt", INFOTEXT)
    offer = page.locator(".restore-offer")
    offer.get_by_text("This text carries 10 settings").wait_for()
    assert prompt.input_value() == INFOTEXT
    with all_set(page):
        offer.get_by_role("button", name="Restore").click()
    assert prompt.input_value() == "a red house , (moon:1.3)"
    prompt.press("Control+z")
    assert prompt.input_value() == INFOTEXT
    paste(page, "#prompt", "a fox, (moon:1.3)")
    assert offer.inner_text() == ""

    prompt.fill("")
    page.get_by_role("button", name="Paste settings").click()
    page.get_by_label("Settings as text").fill(json.dumps({"prompt": "a boat", "steps": 7}))
    page.keyboard.press("Control+Enter")
    assert "Settings from Latent Studio" in report(page).inner_text()
    with all_set(page):
        page.keyboard.press("Enter")
    assert (value(page, "prompt"), value(page, "steps")) == ("a boat", "7")


def pixels(file: bytes) -> bytes:
    """Files are signed, each anew."""
    return Image.open(io.BytesIO(file)).tobytes()


def test_our_own_picture_comes_again_to_the_pixel_and_a_source_keeps_its_place(visit, served):
    page = visit()
    http = served.http
    http.put("/studio/v1/styles/Thick", json={"prompt": "in thick paint"}).raise_for_status()
    fields = {"prompt": "{red|blue} house", "styles": ["Thick"], "steps": 4, "batch_size": 2}
    hires = {"factor": 1.5, "strength": 0.4}
    id = served.submit(**fields, seed=9, width=64, height=64, hires=hires)
    images = served.wait_until(id, "finished")["images"]
    kept = [http.get(f"/studio/v1/images/{image['id']}").content for image in images]
    drop(page, ".viewer .stage", kept[0])
    report(page)
    restore(page)
    assert value(page, "prompt") == "{red|blue} house"
    set_number(page, "batch_size", 2)
    page.locator("#generate").click()
    wait_for(page, "finished")
    again = http.get(f"/studio/v1/images/{shown_id(page)}").content
    assert pixels(again) == pixels(kept[0])

    drop(page, ".viewer .stage", kept[1])
    report(page)
    restore(page)
    assert [value(page, name) for name in ("seed", "batch_size")] == ["10", "1"]

    open_tab(page, "image_to_image")
    drop(page, ".source.image_to_image .canvas", kept[1])
    page.locator(".source.image_to_image .canvas[data-state=ready]").wait_for()
    offer = page.locator(".restore-offer")
    offer.get_by_text("This picture carries").wait_for()
    offer.get_by_role("button", name="Details").click()
    report(page)
    page.keyboard.press("Escape")
    drop(page, "#prompt", png(parameters=INFOTEXT + ", Denoising strength: 0.6"))
    words = report(page).inner_text()
    assert "1 not understood, 1 LoRA missing, 1 picture missing" in words
    assert words.count("Denoising strength") == 1, "it comes, though its picture does not"
    restore(page)
    assert page.locator("body").get_attribute("data-task") == "image_to_image"
    assert "choose its picture, without inky" in page.locator(".viewer .status").inner_text()
    assert value(page, "strength") == "0.6"
    http.delete("/studio/v1/styles/Thick")
