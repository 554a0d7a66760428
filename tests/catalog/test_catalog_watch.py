"""The catalog by itself: it sees what changes, hashes what is there, keeps what was noted."""

import hashlib
import json
import os
import threading
import time

import pytest

from studio.catalog.catalog import Catalog
from studio.domain.errors import InvalidRequest, SaveError
from tests.catalog import files
from tests.waiting import wait_for

INTERVAL_S = 0.02


@pytest.fixture
def folder(tmp_path):
    files.write(tmp_path / "models" / "lora" / "a.safetensors", files.lora())
    return tmp_path / "models"


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def make(folder, data_dir):
    """Makes catalogs, and ends their threads."""
    made = []

    def catalog(watched=True, **options):
        made.append(Catalog([files.EMBEDDED, folder], data_dir))
        if watched:
            made[-1].watch(interval_s=INTERVAL_S, **options)
        return made[-1]

    yield catalog
    for each in made:
        each.close()


def loras(catalog):
    return [ref.name for ref in catalog.refs("lora")]


def hashed(catalog):
    return all(catalog.sha256(ref) for kind in ("checkpoint", "lora") for ref in catalog.refs(kind))


def test_changes_are_seen_without_asking(folder, make):
    told = threading.Event()
    catalog = make(on_change=told.set)
    new = files.write(folder / "deep" / "er" / "b.safetensors", files.lora())
    wait_for(lambda: loras(catalog) == ["a", "b"])
    assert told.is_set()
    new.rename(folder / "c.safetensors")
    wait_for(lambda: loras(catalog) == ["a", "c"])
    files.write(folder / "c.safetensors", files.lora(rank=64))
    wait_for(lambda: catalog.find("c", "lora").facts.rank == 64)
    (folder / "c.safetensors").unlink()
    wait_for(lambda: loras(catalog) == ["a"])


def test_a_folder_that_vanishes_while_watched(folder, make):
    catalog = make()
    folder.rename(folder.with_name("away"))
    wait_for(lambda: loras(catalog) == [])
    folder.with_name("away").rename(folder)
    wait_for(lambda: loras(catalog) == ["a"])


def test_a_file_written_slowly_appears_when_it_is_whole(folder, make):
    catalog = make()
    whole = files.write(folder.parent / "b", files.lora()).read_bytes()
    with open(folder / "b.safetensors", "wb", buffering=0) as file:
        for byte in range(0, len(whole), 500):
            file.write(whole[byte : byte + 500])
            time.sleep(2 * INTERVAL_S)
            assert catalog.broken == {}
    wait_for(lambda: loras(catalog) == ["a", "b"])


def test_a_part_changed_within_a_diffusers_folder_is_seen(folder, make):
    files.copy_embedded(folder / "dreams")
    catalog = make()
    path = folder / "dreams" / "scheduler" / "scheduler_config.json"
    values = json.loads(path.read_text()) | {"prediction_type": "v_prediction"}
    path.write_text(json.dumps(values))
    wait_for(lambda: catalog.find("dreams").prediction_type == "v_prediction")


def test_nothing_is_looked_at_or_hashed_unless_it_is_watched(folder, make):
    catalog = make(watched=False)
    files.write(folder / "b.safetensors", files.lora())
    time.sleep(0.1)
    assert loras(catalog) == ["a"]
    assert catalog.sha256(catalog.find("a", "lora")) is None
    assert not [each for each in threading.enumerate() if each.name.startswith("studio-")]


def test_watching_leaves_the_disk_alone_while_nothing_changes(make, monkeypatch):
    catalog = make()
    wait_for(lambda: hashed(catalog))
    look, looks = catalog.refresh, []
    monkeypatch.setattr(catalog, "refresh", lambda: looks.append(look()))

    def is_quiet() -> bool:
        looks.clear()
        time.sleep(10 * INTERVAL_S)
        return not looks

    wait_for(is_quiet)  # once the folders' last change is old enough to be trusted


def test_hashes_are_computed_in_the_background_and_kept(folder, make, data_dir):
    catalog = make()
    ref = catalog.find("a", "lora")
    wait_for(lambda: hashed(catalog))
    digest = hashlib.sha256((folder / "lora" / "a.safetensors").read_bytes()).hexdigest()
    assert catalog.sha256(ref) == digest
    assert catalog.short_hash(ref) == digest[:10]
    assert catalog.find(digest[:10], "lora") == ref
    catalog.close()
    again = make(watched=False)
    assert again.sha256(again.find("a", "lora")) == digest
    files.write(folder / "lora" / "a.safetensors", files.lora(rank=2))
    again.refresh()
    assert again.sha256(again.find("a", "lora")) is None, "the file is another one now"


def test_a_hash_makes_no_new_list_of_thousands_of_models(folder, make):
    for number in range(5):
        files.write(folder / "lora" / f"more {number}.safetensors", files.lora())
    catalog = make(watched=False)
    before = catalog.refs("lora")
    changes = []
    catalog.watch(lambda: changes.append(catalog.refs("lora")), interval_s=60)
    wait_for(lambda: len(changes) >= len(before))  # told of each
    assert all(map(catalog.sha256, before))
    assert all(one is other for one, other in zip(before, catalog.refs("lora"), strict=True))


def test_the_hash_of_a_folder_is_that_of_the_list_of_its_weights(make):
    catalog = make(watched=False)
    ref = catalog.find("picturebook")
    lines = []
    for part in (
        "text_encoder/model",
        "unet/diffusion_pytorch_model",
        "vae/diffusion_pytorch_model",
    ):
        data = (ref.path / f"{part}.safetensors").read_bytes()
        lines.append(f"{hashlib.sha256(data).hexdigest()}  {part}.safetensors\n")
    assert catalog.compute_sha256(ref) == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_duplicates_are_found_by_their_hash(folder, make):
    files.write(folder / "copy.safetensors", files.lora())
    files.write(folder / "other.safetensors", files.lora(rank=2))
    catalog = make()
    wait_for(lambda: hashed(catalog))
    [group] = catalog.duplicates()
    assert {ref.name for ref in group} == {"a", "copy"}


def test_a_file_that_vanishes_before_it_is_hashed_harms_nobody(folder, make):
    catalog = make(watched=False)
    (folder / "lora" / "a.safetensors").unlink()
    files.write(folder / "b.safetensors", files.lora())
    catalog.watch(interval_s=60)
    catalog.refresh()
    wait_for(lambda: catalog.sha256(catalog.find("b", "lora")))


def test_closing_does_not_wait_for_a_long_hash(folder, make):
    big = folder / "big.safetensors"
    files.write(big, {"emb_params": (2 * 10**9, 1)} | files.lora())
    catalog = make()
    time.sleep(0.1)
    catalog.close()
    assert catalog.sha256(catalog.find("big", "lora")) is None


def test_notes_are_kept_and_correct_the_prediction_type(folder, make):
    files.write(folder / "sd2.safetensors", files.checkpoint(1024))
    catalog = make(watched=False)
    assert catalog.find("sd2").prediction_type is None
    before = catalog.changes
    catalog.set_notes(catalog.find("sd2"), text="from a friend", steps=30, zero_snr=True)
    catalog.set_notes(catalog.find("sd2"), prediction_type="v_prediction", width=768)
    assert catalog.changes > before
    for each in (catalog, make(watched=False)):
        ref = each.find("sd2")
        assert (ref.prediction_type, ref.zero_snr) == ("v_prediction", True)
        assert ref.notes.text == "from a friend"
        assert ref.notes.defaults == {"steps": 30, "width": 768}
    catalog.set_notes(catalog.find("sd2"), prediction_type=None, steps=None, text=None)
    assert catalog.find("sd2").prediction_type is None
    assert catalog.find("sd2").notes.defaults == {"width": 768}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"steps": 0}, "steps"),
        ({"width": 65}, "width"),
        ({"guidance_scale": float("nan")}, "guidance_scale"),
        ({"prediction_type": "magic"}, "prediction_type"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_notes_that_cannot_be_are_refused(make, changes, says):
    catalog = make(watched=False)
    with pytest.raises(InvalidRequest, match=says):
        catalog.set_notes(catalog.find("a", "lora"), **changes)


def test_notes_follow_a_renamed_file(folder, make):
    catalog = make()
    catalog.set_notes(catalog.find("a", "lora"), text="mine")
    wait_for(lambda: hashed(catalog))
    (folder / "lora" / "a.safetensors").rename(folder / "renamed.safetensors")
    wait_for(lambda: loras(catalog) == ["renamed"])
    wait_for(lambda: catalog.find("renamed", "lora").notes.text == "mine")


def test_notes_that_cannot_be_written_stay_as_they_were(folder, tmp_path):
    (tmp_path / "data").write_text("no folder")
    catalog = Catalog([folder], tmp_path / "data")
    ref = catalog.find("a", "lora")
    with pytest.raises(SaveError, match="cannot be used"):
        catalog.set_notes(ref, text="mine")
    assert catalog.find("a", "lora").notes.text == ""


def test_many_threads_may_use_it_at_once(folder, make):
    catalog = make()
    failures = []

    def use(number):
        try:
            for turn in range(20):
                path = folder / f"{number}-{turn % 3}.safetensors"
                files.write(path, files.lora())
                catalog.refresh()
                catalog.set_notes(catalog.find("a", "lora"), text=f"{number} {turn}")
                catalog.duplicates()
                os.unlink(path)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    wait_for(lambda: loras(catalog) == ["a"])
