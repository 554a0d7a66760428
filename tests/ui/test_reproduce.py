"""Reproduce under a picture: drawn again, with its receipt in a dialog."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.api.test_reproductions import changed, drawn, imported


def reproduced(page, id: str):
    page.locator(f".strip .tile[data-id='{id}']").click()
    page.locator(f".strip .tile[data-id='{id}'][aria-current]").wait_for()
    page.locator(".viewer [data-action=reproduce]").click()
    return page.locator("dialog.reproduce")


def test_the_same_is_said_and_what_differs_is_shown(visit, served):
    first = drawn(served)
    data = served.http.get(f"/studio/v1/images/{first}").content
    other = imported(served, changed(data, pixels=8))
    page = visit(width=390)
    dialog = reproduced(page, first)
    expect(dialog.locator(".reproduce-verdict")).to_have_text(
        "The same: all 4,096 pixels are equal."
    )
    expect(dialog.locator(".reproduce-pictures")).to_be_hidden()
    dialog.get_by_text("Close").click()
    drawn_so_far = len(served.studio.queue.jobs())
    dialog = reproduced(page, first)  # the receipt is there again
    expect(dialog.locator(".reproduce-verdict")).to_contain_text("The same")
    expect(dialog.get_by_role("button", name="Draw it again")).to_be_visible()
    assert len(served.studio.queue.jobs()) == drawn_so_far
    dialog.get_by_text("Close").click()
    dialog = reproduced(page, other)
    expect(dialog.locator(".reproduce-verdict")).to_contain_text("0.2 % of the pixels differ")
    expect(dialog.locator("img.then")).to_be_visible()
    dialog.get_by_label("Show where it differs").check()
    expect(dialog.locator("img.now")).to_have_attribute(
        "src",
        f"{served.url}/studio/v1/images/{other}/receipt/heat-map?job={served.studio.queue.jobs()[-1].id}",
    )
    box, inner = dialog.bounding_box(), dialog.get_by_text("Close").bounding_box()
    assert inner["x"] + inner["width"] <= box["x"] + box["width"] <= 390
