"""How long a person waits: from `studio` to ready, and from the click to the picture.

    python benchmarks/page.py [--repeats N] [--json]

Starts the studio as a user does and clicks Generate in a real Chromium (`STUDIO_CHROMIUM`,
`chromium` or `google-chrome`; needs playwright). The overhead of a picture is the time from the
click until the browser has decoded it, minus the seconds the engine itself reports for it. The map
of a ControlNet unit is timed from the slider to the screen, at 512 × 512 (goal: 150 ms). The Models
tab holds a thousand LoRAs; told are the seconds of the processor that the page's thread spends on
opening it (goal: 100 ms) and on a key of a search in it (goal: 50 ms). `tab_ms` are
those from a click on a tab to the end of the frame that shows it, of each in turn (goal: 100 ms).

A visit's first paint is timed on loopback (goal: 0.4 s) and over a line of 5 Mbit/s and 80 ms that
the browser simulates (goal: 2 s), the median of visitors who were never here; beside it, what such
a visit fetches (goals: 40 requests, 40 kB of HTML). `idle_percent` is the share of a core that the
studio takes while nobody looks at it (goal: 0.3).
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from common import served
from PIL import Image
from playwright.sync_api import Browser, Page
from safetensors.numpy import save_file

_SLOW_LINE = {
    "offline": False,
    "latency": 80,  # ms
    "downloadThroughput": 5e6 / 8,  # bytes a second
    "uploadThroughput": 5e6 / 8,
}

_CLICK_AND_WAIT = """
async () => {
  const viewer = document.querySelector(".viewer");
  const shown = () => viewer.querySelector(".frame img")?.src ?? "";
  const before = shown();
  const started = performance.now();
  document.querySelector("#generate").click();
  const until = started + 120000;
  while (performance.now() < until) {
    if (shown() !== before && shown().includes("/studio/v1/images/")) break;
    await new Promise(requestAnimationFrame);
  }
  return {waited_s: (performance.now() - started) / 1000, shown: shown()};
}
"""

_TIME_MAPS = """
async (values) => {
  const track = document.querySelector("[data-number=low_threshold] input[type=range]");
  const times = [];
  for (const value of values) {
    const old = document.querySelector(".unit-map img");
    const began = performance.now();
    track.value = value;
    track.dispatchEvent(new Event("input", { bubbles: true }));
    while (document.querySelector(".unit-map img") === old) {
      await new Promise((done) => requestAnimationFrame(done));
    }
    times.push(performance.now() - began);
  }
  return times;
}
"""

_TURN = """
async (link) => {
  link.click();
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
}
"""

_PAINT_S = "performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"
_READY_S = "performance.getEntriesByName('studio-ready')[0].startTime / 1000"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = _measure(Path(folder), options.repeats)
    if options.json:
        print(json.dumps(report))
        return
    for name, value in report.items():
        print(f"{name:28} {value}")


def _measure(folder: Path, repeats: int) -> dict:
    with served.studio(folder / "plain") as studio, served.chromium() as browser:
        idle_percent = _idle_percent(studio, 20)
        visits = [_visit(browser, studio.address) for _ in range(repeats)]
        slow = [_visit(browser, studio.address, _SLOW_LINE) for _ in range(repeats)]
    loras = _thousand_loras(folder / "loras")
    with served.studio(folder, loras) as studio, served.chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(studio.address)
        page.locator("#generate").wait_for()
        page.get_by_label("Prompt", exact=True).first.fill("a red house on a meadow at sunset")
        _overhead_s(page, studio)
        overheads = [_overhead_s(page, studio) for _ in range(repeats)]
        tabs_ms = _tabs_ms(page, repeats)
        maps_ms = _maps_ms(page, folder / "noise.png", repeats)
        opened_ms, keys_ms = _models_ms(page, repeats)
    return {
        "studio_to_ready_s": round(studio.ready_s, 2),
        "studio_to_model_warm_s": round(studio.warm_s, 2),
        "first_contentful_paint_s": _median(visits, "paint_s"),
        "ready_to_use_s": _median(visits, "ready_s"),
        "slow_line_paint_s": _median(slow, "paint_s"),
        "slow_line_ready_to_use_s": _median(slow, "ready_s"),
        "requests": _median(visits, "requests"),
        "transferred_kb": _median(visits, "kilobytes"),
        "html_kb": _median(visits, "html_kilobytes"),
        "idle_percent": round(idle_percent, 2),
        "overhead_median_s": round(statistics.median(overheads), 3),
        "overhead_max_s": round(max(overheads), 3),
        "tab_median_ms": round(statistics.median(tabs_ms), 1),
        "tab_max_ms": round(max(tabs_ms), 1),
        "map_median_ms": round(statistics.median(maps_ms), 1),
        "map_max_ms": round(max(maps_ms), 1),
        "models_open_ms": round(statistics.median(opened_ms), 1),
        "models_key_ms": round(statistics.median(keys_ms), 1),
        "pictures": repeats,
    }


def _visit(browser: Browser, address: str, line: dict | None = None) -> dict[str, float]:
    """What a visitor sees and fetches who was never here."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    if line:
        network.send("Network.emulateNetworkConditions", line)
    addresses: dict[str, str] = {}
    sizes: dict[str, int] = {}

    def answered(event: dict) -> None:
        if event["response"]["url"].startswith("http"):
            addresses[event["requestId"]] = event["response"]["url"]

    def loaded(event: dict) -> None:
        sizes[event["requestId"]] = event["encodedDataLength"]

    network.on("Network.responseReceived", answered)
    network.on("Network.loadingFinished", loaded)
    page.goto(address)
    page.locator("body.ready").wait_for()
    ready_s = page.evaluate(_READY_S)
    page.locator(".studio-frame #studio").wait_for(state="attached")
    page.wait_for_timeout(1000)
    paint_s = page.evaluate(_PAINT_S)
    context.close()
    [html] = [id for id, url in addresses.items() if url.rstrip("/") == address]
    return {
        "paint_s": paint_s,
        "ready_s": ready_s,
        "requests": len(addresses),
        "kilobytes": sum(sizes.get(id, 0) for id in addresses) / 1000,
        "html_kilobytes": sizes[html] / 1000,
    }


def _median(visits: list[dict[str, float]], name: str) -> float:
    return round(statistics.median(one[name] for one in visits), 3)


def _idle_percent(studio: served.Served, seconds: float) -> float:
    """Of one core, by the processor time of all its threads."""
    process = psutil.Process(studio.pid)
    time.sleep(2)  # what loading left behind
    before, started = sum(process.cpu_times()[:2]), time.monotonic()
    time.sleep(seconds)
    return 100 * (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - started)


def _overhead_s(page: Page, studio: served.Served) -> float:
    seen = page.evaluate(_CLICK_AND_WAIT)
    assert "/images/" in seen["shown"], "no picture came within two minutes"
    page.locator(".viewer[data-state=finished]").wait_for()
    newest = studio.fetch("studio/v1/jobs")["jobs"][0]  # none waits
    return seen["waited_s"] - newest["elapsed_s"]


def _tabs_ms(page: Page, repeats: int) -> list[float]:
    """The page's thread at work on each tab in turn, after each was opened once."""
    worked_ms = _work_of(page)
    links = page.locator(".tabs a").element_handles()
    times = []
    for turn in range(repeats + 1):
        for link in links:
            before_ms = worked_ms()
            link.evaluate(_TURN)
            if turn:
                times.append(worked_ms() - before_ms)
    return times


def _work_of(page: Page) -> Callable[[], float]:
    """What tells for how many milliseconds the page's thread was at work so far."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def worked_ms() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(1000 * one["value"] for one in metrics if one["name"] == "TaskDuration")

    return worked_ms


def _maps_ms(page: Page, picture: Path, repeats: int) -> list[float]:
    """From a movement of Canny's lower threshold to the map that shows it, after one to warm up."""
    Image.effect_noise((512, 512), 80).save(picture)
    page.locator(".tabs a[href='#text-to-image']").click()
    page.locator(".group.folded[data-group='Size'] .group-head").click()
    for name in ("width", "height"):
        page.locator(f"#{name}").fill("512")
    page.locator(".tabs a[href='#controlnet']").click()
    page.locator(".unit-file").set_input_files(picture)
    page.locator("[data-menu=preprocessor] select").select_option("canny")
    page.locator(".unit-map[data-shown=canny]:not(.waiting)").wait_for()
    return page.evaluate(_TIME_MAPS, [60 + 5 * n for n in range(repeats + 1)])[1:]


def _thousand_loras(folder: Path) -> Path:
    layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    lora = {
        f"{layer}.alpha": np.float32([4]),
        f"{layer}.lora_down.weight": np.zeros((4, 768), np.float32),
        f"{layer}.lora_up.weight": np.zeros((320, 4), np.float32),
    }
    folder.mkdir()
    for number in range(1000):
        save_file(lora, folder / f"lora-{number:04d}.safetensors")
    return folder


def _models_ms(page: Page, repeats: int) -> tuple[list[float], list[float]]:
    """The page's thread at work, whatever else the machine does: on opening the tab, and on each
    key of a search in it."""
    worked_ms = _work_of(page)
    opened_ms, keys_ms = [], []
    for number in range(repeats):
        page.locator(".tabs a[href='#text-to-image']").click()
        page.locator("#generate").wait_for()
        before_ms = worked_ms()
        page.locator(".tabs a[href='#models']").click()
        page.locator(".model-row").first.wait_for()
        page.evaluate("() => new Promise(requestAnimationFrame)")
        opened_ms.append(worked_ms() - before_ms)
        search = page.get_by_label("Search models")
        before_ms = worked_ms()
        search.press_sequentially(f"lora-{number:04d}")
        keys_ms.append((worked_ms() - before_ms) / len("lora-0000"))
        search.fill("")
    return opened_ms, keys_ms


if __name__ == "__main__":
    main()
