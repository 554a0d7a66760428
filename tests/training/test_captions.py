"""A network that looks at pictures writes their captions."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import BertTokenizer, BlipForConditionalGeneration, BlipImageProcessorPil

from studio.catalog.catalog import Catalog
from studio.domain.errors import CheckpointError, OutOfMemory
from studio.jobs.errands import NotNow
from studio.residence import memory
from studio.residence.manager import ModelManager
from studio.residence.networks import Networks
from studio.training import captions
from studio.tuning.captioning import Captioning
from tests.training import captioners


@pytest.fixture(scope="module")
def captioner(tmp_path_factory):
    """In a folder of models."""
    return captioners.save(tmp_path_factory.mktemp("models") / "captioners" / "tiny")


class Device:
    """Does each errand at once, whenever it is `asked`; `lent`: drawings hold models."""

    def __init__(self, captioner: Path, networks: Networks | None = None) -> None:
        self.networks = networks or Networks(torch.device("cpu"), lambda name, size_bytes: None)
        self.asked, self.lent = 0, False
        models = captioner.parent.parent
        of = (lambda: self.networks), (lambda: self.lent), self.errand
        self.captioning = Captioning(Catalog([models]), models, *of)

    def errand(self, begin):
        answer = Future()
        self.asked += 1
        try:
            next(begin())
        except StopIteration as end:
            answer.set_result(end.value)
        except Exception as error:
            answer.set_exception(error)
        return answer

    @property
    def held(self) -> int:
        """Bytes that the captioner holds."""
        return self.networks.idle_bytes


def test_captions_are_those_of_transformers(captioner, tmp_path):
    colours = {"a.png": "tomato", "b.png": "navy"}
    for name, colour in colours.items():
        Image.new("RGB", (40, 30), colour).save(tmp_path / name)
    device = Device(captioner)
    told = list(device.captioning.write(tmp_path))
    assert device.held == 0, "given up at the end"
    assert [(each.file, each.done, each.total) for each in told] == [
        ("a.png", 1, 2),
        ("b.png", 2, 2),
    ]
    network = BlipForConditionalGeneration.from_pretrained(captioner).eval()
    processor = BlipImageProcessorPil.from_pretrained(captioner)
    tokenizer = BertTokenizer.from_pretrained(captioner)
    for each in told:
        pixels = processor(Image.open(tmp_path / each.file), return_tensors="pt")["pixel_values"]
        tokens = network.generate(pixels, num_beams=3, min_length=5, max_new_tokens=40)
        said = tokenizer.decode(tokens[0], skip_special_tokens=True)
        assert each.caption == said.strip()
        assert set(each.caption.split()) <= set(captioners.WORDS)
        assert (tmp_path / each.file).with_suffix(".txt").read_text() == f"{each.caption}\n"
    assert told[0].caption != told[1].caption
    assert captions.wanting(tmp_path, overwrite=False) == []


def test_what_is_written_meanwhile_stays(captioner, tmp_path):
    for name in ("a.png", "b.png"):
        Image.new("RGB", (40, 30)).save(tmp_path / name)
    work = Device(captioner).captioning.write(tmp_path)
    next(work)
    (tmp_path / "b.txt").write_text("by hand")
    assert next(work).caption == "by hand"
    assert (tmp_path / "b.txt").read_text() == "by hand"


def test_who_stops_keeps_what_is_written_and_gives_the_memory_back(captioner, tmp_path):
    for name in ("a.png", "b.png", "c.png"):
        Image.new("RGB", (40, 30)).save(tmp_path / name)
    device = Device(captioner)
    looks = device.captioning.looks(tmp_path, None, False)
    assert next(looks).result().file == "a.png" and device.held > 0
    looks.close()
    assert device.held == 0 and device.asked == 2
    assert sorted(path.name for path in tmp_path.glob("*.txt")) == ["a.txt"]
    again = [each.file for each in device.captioning.write(tmp_path)]
    assert again == ["b.png", "c.png"]


def test_it_takes_no_more_memory_than_the_manager_has(captioner, tmp_path, monkeypatch):
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    Image.new("RGB", (40, 30)).save(tmp_path / "b.png")
    wanted, free = captions.captioner(captioner), [0]
    monkeypatch.setattr(memory, "free_host_bytes", lambda: free[0])
    manager = ModelManager("cpu", "float32")
    device = Device(captioner, manager.networks)
    with pytest.raises(OutOfMemory, match="tiny takes .* are not free"):
        next(device.captioning.write(tmp_path))
    device.lent = True  # it waits for what is drawn
    with pytest.raises(NotNow):
        next(device.captioning.write(tmp_path))
    assert device.held == 0 and not (tmp_path / "a.txt").exists()
    free[0] = wanted.size_bytes
    work = device.captioning.write(tmp_path)
    next(work)
    network = wanted.read(torch.device("cpu"))
    assert device.held == network.size_bytes and 0 <= network.size_bytes - wanted.size_bytes < 5000
    # A drawing that needs the room has it, and the next picture reads the network again.
    assert manager.room(free[0] + 1) == free[0] + network.size_bytes
    assert device.held == 0
    assert next(work).file == "b.png" and device.held > 0


def test_a_captioner_that_is_not_whole_is_told(captioner, tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    broken = captioners.save(tmp_path / "models" / "BLIP" / "broken")
    work = Device(broken).captioning
    weights = broken / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    with pytest.raises(CheckpointError, match="cannot be read as a BLIP captioner"):
        next(work.write(tmp_path))
    weights.write_bytes(whole)
    (broken / "preprocessor_config.json").unlink()
    with pytest.raises(CheckpointError, match="cannot be read as a BLIP captioner"):
        next(work.write(tmp_path))
    assert not (tmp_path / "a.txt").exists()
