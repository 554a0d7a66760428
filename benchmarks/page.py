"""How long a person waits: from `studio` to ready, and from the click to the picture.

    python benchmarks/page.py [--repeats N] [--json]

Starts the studio as a user does and clicks Generate in a real Chromium (`STUDIO_CHROMIUM`,
`chromium` or `google-chrome`; needs playwright). The overhead of a picture is the time from the
click until the browser has decoded it, minus the seconds the engine itself reports for it. The map
of a ControlNet unit is timed from the slider to the screen, at 512 × 512 (goal: 150 ms). The Models
tab holds a thousand LoRAs; told are the seconds of the processor that the page's thread spends on
opening it (goal: 100 ms) and on a key of a search in it (goal: 50 ms).
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

import torch
from common import served
from PIL import Image
from playwright.sync_api import Page
from safetensors.torch import save_file

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
    loras = _thousand_loras(folder / "loras")
    with served.studio(folder, loras) as studio, served.chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(studio.address)
        page.locator("#generate").wait_for()
        page.get_by_label("Prompt", exact=True).first.fill("a red house on a meadow at sunset")
        paint_ms = page.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1000"
        )
        _overhead_s(page, studio)
        overheads = [_overhead_s(page, studio) for _ in range(repeats)]
        maps_ms = _maps_ms(page, folder / "noise.png", repeats)
        opened_ms, keys_ms = _models_ms(page, repeats)
    return {
        "studio_to_ready_s": round(studio.ready_s, 2),
        "studio_to_model_warm_s": round(studio.warm_s, 2),
        "first_contentful_paint_s": round(paint_ms / 1000, 3),
        "overhead_median_s": round(statistics.median(overheads), 3),
        "overhead_max_s": round(max(overheads), 3),
        "map_median_ms": round(statistics.median(maps_ms), 1),
        "map_max_ms": round(max(maps_ms), 1),
        "models_open_ms": round(statistics.median(opened_ms), 1),
        "models_key_ms": round(statistics.median(keys_ms), 1),
        "pictures": repeats,
    }


def _overhead_s(page: Page, studio: served.Served) -> float:
    seen = page.evaluate(_CLICK_AND_WAIT)
    assert "/images/" in seen["shown"], "no picture came within two minutes"
    newest = studio.fetch("studio/v1/jobs")[-1]
    page.locator(".viewer[data-state=finished]").wait_for()
    return seen["waited_s"] - newest["elapsed_s"]


def _maps_ms(page: Page, picture: Path, repeats: int) -> list[float]:
    """From a movement of Canny's lower threshold to the map that shows it, after one to warm up."""
    Image.effect_noise((512, 512), 80).save(picture)
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
        f"{layer}.alpha": torch.tensor(4.0),
        f"{layer}.lora_down.weight": torch.zeros(4, 768),
        f"{layer}.lora_up.weight": torch.zeros(320, 4),
    }
    folder.mkdir()
    for number in range(1000):
        save_file(lora, folder / f"lora-{number:04d}.safetensors")
    return folder


def _models_ms(page: Page, repeats: int) -> tuple[list[float], list[float]]:
    """The page's thread at work, whatever else the machine does: on opening the tab, and on each
    key of a search in it."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def worked_ms() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(1000 * one["value"] for one in metrics if one["name"] == "TaskDuration")

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
