"""A picture's own page: large, its family, its settings in words, what is done with it."""

from __future__ import annotations

import re

import httpx
import pytest

from studio.domain.request import GenerationRequest


@pytest.fixture(scope="module")
def family(one_studio) -> list[str]:
    """Ids: words, what was made from it, what was made from that."""
    queue, ids = one_studio.studio.queue, []
    for number, prompt in enumerate(("a red house", "a blue house", "a blue house, snow")):
        task = {"kind": "image_to_image", "image": f"picture:{ids[-1]}"} if ids else {}
        request = {"prompt": prompt, "seed": number, "steps": 2, "width": 64, "height": 64}
        job = queue.submit(GenerationRequest.parse(request | ({"task": task} if task else {})))
        list(job.events.follow())
        ids.append(job.pictures[0].id)
    return ids


def words_of(page) -> str:
    return page.locator(".picture-side").inner_text()


def shows(page, prompt: str) -> None:
    page.locator(".picture-prompt", has_text=re.compile(f"^{prompt}$")).wait_for()


def test_a_picture_and_its_family(visit, served, family):
    page = visit()
    page.goto(f"{served.url}/picture/{family[1]}")
    dialog = page.locator(".picture-page")
    dialog.locator(".picture-rows div").first.wait_for()
    assert dialog.locator(".picture-prompt").inner_text() == "a blue house"
    assert re.search(r"Denoising strength\s+0\.75", words_of(page))
    tiles = dialog.locator(".picture-family .tile")
    tiles.nth(2).wait_for()
    assert [tile.get_attribute("title") for tile in tiles.all()] == [
        "a red house",
        "a blue house",
        "a blue house, snow",
    ]

    dialog.get_by_label("Note").fill("for the calendar")
    dialog.get_by_label("Note").press("Tab")
    dialog.locator("[data-action=star]").click()
    dialog.locator("[data-action=star][aria-pressed=true]").wait_for()
    [entry] = httpx.get(f"{served.url}/studio/v1/images?starred=1").json()["images"]
    assert (entry["id"], entry["note"]) == (family[1], "for the calendar")

    dialog.locator("[data-action=compare]").click()
    page.get_by_role("menuitem", name="What it was made from").click()
    divider = dialog.get_by_role("slider", name="Parted here")
    divider.wait_for()
    divider.press("ArrowRight")
    assert divider.get_attribute("aria-valuenow") == "51"
    assert dialog.locator("img.against").get_attribute("src").endswith(family[0])

    tiles.nth(0).click()
    page.wait_for_url(f"**/picture/{family[0]}")
    shows(page, "a red house")
    assert divider.is_hidden()

    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "/picture/" not in url)
    assert dialog.is_hidden() and page.locator("#generate").is_visible()
    page.goto(f"{served.url}/picture/2020-01-01_00001-5")
    dialog.locator(".picture-lack:visible").wait_for()
    assert "no picture" in dialog.locator(".picture-lack").inner_text()
    page.goto(served.url)


def test_from_the_library_and_back(visit, served, family):
    page = visit()
    page.goto(f"{served.url}/#library")
    page.locator(".library-grid [data-id]").first.focus()
    page.keyboard.press("Enter")
    dialog = page.locator(".picture-page")
    dialog.locator(".picture-rows div").first.wait_for()
    assert dialog.locator(".picture-count").inner_text() == "1 of 3"
    page.keyboard.press("ArrowRight")
    page.wait_for_url(f"**/picture/{family[1]}")
    page.wait_for_function(
        "document.querySelector('.picture-prompt').textContent == 'a blue house'"
    )

    page.keyboard.press("Delete")
    page.wait_for_url(f"**/picture/{family[0]}")
    assert dialog.locator(".picture-count").inner_text() == "2 of 2"
    dialog.get_by_role("button", name="Undo").click()
    page.wait_for_url(f"**/picture/{family[1]}")
    page.wait_for_function(
        "document.querySelector('.picture-prompt').textContent == 'a blue house'"
    )
    assert httpx.get(f"{served.url}/studio/v1/images").json()["total"] == 3

    dialog.get_by_role("button", name="Use these settings").click()
    dialog.wait_for(state="hidden")
    page.wait_for_url("**/#image-to-image")
    assert page.get_by_label("Prompt", exact=True).input_value() == "a blue house"
