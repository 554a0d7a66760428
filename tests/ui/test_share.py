"""Share: where others find the studio, and who draws."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from studio.domain.reach import Reach, Tunnel
from studio.engine.fake import FakeEngine
from studio.web import create_app
from tests.conftest import servers

BUTTON = ".status-bar [data-action=share]"
LINK, NETWORK = "https://wonder.share.example", "http://192.168.1.5:7860"
REACH = Reach("192.168.1.5", 7860, Tunnel(0))


@pytest.fixture(scope="module")
def one_studio(tmp_path_factory):
    with servers(tmp_path_factory.mktemp("studio")) as start:
        auth = ("ann:secret", "bo:secret")
        yield start(FakeEngine(step_s=0.05), create_app, reach=REACH, auth=auth)


def read_code(page) -> str:
    """What a camera reads off the screen."""
    shot = page.locator(".share-code").screenshot()
    picture = cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR)
    return cv2.QRCodeDetector().detectAndDecode(picture)[0]


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_the_dialog_says_where_who_one_is_and_who_draws(visit, served, width, scheme):
    REACH.tunnel = Tunnel(REACH.tunnel.port)
    as_ann = {"username": "ann", "password": "secret"}
    page = visit(width, http_credentials=as_ann, color_scheme=scheme)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    if width < 500:
        assert min(page.locator(BUTTON).bounding_box()[side] for side in ("width", "height")) >= 40
        assert page.locator("#top-bar").bounding_box()["height"] == 88, "no line is its own"
    page.locator(BUTTON).focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Share")
    dialog.get_by_text("is being opened").wait_for()
    dialog.get_by_text("You are ann.").wait_for()
    dialog.get_by_text("Nobody at the moment").wait_for()
    page.get_by_role("img", name=f"QR code of {NETWORK}").wait_for()
    assert read_code(page) == NETWORK

    REACH.tunnel = Tunnel(REACH.tunnel.port, "open", LINK)
    page.get_by_role("img", name=f"QR code of {LINK}").wait_for()
    assert read_code(page) == LINK
    dialog.get_by_role("radio").first.focus()
    page.keyboard.press("ArrowDown")
    page.get_by_role("img", name=f"QR code of {NETWORK}").wait_for()
    dialog.get_by_role("button", name=f"Copy {LINK}").press("Enter")
    dialog.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == LINK

    served.studio.queue.pause()
    request = {"prompt": "a garden of bo's", "steps": 150, "width": 64, "height": 64}
    bo = ("bo", "secret")
    served.http.post("/studio/v1/jobs", json=request, auth=bo).raise_for_status()
    dialog.get_by_text("In the queue: 1 waiting").wait_for()
    assert dialog.locator(".share-people li").all_inner_texts() == ["bo\n1 waiting"]
    assert "garden" not in dialog.inner_text()
    page.get_by_role("img", name=f"QR code of {NETWORK}").wait_for()  # what was chosen stays
    box = dialog.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width

    served.studio.queue.resume()
    REACH.tunnel = Tunnel(REACH.tunnel.port, "closed", why="The tunnel has ended.")
    dialog.get_by_text("The tunnel has ended.").wait_for()
    assert dialog.get_by_text(LINK).count() == 0
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    assert page.evaluate("document.activeElement.matches('.status-bar [data-action=share]')")
