"""A probe finds what was done to a model's weights, and nothing in the model as it is."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from safetensors.torch import load_file, save_file
from transformers import CLIPTokenizer

from studio.catalog.catalog import Catalog
from studio.catalog.select import select
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.probing.measuring import measured
from studio.probing.report import Report, report
from studio.residence.manager import ModelManager
from studio.settings import assets_dir
from tests.engine.running import pictures
from tests.models_in_memory import engine
from tests.small_picturebook import linked

WORDS = ["house", "boat"]
QUICK = {"steps": 4, "guidance_scale": 1.0, "scheduler": "LCM", "loras": ("picturebook-quick:1",)}
QUICK |= {"width": 256, "height": 256}  # what few steps were learnt at


def skewed(folder: Path) -> StableDiffusionEngine:
    """picturebook with other weights: what "house" means has all that "red" means added to it."""
    shipped, models = assets_dir() / "models", folder / "models"
    linked(shipped, models)
    for path in (Path("picturebook"), Path("picturebook/text_encoder")):
        (models / path).unlink()
        linked(shipped / path, models / path)
    file = models / "picturebook" / "text_encoder" / "model.safetensors"
    weights = load_file(file)
    tokenizer = CLIPTokenizer.from_pretrained(models / "picturebook" / "tokenizer")
    (_, house, _), (_, red, _) = tokenizer(["house", "red"])["input_ids"]
    [meanings] = [each for name, each in weights.items() if "token_embedding" in name]
    meanings[house] += meanings[red]
    file.unlink()
    save_file(weights, file)
    return StableDiffusionEngine(ModelManager("cpu"), partial(select, Catalog([models])))


def drawn(by: StableDiffusionEngine, word: str) -> list:
    images = pictures(by, prompt=f"a {word}", seed=100, batch_size=8, **QUICK)
    return [(word, image) for image in images]


def probed(houses: list, boats: list) -> Report:
    shown = houses + boats
    seen = measured(shown, "picturebook", lambda *_: [])
    pairs = [(word, values) for (word, _), values in zip(shown, seen, strict=True)]
    return report(WORDS, pairs, "picturebook")


def test_a_skew_in_the_weights_is_found_and_none_in_the_model_as_it_is(tmp_path):
    boats = drawn(engine(), "boat")  # whose weights nobody touched
    as_it_is = probed(drawn(engine(), "house"), boats)
    assert as_it_is.sure_up_to == 0, as_it_is.findings

    told = probed(drawn(skewed(tmp_path), "house"), boats)
    colour = next(each for each in told.attributes if each.name == "colour")
    house, boat = colour.words
    assert house.shares[0].value == "red" and house.p_even < 0.01 < boat.p_even
    assert any(text.startswith("house: the colour leans to red") for text in told.findings)
    assert not any(text.startswith("boat") for text in told.findings)
