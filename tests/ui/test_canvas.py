"""Strokes in a real browser against the same strokes worked out with numpy, pixel by pixel."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.ui.painting import Canvas, assert_same, covered, painted, picture_file

SIZE = (600, 400)
BLANK = np.zeros(SIZE[::-1], np.uint8)


@pytest.fixture
def inpaint(visit, tmp_path):
    """Opens the inpaint canvas with a picture on it: `inpaint(size=(600, 400), **visit's)`."""

    def open_canvas(size=SIZE, **options):
        canvas = Canvas(visit(**options), "inpaint")
        canvas.load(picture_file(tmp_path, size))
        return canvas

    return open_canvas


@pytest.mark.parametrize(
    ("ratio", "zoom"),
    [(1, "fit"), (1.25, "1"), (2, "fit"), (1.5, "+++"), (1, "----"), (3, "1-"), (1, "wheel")],
)
def test_strokes_lie_where_they_were_drawn(inpaint, served, ratio, zoom):
    canvas = inpaint(device_scale_factor=ratio)
    canvas.set(size=31)
    if zoom == "wheel":  # far in, at a corner
        [(x, y)], _ = canvas.at([(40, 60)])
        canvas.page.mouse.move(x, y)
        canvas.page.mouse.wheel(0, -700)
    elif zoom != "fit":
        for key in zoom:
            canvas.page.keyboard.press(key)
    around = (45, 66) if zoom == "wheel" else (300, 200)
    reach = 30 if zoom == "wheel" else 80
    places = [(around[0] + reach * x, around[1] + reach * y) for x, y in _ZIGZAG]
    true = canvas.stroke(*places)
    assert_same(canvas.stored(served), painted(BLANK, covered(true, SIZE, 31)))


_ZIGZAG = [(-1, -0.8), (-0.4, 0.7), (-0.37, 0.68), (0.1, -0.5), (0.7, 0.72), (1, -0.2)]


def test_softness_and_opacity_and_a_stroke_that_crosses_itself(inpaint, served):
    canvas = inpaint()
    canvas.set(size=90, softness=60, opacity=40)
    loop = [(150, 100), (400, 300), (400, 100), (150, 300), (160, 90)]
    first = canvas.stroke(*loop)
    wanted = painted(BLANK, covered(first, SIZE, 90, 0.6), opacity=0.4)
    assert wanted.max() == 102  # no darker where the stroke crosses itself
    assert_same(canvas.stored(served), wanted)
    second = canvas.stroke((100, 200), (500, 210))
    wanted = painted(wanted, covered(second, SIZE, 90, 0.6), opacity=0.4)
    assert wanted.max() > 150  # but another stroke adds to it
    assert_same(canvas.stored(served), wanted)


def test_erase_undo_redo(inpaint, served):
    canvas = inpaint()
    canvas.set(size=80)
    line = painted(BLANK, covered(canvas.stroke((100, 200), (500, 200)), SIZE, 80))
    canvas.button("Eraser").click()
    canvas.set(size=40, softness=50)
    hole = covered(canvas.stroke((300, 100), (300, 300)), SIZE, 40, 0.5)
    erased = painted(line, hole, target=0)
    assert_same(canvas.stored(served), erased)
    canvas.button("Undo").click()
    assert_same(canvas.stored(served), line)
    canvas.page.keyboard.press("Control+z")
    assert canvas.source()["mask"] is None
    assert "Paint over" in canvas.ready()
    assert canvas.button("Undo").is_disabled()
    canvas.page.keyboard.press("Control+Shift+z")
    canvas.page.keyboard.press("Control+y")
    assert_same(canvas.stored(served), erased)
    assert canvas.button("Redo").is_disabled()
    # The other way round: Alt paints with the eraser, the right button erases with the brush.
    canvas.page.keyboard.down("Alt")
    back = covered(canvas.stroke((300, 190), (300, 210)), SIZE, 40, 0.5)
    canvas.page.keyboard.up("Alt")
    canvas.page.keyboard.press("b")
    gone = covered(canvas.stroke((480, 200), (490, 200), button="right"), SIZE, 40, 0.5)
    wanted = painted(painted(erased, back), gone, target=0)
    assert_same(canvas.stored(served), wanted)


def test_strokes_are_undone_one_by_one(inpaint, served):
    canvas = inpaint()
    canvas.set(size=10)
    masks = [BLANK]
    for index in range(8):
        place = 20 + 70 * index, 40 + 40 * index
        masks.append(painted(masks[-1], covered(canvas.stroke(place), SIZE, 10)))
    assert_same(canvas.stored(served), masks[8])
    for _ in range(5):
        canvas.page.keyboard.press("Control+z")
    assert_same(canvas.stored(served), masks[3])
    for _ in range(4):  # once more than there are strokes
        canvas.page.keyboard.press("Control+z")
    assert canvas.source()["mask"] is None
    for _ in range(9):
        canvas.page.keyboard.press("Control+y")
    assert_same(canvas.stored(served), masks[8])


def test_a_stroke_that_leaves_the_canvas_stays_whole(inpaint, served):
    canvas = inpaint()
    canvas.set(size=50)
    inside = painted(BLANK, covered(canvas.stroke((50, 350), (200, 350)), SIZE, 50))
    # Out over the settings, back in, out over the top bar, and let go there.
    true = canvas.stroke((300, 200), (-500, 150), (-480, 40), (250, 60), (420, -330))
    assert_same(canvas.stored(served), painted(inside, covered(true, SIZE, 50)))
    canvas.page.keyboard.press("Control+z")
    assert_same(canvas.stored(served), inside)


def test_a_mask_is_sent_while_somebody_paints(inpaint, served):
    canvas = inpaint()
    canvas.set(size=50)
    window, true = canvas.at([(100, 100), (300, 100), (300, 300), (500, 300)])
    canvas.page.mouse.move(*window[0])
    canvas.page.mouse.down()
    canvas.page.mouse.move(*window[1])
    assert_same(canvas.stored(served), painted(BLANK, covered(true[:2], SIZE, 50)))
    canvas.page.mouse.move(*window[2])
    canvas.page.mouse.move(*window[3])
    canvas.page.mouse.up()
    assert_same(canvas.stored(served), painted(BLANK, covered(true, SIZE, 50)))


def test_straight_lines_with_shift_and_moving_the_view(inpaint, served):
    canvas = inpaint()
    canvas.set(size=20)
    [first] = canvas.stroke((100, 100))
    canvas.page.keyboard.down("Space")
    canvas.stroke((300, 200), (330, 260))  # moves the view, paints nothing
    canvas.page.keyboard.up("Space")
    canvas.stroke((330, 200), (300, 190), button="middle")
    canvas.page.keyboard.down("Shift")
    [second] = canvas.stroke((400, 300))
    canvas.page.keyboard.up("Shift")
    wanted = painted(painted(BLANK, covered([first], SIZE, 20)), covered([first, second], SIZE, 20))
    assert_same(canvas.stored(served), wanted)


def test_shapes(inpaint, served):
    canvas = inpaint()
    page = canvas.page
    page.keyboard.press("r")
    (x0, y0), (x1, y1) = np.round(canvas.stroke((420, 310), (120, 90))).astype(int)
    wanted = BLANK.copy()
    wanted[y1:y0, x1:x0] = 255
    assert_same(canvas.stored(served), wanted)
    page.keyboard.press("l")
    canvas.button("Remove").click()
    true = np.array(canvas.stroke((200, 150), (350, 160), (300, 280), (210, 260)))
    whole = np.zeros((SIZE[1] * 16, SIZE[0] * 16), np.uint8)
    cv2.fillPoly(whole, [np.round(true * 16 - 0.5).astype(np.int32)], 255)
    share = cv2.resize(whole, SIZE, interpolation=cv2.INTER_AREA) / 255
    found = canvas.stored(served)
    apart = np.abs(painted(wanted, share, target=0).astype(int) - found)
    assert apart.max() <= 64  # on the edge alone
    # Nor does the other raster know more than sixteenths of a pixel.
    assert apart[(share == 0) | (share == 1)].max() <= 16
    canvas.button("Add").click()
    page.keyboard.press("g")
    canvas.stroke((270, 200))  # inside the hole: it is filled again, without a rim
    assert_same(canvas.stored(served), wanted)
    page.keyboard.press("i")
    assert_same(canvas.stored(served), 255 - wanted)
    page.keyboard.press("Delete")
    assert canvas.source()["mask"] is None
    for _ in range(2):
        page.keyboard.press("Control+z")
    assert_same(canvas.stored(served), wanted)


def test_grow_and_shrink(inpaint, served):
    canvas = inpaint()
    canvas.set(size=60, softness=50)
    canvas.stroke((100, 100), (300, 250))
    canvas.stroke((600, 400))
    before = canvas.stored(served)
    canvas.button("Mask").click()
    step = canvas.root.get_by_label("Grow or shrink by, pixels")
    step.fill("11")
    step.press("Tab")
    canvas.button("Grow").click()
    y, x = np.ogrid[-11:12, -11:12]
    disc = (x * x + y * y <= 121).astype(np.uint8)
    grown = cv2.dilate(before, disc)
    assert (canvas.stored(served) == grown).all()
    canvas.button("Shrink").click()
    assert (canvas.stored(served) == cv2.erode(grown, disc)).all()


@pytest.mark.slow
def test_a_photo_of_twelve_megapixels(inpaint, served):
    size = (4000, 3000)
    canvas = inpaint(size)
    canvas.set(size=300, softness=30)
    first = canvas.stroke((500, 400), (1600, 1700), (3700, 600))
    wanted = painted(np.zeros(size[::-1], np.uint8), covered(first, size, 300, 0.3))
    [(x, y)], _ = canvas.at([(2000, 1500)])
    canvas.page.mouse.move(x, y)
    canvas.page.mouse.wheel(0, -600)
    canvas.page.mouse.wheel(0, -600)
    canvas.set(size=41, softness=0)
    second = canvas.stroke((1950, 1480), (2060, 1500), (2000, 1545))
    wanted = painted(wanted, covered(second, size, 41))
    assert_same(canvas.stored(served), wanted)
    shown = canvas.page.evaluate(_SHOWN_SHARE)
    assert shown == pytest.approx(canvas.source()["mask"]["share"], abs=0.35)
    canvas.page.keyboard.press("0")
    shown = canvas.page.evaluate(_SHOWN_SHARE)
    assert shown == pytest.approx(canvas.source()["mask"]["share"], abs=0.01)


_SHOWN_SHARE = """
() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
  const canvas = document.querySelector(".canvas-tint");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let sum = 0;
  for (let at = 3; at < data.length; at += 4) sum += data[at];
  done(sum / (255 * canvas.width * canvas.height));
})))
"""


def test_a_finger_paints_and_two_move_the_view(inpaint, served):
    canvas = inpaint(width=390, height=844, has_touch=True, is_mobile=True, device_scale_factor=3)
    canvas.set(size=60)
    page = canvas.page
    fingers = _Fingers(page)
    window, true = canvas.at([(200, 100), (300, 140), (420, 120)])
    fingers.drag([[point] for point in window])
    wanted = painted(BLANK, covered(true, SIZE, 60))
    assert_same(canvas.stored(served), wanted)
    before = canvas.box()[2]
    window, _ = canvas.at([(250, 200), (350, 200), (100, 200), (500, 200)])
    fingers.drag([window[:2], window[2:]])
    assert canvas.box()[2] / before == pytest.approx(4, rel=0.1)
    assert_same(canvas.stored(served), wanted)
    canvas.button("Undo").tap()
    assert canvas.source()["mask"] is None
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


class _Fingers:
    def __init__(self, page) -> None:
        self._send = page.context.new_cdp_session(page).send

    def drag(self, steps: list[list[tuple[float, float]]]) -> None:
        """Each step says where all fingers are."""
        for index, places in enumerate(steps):
            points = [{"x": x, "y": y, "id": id} for id, (x, y) in enumerate(places)]
            kind = "touchMove" if index else "touchStart"
            self._send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        self._send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_a_pen_presses(inpaint, served):
    canvas = inpaint()
    canvas.set(size=100)
    window, true = canvas.at([(100, 200), (500, 200)])
    send = canvas.page.context.new_cdp_session(canvas.page).send
    names = ("mousePressed", "mouseMoved", "mouseReleased")
    for name, force, (x, y) in zip(names, (0.2, 1, 1), (*window, window[1]), strict=True):
        pen = {"x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1}
        event = {"type": name, "pointerType": "pen", "force": force, **pen}
        send("Input.dispatchMouseEvent", event)
    wide = (canvas.stored(served) > 127).sum(axis=0)
    left, right = (round(x) for x, _ in true)
    assert wide[left] == pytest.approx(100 * (0.15 + 0.85 * 0.2), abs=3)
    assert wide[right] == pytest.approx(100, abs=3)


def test_escape_takes_back_what_is_under_way(inpaint, served):
    canvas = inpaint()
    canvas.set(size=40)
    window, _ = canvas.at([(100, 100), (300, 300)])
    canvas.page.mouse.move(*window[0])
    canvas.page.mouse.down()
    canvas.page.mouse.move(*window[1])
    canvas.page.keyboard.press("Escape")
    canvas.page.mouse.up()
    assert canvas.source()["mask"] is None
    assert canvas.button("Undo").is_disabled()
