"""What a request names and does not get, or gets in part: drawn all the same, and said with the
pictures."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from studio.catalog.catalog import Catalog
from studio.catalog.select import select
from studio.domain.events import Finished
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.residence.manager import ModelManager
from studio.settings import assets_dir
from tests.engine.running import run, settled
from tests.weights.loras import kohya, layers

FIELDS = {"steps": 2, "width": 64, "height": 64, "seed": 3}
FORMS = {
    "odd.pt": {"string_to_param": {"*": torch.ones(2, 768)}, "name": "odd"},
    "odd.safetensors": {"emb_params": torch.ones(2, 768)},
    "odd.bin": {"<odd>": torch.ones(1024)},
    # No family's width: what it is for is learnt when it is read.
    "odd-width.pt": {"<odd>": torch.ones(3, 500)},
}


@pytest.fixture(scope="module")
def manager():
    return ModelManager("cpu", "float32")


@pytest.fixture
def draw(manager, tmp_path):
    """`draw(prompt=…)`: how a request ends that may name what lies in `tmp_path`."""

    def draw(**fields):
        catalog = Catalog([assets_dir() / "models", tmp_path])
        engine = StableDiffusionEngine(manager, lambda request: select(catalog, request))
        last = run(engine, settled(**FIELDS, **fields))[-1]
        assert isinstance(last, Finished), last
        return last

    return draw


@pytest.mark.parametrize(
    ("name", "field"), list(zip(FORMS, ["prompt", "negative_prompt"] * 2, strict=True))
)
def test_an_embedding_of_another_family_is_passed_over(name, field, draw, tmp_path):
    texts = {"prompt": "a red house"}
    texts[field] = f"{texts.get(field, 'rain')}, {name.partition('.')[0]}"
    words = draw(**texts)
    assert words.warnings == ()
    (tmp_path / "embeddings").mkdir()
    path = tmp_path / "embeddings" / name
    save = save_file if name.endswith(".safetensors") else torch.save
    save(FORMS[name], path)
    found = draw(**texts)
    [warning] = found.warnings
    assert path.stem in warning and "passed over" in warning and "picturebook" in warning
    assert found.pictures[0].warnings == (warning,)
    assert found.pictures[0].image.tobytes() == words.pictures[0].image.tobytes()


def test_half_of_a_pair_is_passed_over_too(draw, tmp_path):
    save_file({"clip_g": torch.ones(2, 1280)}, tmp_path / "half.safetensors")
    [warning] = draw(prompt="a red house, half").warnings
    assert "half" in warning and "SDXL" in warning


def test_a_lora_that_fits_in_part_is_used_and_remarked(draw, tmp_path):
    made = kohya(layers())
    save_file(made, tmp_path / "whole.safetensors")
    save_file(made | {"global_step": torch.tensor(3)}, tmp_path / "part.safetensors")
    plain = draw(prompt="a red house")
    whole = draw(prompt="a red house", loras=["whole:0.5"])
    part = draw(prompt="a red house", loras=["part:0.5"], batch_size=2)
    assert plain.warnings == whole.warnings == ()
    [warning] = part.warnings
    assert "part" in warning and "1 of its" in warning and "global_step" in warning
    assert [each.warnings for each in part.pictures] == [(warning,)] * 2
    assert whole.pictures[0].image.tobytes() != plain.pictures[0].image.tobytes()
    alone = draw(prompt="a red house", loras=["part:0.5"])
    assert alone.warnings == (warning,)
    assert alone.pictures[0].image.tobytes() == whole.pictures[0].image.tobytes()
