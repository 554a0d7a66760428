"""The mask canvas: from the pointer to the screen, and what it adds to a click on Generate.

    python benchmarks/canvas.py [--sizes 1536x1024,4000x3000] [--moves N] [--repeats N] [--json]

Draws with the mouse in a real Chromium (`STUDIO_CHROMIUM`, `chromium` or `google-chrome`; needs
playwright) on the page of a real studio.

stroke_to_screen  from a movement of the pointer to the screen that shows its stroke, as the browser
                  itself traces each event
frame_to_screen   the same without the wait for the next of 60 frames a second, to which a browser
                  holds such events back: painting, drawing, compositing
work              the part of it that the canvas takes to paint a movement into the mask
submit            encoding and sending the mask: the canvas' share of the time after the click
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from common import served
from PIL import Image
from playwright.sync_api import Browser, Page

GOALS = {
    "1536x1024": {"stroke_to_screen_ms": 16, "submit_s": 0.5},
    "4000x3000": {"submit_s": 2.0},
}
_SUBMIT = """
async () => {
  const { modules } = await import(document.querySelector('script[src$="/page.js"]').src);
  const started = performance.now();
  await modules["canvas/sources.js"].ready("inpaint");
  return (performance.now() - started) / 1000;
}
"""
_TIME_WORK = """
() => {
  window.work = [];
  const port = document.querySelector(".canvas[data-kind=inpaint] .canvas-port");
  let began = 0;
  addEventListener("pointermove", () => (began = performance.now()), { capture: true });
  port.addEventListener("pointermove", () => work.push(performance.now() - began));
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default=",".join(GOALS))
    parser.add_argument("--moves", type=int, default=240, help="movements of the pointer")
    parser.add_argument("--repeats", type=int, default=5, help="submits")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = _measure(Path(folder), options)
    if options.json:
        print(json.dumps(report))
        return
    for size, row in report.items():
        print(size)
        for name, value in row.items():
            goal = GOALS.get(size, {}).get(name.replace("_median", ""))
            print(f"  {name:28} {value:8.3f}" + (f"   goal {goal:g}" if goal else ""))


def _measure(folder: Path, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    with served.studio(folder / "data") as studio, served.chromium() as browser:
        _at_size(browser, studio.address, folder, "512x512", options)  # warms the browser up
        return {
            size: _at_size(browser, studio.address, folder, size, options)
            for size in options.sizes.split(",")
        }


def _at_size(
    browser: Browser, address: str, folder: Path, size: str, options: argparse.Namespace
) -> dict[str, float]:
    width, height = (int(side) for side in size.split("x"))
    picture = folder / f"{size}.png"
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(picture)
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{address}/#inpaint")
    with page.expect_file_chooser() as chooser:
        page.locator("[data-kind=inpaint] .canvas-empty [data-do=picture-choose]").click()
    chooser.value.set_files(str(picture))
    page.locator(".canvas[data-kind=inpaint][data-state=ready]").wait_for()
    _brush(page, size=min(width, height) // 10, softness=50)
    page.evaluate(_TIME_WORK)
    _draw(page, options.moves // 4, 0)  # warms up
    browser.start_tracing(page=page, categories=["cc", "benchmark", "input"])
    _draw(page, options.moves, 1)
    measured = list(_latencies_ms(json.loads(browser.stop_tracing())["traceEvents"]))
    latencies, after_wait = (sorted(times) for times in zip(*measured, strict=True))
    work = page.evaluate("work")[-options.moves :]
    submits = []
    for repeat in range(options.repeats):
        _draw(page, 6, 2 + repeat)
        submits.append(page.evaluate(_SUBMIT))
    page.close()
    return {
        "stroke_to_screen_ms_median": round(statistics.median(latencies), 2),
        "stroke_to_screen_ms_p95": round(latencies[int(0.95 * len(latencies))], 2),
        "frame_to_screen_ms_median": round(statistics.median(after_wait), 2),
        "frame_to_screen_ms_p95": round(after_wait[int(0.95 * len(after_wait))], 2),
        "work_ms_median": round(statistics.median(work), 2),
        "work_ms_max": round(max(work), 2),
        "submit_s_median": round(statistics.median(submits), 3),
        "submit_s_max": round(max(submits), 3),
    }


def _brush(page: Page, **options: int) -> None:
    stroke = page.locator("[data-kind=inpaint]").get_by_role("button", name="Stroke", exact=True)
    stroke.click()
    for name, value in options.items():
        box = page.locator(f"[data-kind=inpaint] [data-option={name}] input[type=number]")
        box.fill(str(value))
        box.press("Enter")
    stroke.click()


def _draw(page: Page, moves: int, phase: float) -> None:
    """One stroke of so many movements over all of the picture."""
    box = page.locator(".canvas[data-kind=inpaint] .canvas-world img").bounding_box()
    for move in range(moves + 1):
        across = 0.5 + 0.45 * math.cos(move / 17 + phase)
        down = 0.5 + 0.45 * math.sin(move / 11 + phase)
        page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
        if move == 0:
            page.mouse.down()
    page.mouse.up()


def _latencies_ms(events: list[dict]) -> Iterator[tuple[float, float]]:
    """Of each movement that reached the screen: since it happened, since the page was told."""
    began: dict[str, float] = {}
    received: dict[str, float] = {}
    for event in sorted(events, key=lambda one: one.get("ts", 0)):
        key = str(event.get("id2"))
        if event["name"] == "EventLatency" and event["ph"] == "b":
            about = event["args"].get("event_latency", {})
            is_shown = "surface_frame_trace_id" in about
            if about.get("event_type") == "MOUSE_DRAGGED" and is_shown:
                began[key] = event["ts"]
        elif event["name"] == "RendererMainProcessing" and event["ph"] == "b":
            received[key] = event["ts"]
        elif event["name"] == "EventLatency" and event["ph"] == "e" and key in began:
            start = began.pop(key)
            yield (event["ts"] - start) / 1000, (event["ts"] - received.pop(key, start)) / 1000


if __name__ == "__main__":
    main()
