"""The frame of an outpaint: dragged, typed, chosen by shape."""

from __future__ import annotations

import pytest

from tests.ui.painting import Canvas, picture_file

SIZE = (400, 304)


@pytest.fixture
def canvas(visit, tmp_path):
    canvas = Canvas(visit(), "outpaint")
    canvas.load(picture_file(tmp_path, SIZE))
    return canvas


def drag(canvas: Canvas, handle: str, dx: float, dy: float) -> None:
    """Drag an edge or a corner by so many pixels of the picture."""
    scale = canvas.box()[2]
    box = canvas.root.locator(f"[data-handle={handle}]").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse = canvas.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + dx * scale / 2, y + dy * scale / 2)
    mouse.move(x + dx * scale, y + dy * scale)
    mouse.up()


def frame(canvas: Canvas) -> tuple[int, int, int, int]:
    sides = canvas.source()["frame"]
    return sides["left"], sides["top"], sides["right"], sides["bottom"]


def test_edges_and_corners_are_dragged(canvas):
    assert "edge of the frame" in canvas.ready()
    drag(canvas, "right", 101, 30)
    assert frame(canvas) == (0, 0, 104, 0)  # on whole cells of 8
    drag(canvas, "left-top", -50, -33)
    assert frame(canvas) == (48, 32, 104, 0)
    size = canvas.root.locator(".canvas-new-size").inner_text()
    assert size == f"{400 + 152} × {304 + 32}"
    drag(canvas, "left", 90, 0)  # never into the picture
    assert frame(canvas) == (0, 32, 104, 0)
    canvas.page.keyboard.down("Alt")
    drag(canvas, "bottom", 0, 64)
    canvas.page.keyboard.up("Alt")
    assert frame(canvas) == (0, 64, 104, 64)
    ready = canvas.ready()
    image = ready.pop("image")
    assert image.startswith("input:")
    assert ready == {"left": 0, "top": 64, "right": 104, "bottom": 64}


def test_undo_reset_and_a_reload(canvas):
    drag(canvas, "right", 80, 0)
    drag(canvas, "bottom", 0, 40)
    canvas.page.keyboard.press("Control+z")
    assert frame(canvas) == (0, 0, 80, 0)
    canvas.button("Redo").click()
    assert frame(canvas) == (0, 0, 80, 40)
    canvas.page.reload()
    canvas.page.locator("#generate").wait_for()
    canvas.wait()
    assert frame(canvas) == (0, 0, 80, 40)
    canvas.button("Back to the picture's own border").click()
    assert frame(canvas) == (0, 0, 0, 0)


def test_shapes_numbers_and_keys(canvas):
    canvas.button("1:1").click()
    assert frame(canvas) == (0, 48, 0, 48)
    canvas.button("16:9").click()
    left, top, right, bottom = frame(canvas)
    assert (top, bottom) == (0, 0)
    assert left + right == 144  # 304 × 16 / 9 = 540.4, to the nearest cell
    right_box = canvas.root.get_by_label("Right, pixels to add")
    right_box.fill("203")
    right_box.press("Enter")
    assert frame(canvas)[2] == 200
    handle = canvas.root.get_by_role("slider", name="Bottom edge")
    handle.focus()
    handle.press("ArrowDown")
    handle.press("Shift+ArrowDown")
    assert handle.get_attribute("aria-valuenow") == "72"
    assert frame(canvas)[3] == 72


def test_fingers_drag_the_frame_on_a_phone(visit, tmp_path):
    page = visit(width=390, height=844, has_touch=True, is_mobile=True, device_scale_factor=2)
    canvas = Canvas(page, "outpaint")
    canvas.load(picture_file(tmp_path, SIZE))
    scale = canvas.box()[2]
    box = canvas.root.locator("[data-handle=bottom]").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    send = page.context.new_cdp_session(page).send
    for name, down in (("touchStart", 0), ("touchMove", 40), ("touchMove", 80), ("touchEnd", None)):
        points = [] if down is None else [{"x": x, "y": y + down * scale}]
        send("Input.dispatchTouchEvent", {"type": name, "touchPoints": points})
    assert frame(canvas) == (0, 0, 0, 80)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
