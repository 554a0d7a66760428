"""What a visitor does and sees, in words."""

from __future__ import annotations

import re
from urllib.parse import urlsplit


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


def status(page) -> str:
    return page.locator(".status").inner_text()


def facts(page) -> dict[str, str]:
    """Seed, size and so on under the picture."""
    words = page.locator(".facts").inner_text().split(" · ")
    return {"seed": re.sub(r"\D", "", words[0]), "size": words[1], "scheduler": words[2]}
