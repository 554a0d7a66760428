"""Live drawing: from the end of a stroke to its picture, how soon an older one gives way, and what
many of them leave behind.

    python benchmarks/live.py [--strokes N] [--drawings N] [--size 128] [--json]

Paints with the mouse in a real Chromium (`STUDIO_CHROMIUM`, `chromium` or `google-chrome`; needs
playwright) on the page of a real studio with picturebook.

sketch_s, scribble_s  from the end of a stroke over a picture, and on a ControlNet's sheet, to the
                      picture that has it: the pause of 250 ms, the way there, drawing, the way back
cpu_s                 the processor's seconds that the studio takes for each, on all cores together
step_s, cancel_s      of a drawing: a step, and from its cancelling to its end
…_grows               by how much after so many more drawings, without further strokes: rows and
                      bytes of the ledger, bytes of the data folder, the browser's heap after its
                      garbage was collected, the studio's memory
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from common import served
from PIL import Image
from playwright.sync_api import Page

_WATCH = """
() => {
  window.shown = 0;
  addEventListener("pointerup", () => (window.ended = performance.now()), { capture: true });
  const frame = document.querySelector(".live-frame");
  new MutationObserver(() => {
    window.shown += 1;
    window.took = (performance.now() - window.ended) / 1000;
  }).observe(frame, { childList: true });
}
"""
_WAIT_S = 120


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strokes", type=int, default=9, help="on each of both")
    parser.add_argument("--drawings", type=int, default=60)
    parser.add_argument("--size", type=int, default=128, help="of the picture, in pixels")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = _measure(Path(folder), options)
    if options.json:
        print(json.dumps(report))
        return
    for name, value in report.items():
        print(f"{name:20} {value}")


def _measure(folder: Path, options: argparse.Namespace) -> dict[str, object]:
    data = folder / "data"
    report: dict[str, object] = {"load": round(os.getloadavg()[0], 1)}
    with served.studio(data) as studio, served.chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(1000 * _WAIT_S)
        page.goto(f"{studio.address}/#image-to-image")
        page.locator("body.ready").wait_for()
        page.evaluate(_WATCH)
        page.get_by_label("Prompt", exact=True).fill("a red house under a blue sky")
        _begin_sketch(page, folder, options.size)
        report |= _strokes(page, studio.pid, "sketch", options.strokes, _over_picture)
        report |= _many(page, studio.pid, data, options.drawings)
        _begin_sheet(page)
        report |= _strokes(page, studio.pid, "scribble", options.strokes, _over_sheet)
        page.close()
        report |= _cancelled(studio.address, options.size)
    return report


def _begin_sketch(page: Page, folder: Path, side: int) -> None:
    picture = folder / "picture.png"
    Image.new("RGB", (side, side), (120, 180, 240)).save(picture)
    with page.expect_file_chooser() as chooser:
        page.locator("[data-kind=image_to_image] .canvas-empty [data-do=picture-choose]").click()
    chooser.value.set_files(str(picture))
    page.locator(".canvas[data-kind=image_to_image][data-state=ready]").wait_for()
    page.locator("[data-kind=image_to_image]").get_by_role("button", name="Colour").click()
    page.locator(".generate .live-switch").click()
    page.wait_for_function("window.shown > 0")


def _begin_sheet(page: Page) -> None:
    page.locator(".tabs a[href='#controlnet']").click()
    page.locator(".unit [data-act=draw]").locator("visible=true").first.click()
    page.locator(".control-editor[open]").wait_for()


def _over_picture(page: Page) -> dict[str, float]:
    return page.locator("[data-kind=image_to_image] .canvas-world img").bounding_box()


def _over_sheet(page: Page) -> dict[str, float]:
    return page.locator(".control-editor canvas").bounding_box()


def _strokes(
    page: Page, pid: int, name: str, count: int, place: Callable[[Page], dict[str, float]]
) -> dict[str, object]:
    """The first warms up."""
    took, cpu = [], []
    for number in range(count + 1):
        box, before = place(page), page.evaluate("window.shown")
        _settle(page)
        since = _cpu_s(pid)
        down = box["y"] + box["height"] * (0.1 + 0.8 * number / (count + 1))
        page.mouse.move(box["x"] + 0.2 * box["width"], down)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.7 * box["width"], down, steps=6)
        page.mouse.up()
        page.wait_for_function("before => window.shown > before", arg=before)
        took.append(page.evaluate("window.took"))
        cpu.append(_cpu_s(pid) - since)
    return {f"{name}_s": _words(took[1:]), f"{name}_cpu_s": _words(cpu[1:])}


def _settle(page: Page) -> None:
    """Until nothing is drawn, nor was for a while."""
    page.locator(".live-pane:not(.drawing)").wait_for()
    page.wait_for_timeout(600)
    page.locator(".live-pane:not(.drawing)").wait_for()


def _many(page: Page, pid: int, data: Path, count: int) -> dict[str, object]:
    def draw(times: int) -> None:
        for _ in range(times):
            before = page.evaluate("window.shown")
            page.get_by_role("button", name="Another seed").click()
            page.wait_for_function("before => window.shown > before", arg=before)

    def state() -> dict[str, int]:
        session = page.context.new_cdp_session(page)
        session.send("HeapProfiler.collectGarbage")
        heap = session.send("Runtime.getHeapUsage")["usedSize"]
        files = [path for path in data.rglob("*") if path.is_file()]
        ledger = [path for path in files if path.name.startswith("studio.db")]
        return {
            "ledger_bytes": sum(path.stat().st_size for path in ledger),
            "disk_bytes": sum(path.stat().st_size for path in files),
            "disk_files": len(files),
            "heap_bytes": int(heap),
            "studio_kb": _resident_kb(pid),
        }

    draw(10)
    before = state()
    draw(count)
    after = state()
    grows = {f"{name}_grows": f"{after[name] - before[name]} of {before[name]}" for name in before}
    return {"drawings": count, **grows}


def _cancelled(address: str, side: int) -> dict[str, object]:
    request = {"prompt": "a red house", "width": side, "height": side, "steps": 150, "seed": 1}
    steps, ends = [], []
    for _ in range(5):
        job = f"studio/v1/jobs/{_sent(address, 'studio/v1/jobs?keep=false', request)['id']}"
        while (now := _asked(address, job)).get("step") is None:
            time.sleep(0.005)
        first, since = now["step"], time.monotonic()
        while (now := _asked(address, job))["step"] < first + 5:
            time.sleep(0.005)
        steps.append((time.monotonic() - since) / (now["step"] - first))
        since = time.monotonic()
        _sent(address, f"{job}/cancel", None)
        while _asked(address, job)["state"] != "cancelled":
            time.sleep(0.002)
        ends.append(time.monotonic() - since)
    return {"step_s": _words(steps), "cancel_s": _words(ends)}


def _words(seconds: list[float]) -> str:
    return f"median {statistics.median(seconds):.3f}, longest {max(seconds):.3f}"


def _sent(address: str, path: str, body: dict | None) -> dict:
    data = b"" if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/{path}", data, headers, method="POST")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def _asked(address: str, path: str) -> dict:
    with urllib.request.urlopen(f"{address}/{path}") as answer:
        return json.load(answer)


def _cpu_s(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _resident_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


if __name__ == "__main__":
    main()
