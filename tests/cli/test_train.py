"""`studio train lora`: from a folder to a LoRA in the catalog."""

from __future__ import annotations

import json
import signal
from datetime import datetime, timedelta

import pytest
from PIL import Image
from safetensors import safe_open

from studio.catalog.catalog import Catalog
from studio.cli import main
from studio.cli.status import INTERRUPTED
from studio.cli.train import _Telling
from studio.domain.training import Waiting
from tests.training import captioners


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two pictures that a user has in a folder, and a folder for what the studio writes."""
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    kites = tmp_path / "kites"
    kites.mkdir()
    Image.new("RGB", (64, 48), "tomato").save(kites / "a.png")
    Image.new("RGB", (48, 64), "navy").save(kites / "b.png")
    (kites / "a.txt").write_text("a red kite")
    return tmp_path


def train(capsys, *arguments):
    """(status, stdout as JSON, stderr)."""
    status = main(["train", "lora", "kites", "--json", *map(str, arguments)])
    printed = capsys.readouterr()
    return status, json.loads(printed.out) if printed.out else None, printed.err


def test_a_lora_is_trained_gone_on_with_and_in_the_catalog(folder, capsys):
    flags = ["--model", "picturebook", "--trigger", "zork", "--rank", "2", "--resolution", "64"]
    status, told, said = train(capsys, *flags, "--steps", "2")
    assert status == 0 and told["steps"] == 2
    assert "2 pictures are very few" in said and "step 2/2 · loss" in said
    with safe_open(told["lora"], "pt") as file:
        metadata = file.metadata()
    assert json.loads(metadata["ss_tag_frequency"]) == {"kites": {"zork": 2, "a red kite": 1}}
    [ref] = Catalog([folder / "data" / "models"]).refs("lora")
    assert (ref.name, ref.facts.layout, ref.facts.rank) == ("kites", "kohya", 2)
    assert "zork" in ref.facts.trigger_words
    status, _, said = train(capsys, *flags, "--steps", "3")
    assert status == 2 and "is there already" in said
    status, told, said = train(capsys, "--steps", "3", "--resume")
    assert status == 0 and told["steps"] == 3 and "step 2/3" not in said
    status, _, said = train(capsys, "--rank", "4", "--resume")
    assert status == 2 and "rank: the training 'kites' was begun with 2" in said


def test_outside_of_its_hours_it_waits_until_ctrl_c(folder, capsys, monkeypatch):
    since, until = (f"{datetime.now() + timedelta(hours=hours):%H:%M}" for hours in (2, 3))
    show = _Telling.show

    def interrupting(telling, event):
        show(telling, event)
        if isinstance(event, Waiting):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(_Telling, "show", interrupting)
    status, told, said = train(capsys, "--model", "picturebook", "--hours", f"{since}-{until}")
    assert status == INTERRUPTED and told is None
    assert f"Waits until {since}." in said and "Stopped at step 0, which is kept." in said
    assert f"--name 'kites' --resume --hours {since}-{until}" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--steps", "0"), "steps: '0' is not allowed"),
        (("--name", "../up"), "name: "),
        (("--checkpoint", "nowhere"), "nowhere"),
        (("--hours", "22-6"), "hours: '22-6' are no hours. Say two times of the day"),
        (("--resume",), "There is no training 'kites' to go on with"),
    ],
)
def test_bad_input_is_told(folder, capsys, arguments, message):
    status, told, said = train(capsys, *arguments)
    assert status == 2 and told is None and message in said


def caption(capsys, *flags):
    """(status, stdout, stderr)."""
    status = main(["train", "caption", "kites", "--models-dir", "models", *flags])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_captions_are_written_where_there_are_none(folder, capsys):
    captioners.save(folder / "models" / "BLIP" / "tiny")
    status, out, _ = caption(capsys)
    said = (folder / "kites" / "b.txt").read_text().strip()
    assert status == 0 and said and out == f"b.png: {said}\n"
    assert (folder / "kites" / "a.txt").read_text() == "a red kite"
    assert caption(capsys)[2].startswith("All pictures have captions.")
    status, out, _ = caption(capsys, "--overwrite", "--json")
    written = json.loads(out)["captions"]
    assert status == 0 and set(written) == {"a.png", "b.png"} and written["b.png"] == said
    assert (folder / "kites" / "a.txt").read_text() == f"{written['a.png']}\n"
    status, _, error = caption(capsys, "--captioner", "large")
    assert status == 2 and "There is no captioner 'large'. There are: tiny." in error


def test_without_a_captioner_it_says_where_to_put_one(folder, capsys):
    status, out, error = caption(capsys)
    assert status == 2 and not out
    assert "There is no captioner here" in error and str(folder / "models" / "captioners") in error
    pickled = captioners.save(folder / "models" / "captioners" / "old")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    status, _, error = caption(capsys)
    assert status == 2 and "pickles" in error and not (folder / "kites" / "b.txt").exists()
    assert Catalog([folder / "models"]).broken == {}


def export(capsys, *arguments):
    """(status, stdout, stderr)."""
    status = main(["train", "export", *map(str, arguments)])
    return status, *capsys.readouterr()


def test_a_folder_or_a_set_is_written_for_another_trainer(folder, capsys):
    status, out, said = export(capsys, "kites", "out", "--layout", "kohya", "--trigger", "zork")
    assert (status, out) == (0, "out\n") and "2 pictures are very few" in said
    assert (folder / "out/img/1_kites/a.txt").read_text() == "zork, a red kite\n"
    assert (folder / "out/img/1_kites/b.txt").read_text() == "zork\n"
    status, out, said = export(capsys, "kites", "out")
    assert status == 2 and not out and "out is there already and is no empty folder" in said
    (folder / "kites").rename(folder / "moved")
    status, _, said = export(capsys, "kites", "more")
    assert status == 2 and "kites: there is no such folder, and no set" in said
    (folder / "data/training-sets").mkdir(parents=True)
    (folder / "moved").rename(folder / "data/training-sets/kites")
    status, out, _ = export(capsys, "kites", "more", "--layout", "metadata", "--json")
    assert status == 0 and json.loads(out) == {"folder": "more", "pictures": 2}
    lines = (folder / "more/metadata.jsonl").read_text().splitlines()
    assert json.loads(lines[0]) == {"file_name": "a.png", "text": "a red kite"}
