"""The tab Train, in a real browser: from nothing to pictures with captions."""

from __future__ import annotations

import io
import shutil
import zipfile
from datetime import datetime, timedelta

import pytest
from PIL import Image

import studio.training.running  # noqa: F401  (or the first order waits for the imports)
from tests.training import captioners
from tests.ui.using import drop_files, open_place


def png(colour, size=(96, 64)):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module", autouse=True)
def captioner(tmp_path_factory):
    """Made before the studio, beside whose loading no other thread can build a network."""
    return captioners.save(tmp_path_factory.mktemp("captioner"))


@pytest.fixture
def folder(one_studio):
    return one_studio.studio.settings.sets_dir / "kites"


def test_a_folder_that_is_dropped_becomes_a_set(visit, one_studio, tmp_path):
    mine = tmp_path / "sails"
    files = {
        "img/12_red sail/a.png": png("red"),
        "img/12_red sail/b.png": png("green"),
        "img/12_red sail/b.txt": b"a sail, green",
        "img/masks/none.txt": b"",
        "reg/1_boat/c.png": png("blue"),
        "notes.pdf": b"",
        ".hidden.png": b"",
        "broken.png": b"no picture",
    }
    for name, data in files.items():
        (mine / name).parent.mkdir(parents=True, exist_ok=True)
        (mine / name).write_bytes(data)
    page = visit()
    open_place(page, "train")
    page.get_by_text("Drop pictures or a folder here").wait_for()
    page.locator("#train-field-steps").wait_for()
    drop_files(page, [mine], ".train-set")
    page.locator(".train-said", has_text="3 pictures added. 1 could not be. 1 other").wait_for()
    assert "sails/broken.png" in page.locator(".train-set .objection").text_content()
    assert page.locator("[data-of=set]").input_value() == "sails"
    assert page.get_by_label("Caption of 12_red sail/a.png").input_value() == "red sail"
    assert page.get_by_label("Caption of 12_red sail/b.png").input_value() == "a sail, green"
    assert page.locator(".train-size").first.inner_text().endswith("12 times")
    folder = one_studio.studio.settings.sets_dir / "sails"
    assert (folder / "reg" / "1_boat" / "c.png").is_file()
    drop_files(page, [mine / "img"], ".train-set")  # into the set that is chosen
    page.locator(".train-said", has_text="2 pictures added.").wait_for()
    assert page.get_by_label("Caption of 12_red sail/b-2.png").input_value() == "a sail, green"
    shutil.rmtree(folder)


def test_a_mask_is_painted_over_its_picture(visit, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "m.png").write_bytes(png("red"))
    page = visit()
    open_place(page, "train")
    page.locator("[data-of=set]").select_option("kites")
    page.get_by_role("button", name="Paint mask of m.png").click()
    sheet = page.locator(".control-sheet")
    page.get_by_label("Mask of m.png, 96 × 64 pixels").wait_for()
    seen = "(image) => image.decode().then(() => image.naturalWidth)"
    assert sheet.locator(".canvas-world img").evaluate(seen) == 96
    assert sheet.locator("canvas").first.evaluate("(it) => it.style.opacity") == "0.4"
    assert page.get_by_label("Picture shows through").input_value() == "60"
    page.get_by_role("button", name="Cancel").click()
    shutil.rmtree(folder)


def test_a_set_is_downloaded_for_another_trainer_and_deleted(visit, one_studio, tmp_path):
    folder = one_studio.studio.settings.sets_dir / "my boats"
    (folder / "7_boat").mkdir(parents=True)
    (folder / "7_boat" / "a.png").write_bytes(png("red"))
    (folder / "7_boat" / "a.txt").write_text("a boat, red")
    page = visit()
    open_place(page, "train")
    page.locator("[data-of=set]").select_option("my boats")
    page.get_by_label("Caption of 7_boat/a.png").wait_for()
    page.get_by_text("Download for other trainers").click()
    for words, name in (
        ("Flat folder", "a.txt"),
        ("kohya's folders", "img/7_boat/a.txt"),
        ("metadata.jsonl", "metadata.jsonl"),
    ):
        with page.expect_download() as download:
            page.get_by_role("link", name=words).click()
        assert download.value.suggested_filename == "my boats.zip"
        download.value.save_as(tmp_path / "got.zip")
        with zipfile.ZipFile(tmp_path / "got.zip") as packed:
            assert b"a boat, red" in packed.read(f"my boats/{name}")
            assert packed.testzip() is None
    asked = []
    for answer in ("dismiss", "accept"):
        page.once("dialog", lambda it, does=answer: (asked.append(it.message), getattr(it, does)()))
        page.get_by_role("button", name="Delete set").click()
        if answer == "dismiss":
            assert folder.is_dir()
    page.get_by_label("Caption of 7_boat/a.png").wait_for(state="detached")
    assert asked == ["Delete the set my boats with its picture?"] * 2
    assert not folder.exists()


def test_pictures_are_added_captioned_and_counted(visit, folder):
    page = visit()
    open_place(page, "train")
    page.locator("#train-field-steps").wait_for()
    assert page.locator("#train-field-batch_size").input_value() == "4"  # what suits picturebook
    look = "(box) => getComputedStyle(box).appearance"
    assert page.locator("#train-field-masked_loss").evaluate(look) == "auto"  # a box to be seen
    page.get_by_role("button", name="Start training").click()
    page.get_by_text("There are no pictures to learn from").wait_for()
    page.get_by_role("button", name="New set").click()
    page.get_by_label("Name of the new set").fill("kites")
    page.get_by_role("button", name="Make", exact=True).click()
    page.locator("[data-of=set] option", has_text="kites").wait_for(state="attached")
    files = [
        {"name": "a.png", "mimeType": "image/png", "buffer": png("red")},
        {"name": "a.txt", "mimeType": "text/plain", "buffer": b"a kite, red"},
        {"name": "b.png", "mimeType": "image/png", "buffer": png("navy", (64, 96))},
    ]
    page.locator(".train-set input[data-of=files]").set_input_files(files)
    page.get_by_label("Caption of b.png").fill("a kite, navy")
    page.get_by_label("Caption of b.png").blur()
    page.locator(".train-said", has_text="Saved").wait_for()
    assert (folder / "b.txt").read_text() == "a kite, navy\n"
    page.get_by_role("button", name="Paint mask of b.png").click()
    port = page.get_by_label("Mask of b.png, 64 × 96 pixels")
    port.wait_for()
    port.click()  # a dot in its middle
    page.get_by_role("button", name="Use it").click()
    page.locator(".train-mask").wait_for()
    with Image.open(folder / "masks" / "b.png") as mask:
        assert (mask.mode, mask.size, mask.getpixel((32, 48)), mask.getpixel((2, 2))) == (
            "L", (64, 96), 255, 0
        )  # fmt: skip
    page.get_by_role("button", name="Clear mask of b.png").click()
    page.locator(".train-mask").wait_for(state="detached")
    assert not any((folder / "masks").iterdir())
    (folder / "masks").rmdir()
    page.get_by_text("Find and replace").click()
    page.get_by_label("Find", exact=True).fill("a kite")
    page.get_by_label("Replace with").fill("[trigger]")
    page.get_by_role("button", name="Replace in all").click()
    page.get_by_text("2 captions changed").wait_for()
    assert (folder / "a.txt").read_text() == "[trigger], red\n"
    assert page.get_by_label("Caption of a.png").input_value() == "[trigger], red"
    page.get_by_text("Tags · 3").click()
    page.get_by_text("[trigger] · 2").wait_for()
    page.get_by_role("button", name="Remove a.png").click()
    page.get_by_label("Caption of a.png").wait_for(state="detached")
    assert sorted(path.name for path in folder.iterdir()) == ["b.png", "b.txt"]


def test_a_training_waits_for_its_hours_in_the_queue_too(visit, folder, one_studio):
    folder.parent.joinpath("mills").mkdir(parents=True, exist_ok=True)
    (folder.parent / "mills" / "a.png").write_bytes(png("red"))
    (folder.parent / "mills" / "a.txt").write_text("a mill")
    now = datetime.now()
    since, until = (f"{now + timedelta(hours=hours):%H:%M}" for hours in (2, 3))
    page = visit()
    open_place(page, "train")
    page.locator("#train-field-steps").wait_for()
    page.locator("[data-of=set]").select_option("mills")
    page.locator("#train-field-name").fill("nightly")
    page.locator("#train-since").fill(since)
    page.get_by_role("button", name="Start training").click()
    page.get_by_text("Say both times, or neither").wait_for()
    page.locator("#train-until").fill(until)
    page.get_by_role("button", name="Start training").click()
    page.locator(".train-state", has_text=f"Waits until {since}").wait_for(timeout=60_000)
    button = page.locator(".status-bar .queue")
    button.get_by_text("1 training").wait_for()
    button.click()
    row = page.locator(".queue-trainings li")
    row.get_by_text(f"Waits until {since}").wait_for()
    assert row.locator(".queue-prompt").inner_text() == "Training nightly"
    row.hover()
    row.get_by_role("button", name="Pause").click()
    row.get_by_text("Paused").wait_for()
    button.get_by_text("Queue", exact=True).wait_for()
    row.hover()
    row.get_by_role("button", name="Resume").click()
    row.get_by_text(f"Waits until {since}").wait_for()
    row.hover()
    row.get_by_role("button", name="Open the tab Train").click()
    row.wait_for(state="hidden")
    one_studio.studio.queue.pause()  # so that it does not begin here
    page.get_by_role("button", name="Learn now").click()
    page.locator(".train-state", has_text="Waits for its turn").wait_for()
    assert one_studio.studio.trainings.all()[0].order.hours is None
    assert not page.get_by_role("button", name="Learn now").is_visible()
    page.locator("[data-action=delete]").click()
    page.locator(".train-runs").wait_for(state="hidden")
    one_studio.studio.queue.resume()


def test_what_is_trained_switches_the_settings_and_is_asked_for(visit, one_studio):
    folder = one_studio.studio.settings.sets_dir / "dusktower"
    folder.mkdir(parents=True)
    Image.new("RGB", (64, 64), "purple").save(folder / "a.png")
    page = visit()
    open_place(page, "train")
    page.locator("#train-field-rank").wait_for()
    page.locator("#train-field-steps").fill("7")
    page.locator("#train-field-steps").blur()
    page.get_by_label("What is trained").select_option("embedding")
    page.locator("#train-field-vectors").fill("3")
    page.get_by_label("Initial text").fill("a purple castle")
    assert page.locator("#train-field-rank, #train-field-trigger").count() == 0
    assert page.locator("#train-field-caption_dropout").count() == 0
    page.get_by_label("What is trained").select_option("lora")
    page.locator("#train-field-rank").wait_for()
    assert page.locator("#train-field-vectors").count() == 0
    assert page.locator("#train-field-steps").input_value() == "7"  # each keeps its own
    page.get_by_label("What is trained").select_option("embedding")
    page.locator("#train-field-vectors").wait_for()  # before, the name is the LoRA's
    page.locator("#train-field-name").fill("castle")
    page.get_by_role("button", name="Start training").click()
    page.get_by_text("picturebook knows the word 'castle' already").wait_for(timeout=60_000)
    page.locator("#train-field-name").fill("")
    page.get_by_role("button", name="Start training").click()
    page.locator(".train-state").wait_for(timeout=60_000)
    begun = one_studio.studio.trainings.all()[0]
    one_studio.studio.trainings.delete(begun.id, begun.owner)
    training = begun.order.training
    assert (training.kind, training.name) == ("embedding", "dusktower")
    assert (training.vectors, training.initial_text) == (3, "a purple castle")


def test_a_captioner_writes_what_is_missing(visit, folder, one_studio, captioner):
    page = visit()
    open_place(page, "train")
    page.locator("#train-field-steps").wait_for()
    button = page.get_by_role("button", name="Caption all without one")
    assert not button.is_visible()
    downloads = one_studio.studio.settings.downloads_dir
    shutil.copytree(captioner, downloads / "captioners" / "tiny")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.png").write_bytes(png("red"))
    (folder / "a.txt").write_text("by hand")
    (folder / "b.png").write_bytes(png("navy", (64, 96)))
    (folder / "b.txt").unlink(missing_ok=True)
    page.reload()
    open_place(page, "train")
    page.get_by_label("Set of pictures").select_option("kites")
    page.get_by_label("Caption of b.png").wait_for()
    button.click()
    page.locator(".train-said", has_text="1 caption written.").wait_for(timeout=60_000)
    caption = (folder / "b.txt").read_text().strip()
    assert caption and page.get_by_label("Caption of b.png").input_value() == caption
    assert page.get_by_label("Caption of a.png").input_value() == "by hand"
    page.locator(".train-set .train-remarks", has_text="No caption").wait_for(state="detached")
    assert page.locator(".train-set .objection").text_content() == ""
