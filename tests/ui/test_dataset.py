"""The Dataset tab: from the fields to pictures that are reviewed."""

from __future__ import annotations

import re

import pytest
from PIL import Image

from tests.ui.using import drop_files, open_place
from tests.waiting import wait_for


@pytest.fixture
def without_datasets(served):
    yield served
    for one in served.studio.datasets.all():
        served.studio.datasets.stop(one.id)
        one.thread and one.thread.join()
        served.studio.datasets.delete(one.id)


def test_a_dataset_is_begun_in_the_page_and_reviewed_by_keys(without_datasets, visit):
    served, page = without_datasets, visit()
    open_place(page, "dataset")
    spec = page.locator("#dataset-spec")
    page.locator("#dataset-steps").fill("0")
    page.locator(".dataset-form .primary").click()
    page.get_by_text("Line 15: steps: 0 is not allowed").wait_for()
    page.locator("#dataset-name").fill("tiny: one")
    page.locator("#dataset-template").fill("__things__, __ground__")
    page.locator("#dataset-count").fill("3")
    page.locator("#dataset-negatives").fill("0")
    page.locator("#dataset-steps").fill("1")
    page.locator(".dataset-form .primary").click()
    page.get_by_text("count: too few pictures: none would be in test. It takes").wait_for()
    page.get_by_text("Specification, as it is sent").click()
    spec.fill(spec.input_value() + "checks: {detector: none}\n")
    page.get_by_text("Written by hand").wait_for()
    assert page.locator("#dataset-val").is_disabled()
    page.get_by_role("button", name="Write it from the fields").click()
    assert 'name: "tiny: one"' in spec.input_value() and "checks" not in spec.input_value()
    page.locator("#dataset-val").fill("0")
    page.locator("#dataset-test").fill("0")
    assert "split: {train: 0.8, val: 0, test: 0}" in spec.input_value()
    spec.fill(spec.input_value() + "checks: {detector: none}\nthings: [1, 1]\n")
    page.locator(".dataset-form .primary").click()
    page.get_by_text("Done · 3 of 3 accepted").wait_for()
    one = served.studio.datasets.get("tiny- one")
    page.locator("#dataset-status").select_option("accepted")
    page.get_by_text("1 of 3").wait_for()
    was = one.folder.rows[0].labels[0].box
    page.locator(".dataset-title").click()
    for key in ("b", "ArrowLeft", "Shift+ArrowDown"):
        page.keyboard.press(key)
    page.keyboard.press("a")
    left, top, right, bottom = was
    changed = left - 1, top, right - 1, bottom + 1
    wait_for(lambda: one.folder.rows[0].labels[0].box == changed)
    name = one.folder.rows[0].labels[0].name
    other = one.spec.names[(one.spec.names.index(name) + 1) % len(one.spec.names)]
    page.locator(".dataset-title").click()
    for key in ("b", "n", "c", "Shift+ArrowLeft", "a"):
        page.keyboard.press(key)
    wait_for(lambda: len(one.folder.rows[0].labels) == 2)
    assert [each.name for each in one.folder.rows[0].labels] == [name, other]
    width, height = one.folder.rows[0].size
    middle = round(width / 4), round(height / 4), round(width * 0.75) - 1, round(height * 0.75)
    assert one.folder.rows[0].labels[1].box == middle
    page.locator(".dataset-picture g").last.click()
    page.get_by_role("button", name="Remove it").click()
    page.keyboard.press("Delete")
    page.keyboard.press("a")
    wait_for(lambda: one.folder.rows[0].labels == ())
    page.locator(".dataset-acts [data-go='1']").click()
    page.keyboard.press("x")
    page.get_by_text("1 rejected").wait_for()
    assert one.folder.counts() == {"accepted": 2, "review": 0, "rejected": 1}


def test_photos_are_varied_with_the_labels_beside_them(without_datasets, visit, tmp_path):
    served, page = without_datasets, visit()
    Image.linear_gradient("L").convert("RGB").resize((128, 96)).save(tmp_path / "wall.png")
    (tmp_path / "wall.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    open_place(page, "dataset")
    photos = page.locator(".dataset-photos")
    drop_files(page, [tmp_path], ".dataset-photos")
    photos.get_by_alt_text("wall.png, with labels").wait_for()
    spec = page.locator("#dataset-spec")
    assert "steering: regions" in spec.input_value()
    page.locator("#dataset-where").select_option("in the lower half")
    assert "region: [0, 0.5, 1, 1]" in spec.input_value()
    page.locator("#dataset-use").select_option("variations")
    assert "region" not in spec.input_value()
    page.locator("#dataset-name").fill("walls")
    page.locator("#dataset-count").fill("2")
    page.locator("#dataset-steps").fill("1")
    assert "steering: variations" in spec.input_value()
    page.locator(".dataset-form .primary").click()
    page.get_by_text(
        re.compile(r"photos: too few .* It takes \d+ that differ, this is 1")
    ).wait_for()
    page.locator("#dataset-val").fill("0")
    page.locator("#dataset-test").fill("0")
    page.get_by_text("Specification, as it is sent").click()
    spec.fill(spec.input_value() + "checks: {detector: none}\n")
    page.locator(".dataset-form .primary").click()
    page.get_by_text("Done · 2 of 2 accepted").wait_for()
    rows = served.studio.datasets.rows("walls", "accepted")
    assert [label.box for row in rows for label in row.labels] == [(32, 24, 96, 72)] * 2
    photos.get_by_role("button", name="Remove wall.png").click()
    assert "steering" not in spec.input_value()
