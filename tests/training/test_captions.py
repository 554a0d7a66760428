"""A network that looks at pictures writes their captions."""

from __future__ import annotations

import pytest
import torch
from PIL import Image
from transformers import BertTokenizer, BlipForConditionalGeneration, BlipImageProcessorPil

from studio.domain.errors import CheckpointError
from studio.training import captions
from tests.training import captioners


@pytest.fixture(scope="module")
def captioner(tmp_path_factory):
    return captioners.save(tmp_path_factory.mktemp("blip"))


def test_captions_are_those_of_transformers(captioner, tmp_path):
    colours = {"a.png": "tomato", "b.png": "navy"}
    for name, colour in colours.items():
        Image.new("RGB", (40, 30), colour).save(tmp_path / name)
    pictures = captions.wanting(tmp_path, overwrite=False)
    told = list(captions.write(pictures, tmp_path, captioner, "cpu"))
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
    work = captions.write(captions.wanting(tmp_path, False), tmp_path, captioner, "cpu")
    next(work)
    (tmp_path / "b.txt").write_text("by hand")
    assert next(work).caption == "by hand"
    assert (tmp_path / "b.txt").read_text() == "by hand"


def test_a_captioner_that_is_not_whole_is_told(captioner, tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    broken = captioners.save(tmp_path / "broken")
    pictures = captions.wanting(tmp_path, False)
    weights = broken / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    with pytest.raises(CheckpointError, match="cannot be read as a BLIP captioner"):
        next(captions.write(pictures, tmp_path, broken, "cpu"))
    weights.unlink()
    torch.save({}, broken / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="cannot be read as a BLIP captioner"):
        next(captions.write(pictures, tmp_path, broken, "cpu"))
    assert not (tmp_path / "a.txt").exists()
