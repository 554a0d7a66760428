"""What a visitor does and sees, in words."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image


def generate(page, prompt: str = "a red house") -> None:
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.locator("#generate").click()


def wait_for(page, state: str) -> None:
    page.locator(f".viewer[data-state={state}]").wait_for()


def shown(page) -> str:
    """Address of the picture in the frame."""
    return page.locator(".frame img").get_attribute("src")


def shown_id(page) -> str:
    """Id of the finished picture in the frame."""
    page.wait_for_function(
        "document.querySelector('.frame img')?.src.includes('/studio/v1/images/')"
    )
    return urlsplit(shown(page)).path.rsplit("/", 1)[1]


def wait_for_step(page, least: int = 1) -> None:
    """Until a preview of step `least` or later is on screen."""
    page.wait_for_function(
        "least => Number(document.querySelector('.frame')?.dataset.step ?? 0) >= least", arg=least
    )


def set_number(page, name: str, value: float) -> None:
    box = page.locator(f"#{name}")
    box.fill(str(value))
    box.press("Tab")


def unfold(page, group: str) -> None:
    """Show what is in a folded group of settings."""
    page.locator(f".group.folded[data-group='{group}'] .group-head").click()


def status(page) -> str:
    return page.locator(".status").inner_text()


def facts(page) -> dict[str, str]:
    """Seed, size and so on under the picture."""
    words = page.locator(".facts").inner_text().split(" · ")
    return {"seed": re.sub(r"\D", "", words[0]), "size": words[1], "scheduler": words[2]}


def pick(page, button, name: str) -> None:
    """Choose `name` from the list that `button` opens."""
    button.click()
    page.get_by_role("combobox", name="Search").fill(name)
    page.locator(".picker .option", has_text=name).first.wait_for()
    page.keyboard.press("Enter")


def drop_files(page, paths, selector: str) -> None:
    """Drop files and folders of this machine onto an element, as a file manager does."""
    page.locator(selector).scroll_into_view_if_needed()
    box = page.locator(selector).bounding_box()
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": list(map(str, paths)), "dragOperationsMask": 1}
    send = page.context.new_cdp_session(page).send
    for kind in ("dragEnter", "dragOver", "drop"):
        send("Input.dispatchDragEvent", {"type": kind, "data": data, **at})


def open_tab(page, kind: str) -> None:
    """Show the tab of the task `kind`."""
    page.locator(f".tabs a[href='#{kind.replace('_', '-')}']").click()
    page.locator(f"body[data-task={kind}]").wait_for()


def open_place(page, name: str) -> None:
    """Show a tab that is behind More."""
    page.locator(".tabs-more").click()
    page.locator(f"#more-tabs a[href='#{name}']").click()


def view(page) -> str:
    """What the place of the picture shows."""
    return page.locator("body").get_attribute("data-view")


def send_to(page, kind: str) -> None:
    """Send the picture that is shown to another tab, and wait until it is there."""
    page.get_by_role("button", name="Send to").click()
    page.locator(f".viewer .menu-list [data-kind={kind}]").click()
    page.locator(f".source.{kind} .canvas[data-state=ready]").wait_for()


def paint(page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A stroke with the mouse over the mask canvas, from shares of the picture to shares of it."""
    box = page.locator(".source.inpaint .canvas-world img").bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move(*at[1], steps=8)
    page.mouse.up()


def save_picture(path: Path, size: tuple[int, int], colour: str = "teal") -> Path:
    """A plain picture as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path
