"""Whichever way a picture leaves, in whichever format, it says that a model drew it: in signed
credentials, in XMP and in its pixels, as readers of others find them."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import c2pa
import numpy as np
import pytest
from PIL import Image

from studio.cli.running import given_away
from studio.domain.request import GenerationRequest
from studio.engine.fake import FakeEngine
from studio.gallery.exports import Export, file_of
from studio.picturebook.world import Scene
from studio.provenance import marking, watermark, xmp

SIDE = 256
PROMPT, SEED = "a house", 3
TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "avif": "image/avif"}


class Scenes(FakeEngine):
    """Draws scenes, in which there is something to mark."""

    def _draw(self, run, place):
        return Scene.random(np.random.default_rng(SEED)).draw((SIDE, SIDE))


def from_the_library(served, id: str, format: str) -> bytes:
    return served.http.get(f"/studio/v1/images/{id}", params={"format": format}).content


def from_the_sdapi(served, _: str, format: str) -> bytes:
    options = {"samples_format": format, "jpeg_quality": 90}
    body = {"prompt": PROMPT, "seed": SEED, "steps": 1, "width": SIDE, "height": SIDE}
    body["override_settings"] = options
    answer = served.http.post("/sdapi/v1/txt2img", json=body).raise_for_status()
    return base64.b64decode(answer.json()["images"][0])


def from_openais(served, _: str, format: str) -> bytes:
    body = {"prompt": PROMPT, "seed": SEED, "size": f"{SIDE}x{SIDE}", "output_format": format}
    answer = served.http.post("/v1/images/generations", json=body | {"steps": 1})
    return base64.b64decode(answer.raise_for_status().json()["data"][0]["b64_json"])


def from_the_command_line(served, _: str, format: str) -> bytes:
    request = GenerationRequest(prompt=PROMPT, seed=SEED, steps=1, width=SIDE, height=SIDE)
    job = served.studio.submit(request)
    [*_, (_, final)] = job.events.follow()
    [(_, final)] = given_away(served.studio, [(None, final)], Export(format=format), None)
    return Path(final.pictures[0].path).read_bytes()


def into_a_dataset(served, id: str, format: str) -> bytes:
    picture = served.studio.gallery.picture(id)
    return file_of(served.studio.gallery, picture, picture.image, format)


def as_a_sheet(served, id: str, _: str) -> bytes:
    sheet = served.http.post("/studio/v1/images/sheet", json={"ids": [id, id]}).raise_for_status()
    return served.http.get(f"/studio/v1/images/{sheet.json()['id']}").content


WAYS = {
    from_the_library: TYPES,
    from_the_sdapi: TYPES,
    from_openais: ("png", "jpeg", "webp"),
    from_the_command_line: TYPES,
    into_a_dataset: ("png", "jpeg"),
    as_a_sheet: ("png",),
}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_picture_says_what_it_is_whichever_way_it_leaves(serve, way):
    served = serve(Scenes())
    fields = {"prompt": PROMPT, "seed": SEED, "steps": 1, "width": SIDE, "height": SIDE}
    [one] = served.wait_until(served.submit(**fields), "finished")["images"]
    for format in WAYS[way]:
        data = way(served, one["id"], format)
        image = Image.open(io.BytesIO(data))
        assert image.format == format.upper()
        with c2pa.Reader(TYPES[format], io.BytesIO(data)) as reader:
            assert reader.get_validation_state() == "Valid", format
            said = reader.json()
        assert "trainedAlgorithmicMedia" in said and "Latent Studio" in said
        assert json.loads(said)["manifests"]
        packet = image.info.get(xmp.KEYWORD) or image.info["xmp"].decode()
        assert xmp.term_in(packet) == xmp.DRAWN, format
        assert watermark.read(image.convert("RGB")).id == marking.id_of(PROMPT, "", SEED), format


def test_a_sheet_says_no_more_than_its_pictures(serve):
    served = serve(Scenes())
    fields = {"prompt": PROMPT, "seed": SEED, "steps": 1, "width": SIDE, "height": SIDE}
    [drawn] = served.wait_until(served.submit(**fields), "finished")["images"]
    buffer = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), "white").save(buffer, "PNG")
    sent = served.http.post("/studio/v1/images/import", content=buffer.getvalue())
    photo = sent.raise_for_status().json()["id"]
    for ids, term in (([drawn["id"], photo], xmp.EDITED), ([photo, photo], None)):
        id = served.http.post("/studio/v1/images/sheet", json={"ids": ids}).json()["id"]
        data = served.http.get(f"/studio/v1/images/{id}").content
        verdict = served.studio.verify(data)
        assert verdict.term == term
        assert (verdict.credentials and verdict.credentials.terms) == (term and (term,))


def test_what_a_dataset_shows_in_another_size_names_what_was_drawn(serve):
    served = serve(Scenes())
    fields = {"prompt": PROMPT, "seed": SEED, "steps": 1, "width": SIDE, "height": SIDE}
    [one] = served.wait_until(served.submit(**fields), "finished")["images"]
    gallery = served.studio.gallery
    picture = gallery.picture(one["id"])
    small = picture.image.resize((SIDE - 8, SIDE - 16))
    for format, type in (("png", "image/png"), ("jpeg", "image/jpeg")):
        data = file_of(gallery, picture, small, format)
        assert Image.open(io.BytesIO(data)).size == small.size
        with c2pa.Reader(type, io.BytesIO(data)) as reader:
            assert reader.get_validation_state() == "Valid"
        verdict = served.studio.verify(data)
        assert verdict.credentials.sources == 1
        assert verdict.credentials.terms == (xmp.DRAWN,) and verdict.term == xmp.DRAWN
