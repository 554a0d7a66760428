"""A picture of a batch is made again exactly from what its file says, in every dtype."""

from __future__ import annotations

import io
from importlib import metadata

import pytest
from PIL import Image

from studio.domain.errors import InvalidRequest
from studio.domain.events import Finished
from studio.domain.provenance import Provenance
from studio.domain.request import GenerationRequest
from studio.gallery.packing import encode
from tests.engine.running import run, settled
from tests.models_in_memory import engine

BATCH = {"prompt": "a red house", "steps": 2, "width": 64, "height": 64, "seed": 3}
BATCH["batch_size"] = 3


@pytest.mark.parametrize(
    ("dtype", "scheduler"),
    [
        ("bfloat16", "DPM++ SDE"),
        ("float32", "Euler"),
        pytest.param("bfloat16", "DDIM", marks=pytest.mark.slow),
    ],
)
def test_each_picture_of_a_batch_is_made_again_by_its_record(dtype, scheduler):
    last = run(engine(dtype), settled(**BATCH, scheduler=scheduler))[-1]
    assert isinstance(last, Finished)
    for place in (0, 2):
        picture = last.pictures[place]
        stored = Image.open(io.BytesIO(encode(picture))).text
        assert f"Batch size: 3, Batch pos: {place}" in stored["parameters"]
        again = run(engine(dtype), GenerationRequest.parse(stored["studio"]))[-1]
        [same] = again.pictures
        assert same.image.tobytes() == picture.image.tobytes()
        assert (same.seed, same.infotext) == (picture.seed, picture.infotext)
        assert encode(same) == encode(picture)


def test_a_single_picture_is_told_without_a_batch():
    [picture] = run(engine(), settled(**{**BATCH, "batch_size": 1}))[-1].pictures
    stored = Image.open(io.BytesIO(encode(picture))).text
    assert "Batch" not in stored["parameters"]
    told = Provenance.read(stored["studio-provenance"])
    assert (told.libraries["torch"], told.dtype) == (metadata.version("torch"), "float32")
    assert told.device and told.kernels and [each.name for each in told.models] == ["picturebook"]
    assert told == engine().provenance(picture.request)
    assert GenerationRequest.parse(stored["studio"]).batch_place is None


def test_a_place_beyond_the_batch_is_refused():
    for place in (4, 16, -1):
        with pytest.raises(InvalidRequest, match="batch_place"):
            GenerationRequest.parse({"batch_size": 4, "batch_place": place})
