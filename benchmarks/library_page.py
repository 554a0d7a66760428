"""How the library scrolls: ten thousand pictures in a real Chromium.

    python benchmarks/library_page.py [--pictures 10000] [--json]

Pictures of three shapes lie in the folder before the studio starts; it takes them in. The Library
tab is then opened, and the wheel turned, slowly (a row in a few frames) and fast (a screen in two).
Told are the milliseconds between frames as the page sees them (goal: 16.7 in the middle), beside
them the milliseconds of the processor that the page's own thread spends on a frame, which say more
on a machine that is busy or has no graphics; tasks of more than 50 ms; tiles in the page at most;
the heap after all were seen, garbage collected. `jump_ms` is from the End key until the very last
picture is on screen: all pages of the library are fetched for it.
`search_ms` is from the last key of a word until what it finds is on screen (goal: 400, of which the
page waits 200 for more keys).
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from common import served
from PIL import Image
from playwright.sync_api import Page

from studio.domain.events import Picture
from studio.domain.request import GenerationRequest
from studio.gallery.files import encode

_SHAPES = ((512, 512), (512, 768), (768, 512), (512, 512))
_PER_DAY = 80
_WATCH = """
() => {
  const seen = { frames: [], longest: [], tiles: 0, on: true };
  window.seen = seen;
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) seen.longest.push(one.duration);
  }).observe({ type: "longtask" });
  let last = performance.now();
  const turn = (now) => {
    if (!seen.on) return;
    seen.frames.push(now - last);
    last = now;
    seen.tiles = Math.max(seen.tiles, document.querySelectorAll(".picture").length);
    requestAnimationFrame(turn);
  };
  requestAnimationFrame(turn);
}
"""
_LAST_SHOWN = """
(name) => {
  const last = [...document.querySelectorAll(".picture")].at(-1);
  return last?.title === name && last.querySelector("img").complete;
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = _measure(Path(folder), options.pictures)
    if options.json:
        print(json.dumps(report))
        return
    for name, value in report.items():
        print(f"{name:28} {value}")


def _measure(folder: Path, count: int) -> dict:
    _fill(folder / "outputs", count)
    with served.studio(folder) as studio, served.chromium() as browser:
        while studio.fetch("studio/v1/images?limit=1")["total"] < count:  # no event tells of it
            time.sleep(0.2)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(studio.address)
        page.locator("body.ready").wait_for()
        page.locator(".studio-frame #studio").wait_for(state="attached")
        page.wait_for_timeout(500)
        began_s = time.perf_counter()
        page.locator(".tabs a[href='#library']").click()
        page.locator(".picture img[src]").first.wait_for()
        opened_s = time.perf_counter() - began_s
        page.wait_for_timeout(1000)
        page.mouse.move(700, 500)
        report = {"pictures": count, "open_ms": round(1000 * opened_s)}
        report |= {f"slow_{name}": value for name, value in _scrolled(page, 60, 240).items()}
        report |= {f"fast_{name}": value for name, value in _scrolled(page, 400, 240).items()}
        page.locator(".picture").first.focus()
        began_s = time.perf_counter()
        page.keyboard.press("End")
        page.wait_for_function(_LAST_SHOWN, arg=_prompt(0))
        report["jump_ms"] = round(1000 * (time.perf_counter() - began_s))
        report["heap_mb"] = round(_heap_mb(page), 1)
        report["search_ms"] = round(1000 * _search_s(page, count))
        return report


def _scrolled(page: Page, pixels: int, times: int) -> dict[str, float]:
    """What is seen while the wheel is turned `times` times by `pixels`."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def worked_ms() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(1000 * one["value"] for one in metrics if one["name"] == "TaskDuration")

    page.evaluate(_WATCH)
    before_ms = worked_ms()
    for _ in range(times):
        page.mouse.wheel(0, pixels)
    page.wait_for_timeout(200)
    after_ms = worked_ms()
    seen = page.evaluate("() => { window.seen.on = false; return window.seen; }")
    frames = seen["frames"][1:]
    session.detach()
    return {
        "frames": len(frames),
        "frame_median_ms": round(statistics.median(frames), 1),
        "frame_p95_ms": round(statistics.quantiles(frames, n=20)[-1], 1),
        "frame_most_ms": round(max(frames), 1),
        "work_per_frame_ms": round((after_ms - before_ms) / len(frames), 2),
        "long_tasks": len(seen["longest"]),
        "tiles_at_most": seen["tiles"],
    }


def _heap_mb(page: Page) -> float:
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    return session.send("Runtime.getHeapUsage")["usedSize"] / 1e6


def _search_s(page: Page, count: int) -> float:
    page.get_by_label("Search the library").fill(f"number{count // 3}")
    began_s = time.perf_counter()
    page.wait_for_function(
        "(words) => document.querySelector('.library-count').textContent === words", arg="1 picture"
    )
    return time.perf_counter() - began_s


def _prompt(number: int) -> str:
    return f"a red house on a meadow at sunset, number{number}"


def _fill(outputs: Path, count: int) -> None:
    """As if they had been made in the last days, the latest number today."""
    for number in range(count):
        day = date.today() - timedelta(days=(count - 1 - number) // _PER_DAY)
        width, height = _SHAPES[number % len(_SHAPES)]
        colour = (number * 37 % 256, number * 101 % 256, 90)
        prompt = _prompt(number)
        picture = Picture(
            image=Image.new("RGB", (width, height), colour),
            seed=number,
            request=GenerationRequest(prompt=prompt, seed=number, width=width, height=height),
            infotext=prompt,
        )
        path = outputs / day.isoformat() / f"{number + 1:05}-{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(picture))


if __name__ == "__main__":
    main()
