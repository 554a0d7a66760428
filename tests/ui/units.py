"""What an artist does with ControlNet units on the page."""

from __future__ import annotations

import base64
import io
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from studio.settings import assets_dir
from tests.catalog import files

PREFIX = "picturebook-controlnet"


def nets(folder: Path) -> Path:
    """A models folder with ControlNets that do not come with picturebook: for each other type one
    that differs from the one for edges in its name alone, and one for another family."""
    models = assets_dir() / "models"
    for kind in ("scribble", "segmentation", "depth"):
        if not (models / f"{PREFIX}-{kind}").is_dir():
            shutil.copytree(models / f"{PREFIX}-canny", folder / f"{PREFIX}-{kind}")
    files.write(folder / "foreign-canny.safetensors", files.controlnet())
    return folder


class Unit:
    """Unit `place` (0 is the first) of the page."""

    def __init__(self, page, place: int = 0) -> None:
        self.page = page
        self.root = page.locator(".unit").nth(place)

    def act(self, name: str):
        return self.root.locator(f"[data-act={name}]").locator("visible=true").first

    def choose_net(self, name: str) -> None:
        self.act("model").click()
        self.page.get_by_role("combobox", name="Search").fill(name)
        self.page.locator(".picker .option", has_text=name).first.wait_for()
        self.page.keyboard.press("Enter")

    def wait_for_net(self, kind: str) -> None:
        """Until it has the ControlNet for maps of `kind`."""
        self.root.locator("[data-act=model]", has_text=f"{PREFIX}-{kind}").wait_for()

    def load(self, path: Path) -> None:
        self.root.locator(".unit-file").set_input_files(str(path))
        self.root.locator(".unit-picture[data-state=ready]").wait_for()

    @property
    def preprocessor(self):
        return self.root.locator("[data-menu=preprocessor] select")

    def number(self, name: str):
        return self.root.locator(f"[data-number={name}] input[type=number]")

    def set(self, name: str, value: float) -> None:
        self.number(name).fill(str(value))
        self.number(name).press("Tab")

    def wait_for_map(self, name: str) -> None:
        """Until the map of the preprocessor `name` shows, and nothing newer is on its way."""
        self.root.locator(f".unit-map[data-shown={name}]:not(.waiting)").wait_for()

    def map(self) -> np.ndarray:
        """The map that is shown, uint8 (height, width, 3)."""
        return _pixels(self.root.locator(".unit-map img"))

    def picture(self) -> np.ndarray:
        return _pixels(self.root.locator(".unit-picture img"))


def _pixels(image) -> np.ndarray:
    image.wait_for()
    data = image.evaluate(
        """async (image) => {
          await image.decode();
          const canvas = document.createElement("canvas");
          canvas.width = image.naturalWidth;
          canvas.height = image.naturalHeight;
          canvas.getContext("2d").drawImage(image, 0, 0);
          return canvas.toDataURL("image/png").split(",")[1];
        }"""
    )
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


class Sheet:
    """The sheet that is open over the page."""

    def __init__(self, page) -> None:
        self.page = page
        self.root = page.locator(".control-editor[open]")
        self.root.wait_for()

    def button(self, name: str):
        return self.root.get_by_role("button", name=name, exact=True)

    def line(self, *points: tuple[float, float]) -> None:
        """A press of the mouse through points, in shares of the sheet."""
        box = self.root.locator("canvas").bounding_box()
        at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
        self.page.mouse.move(*at[0])
        self.page.mouse.down()
        for point in at[1:]:
            self.page.mouse.move(*point, steps=6)
        self.page.mouse.up()

    def use(self) -> None:
        self.button("Use it").click()
        self.root.wait_for(state="detached")


def edges_picture(path: Path, size: tuple[int, int] = (128, 128)) -> Path:
    """A box that is easy to see and one that is hard: the thresholds decide which edges count."""
    image = Image.new("RGB", size, (120, 120, 120))
    image.paste((255, 240, 200), (size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2))
    image.paste((134, 134, 134), (size[0] * 5 // 8, size[1] * 5 // 8, size[0] - 8, size[1] - 8))
    image.save(path)
    return path
