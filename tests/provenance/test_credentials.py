"""Signed credentials in files: what they say, that a changed byte is seen, and whose they are."""

from __future__ import annotations

import hashlib
import io
import json
import stat

import c2pa
import numpy as np
import pytest
from PIL import Image

from studio.domain.errors import InvalidRequest
from studio.domain.events import Picture
from studio.domain.provenance import Provenance, UsedModel
from studio.domain.request import GenerationRequest
from studio.gallery.exports import Export, exported
from studio.gallery.packing import encode
from studio.provenance import certificate, xmp
from studio.provenance.credentials import Notary
from tests.reading.files import encoded

PIXELS = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
MODEL = UsedModel("checkpoint", "picturebook", "ab12" * 16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("signing")


@pytest.fixture(scope="module")
def notary(folder):
    return Notary(lambda: certificate.own(folder), {"input:a": encoded(image(), "PNG")}.__getitem__)


def image() -> Image.Image:
    return Image.fromarray(PIXELS)


def picture(**fields) -> Picture:
    request = GenerationRequest(prompt="a secret cat", seed=1, **fields)
    made_with = Provenance(models=(MODEL,))
    return Picture(image(), 1, request, "a secret cat\nSteps: 20", provenance=made_with)


def manifest(data: bytes, type: str = "image/png") -> dict:
    store = json.loads(c2pa.Reader(type, io.BytesIO(data)).json())
    return store["manifests"][store["active_manifest"]]


@pytest.fixture(scope="module")
def signed(notary) -> bytes:
    return notary.signed(encode(picture()), picture())


def test_it_is_said_that_a_model_drew_it_and_which(notary, signed):
    found = notary.found(signed)
    assert found.intact and found.own and not found.trusted and found.terms == (xmp.DRAWN,)
    said = {each["label"]: each["data"] for each in manifest(signed)["assertions"]}
    [action] = said["c2pa.actions.v2"]["actions"]
    assert action["action"] == "c2pa.created"
    assert said["org.latent-studio.made-with"]["models"] == [vars(MODEL)]
    assert "secret" not in json.dumps(manifest(signed))


def test_pixels_and_settings_are_as_they_were(signed):
    opened = Image.open(io.BytesIO(signed))
    assert opened.tobytes() == image().tobytes()
    assert opened.info["parameters"].startswith("a secret cat")
    assert xmp.term_in(opened.info[xmp.KEYWORD]) == xmp.DRAWN


def test_a_changed_byte_is_seen(notary, signed):
    changed = bytearray(signed)
    changed[-2000] ^= 1
    found = notary.found(bytes(changed))
    assert not found.intact and found.problems == ("assertion.dataHash.mismatch",)


def test_written_anew_they_are_gone(notary, signed):
    assert notary.found(encoded(Image.open(io.BytesIO(signed)), "PNG")) is None


def test_the_prompt_is_said_where_the_owner_wants_it(folder):
    talkative = Notary(lambda: certificate.own(folder), {}.__getitem__, prompt=True)
    assert "secret" in json.dumps(manifest(talkative.signed(encode(picture()), picture())))


def test_an_edit_names_its_source_and_where_it_was_drawn(notary):
    now = PIXELS.copy()
    now[10:20, 30:50] ^= 255
    edit = picture(task={"kind": "inpaint", "image": "input:a", "mask": "input:b"})
    edit = Picture(
        Image.fromarray(now), 1, edit.request, "", source=image(), provenance=edit.provenance
    )
    data = notary.signed(encode(edit), edit)
    found = notary.found(data)
    assert found.intact and found.sources == 1 and found.terms == (xmp.EDITED,)
    said = manifest(data)
    [ingredient] = said["ingredients"]
    assert ingredient["relationship"] == "parentOf"
    small = io.BytesIO()
    with c2pa.Reader("image/png", io.BytesIO(data)) as reader:
        reader.resource_to_stream(ingredient["thumbnail"]["identifier"], small)
    shown = np.asarray(Image.open(small), int) - PIXELS
    assert shown.shape == PIXELS.shape and np.abs(shown.mean()) < 3, "the source, not the edit"
    made_with = next(each["data"] for each in said["assertions"] if "made-with" in each["label"])
    of_file = hashlib.sha256(encoded(image(), "PNG")).hexdigest()
    assert made_with["source"]["sha256"] == of_file
    drawn = said["assertions"][0]["data"]["actions"][1]
    shape = drawn["changes"][0]["region"][0]["shape"]
    assert (shape["origin"], shape["width"], shape["height"]) == ({"x": 30, "y": 10}, 20, 10)


def test_the_owner_can_leave_out_what_the_source_looks_like(folder):
    read = {"input:a": encoded(image(), "PNG")}.__getitem__
    silent = Notary(lambda: certificate.own(folder), read, shows_source=lambda: False)
    task = {"kind": "image_to_image", "image": "input:a"}
    data = silent.signed(encode(picture(task=task)), picture(task=task))
    said = manifest(data)
    [ingredient] = said["ingredients"]
    assert "thumbnail" not in ingredient and silent.found(data).intact
    made_with = next(each["data"] for each in said["assertions"] if "made-with" in each["label"])
    assert made_with["source"]["sha256"] == hashlib.sha256(read("input:a")).hexdigest()


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_a_file_that_is_given_away_names_the_one_it_was_made_from(format, notary, signed):
    data = exported(signed, ".png", Export(format=format), notary.again)
    found = notary.found(data)
    assert found.intact and found.own and found.sources == 1 and found.terms == (xmp.DRAWN,)
    assert xmp.DRAWN in Image.open(io.BytesIO(data)).info["xmp"].decode()
    bare = exported(signed, ".png", Export(format=format, settings=False), notary.again)
    assert notary.found(bare) is None and xmp.VOCABULARY.encode() not in bare


def test_the_key_is_made_once_and_nobody_else_can_read_it(folder, notary, signed):
    path = folder / certificate.FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    other = Notary(lambda: certificate.own(folder), {}.__getitem__)
    assert other.found(signed).own
    assert not Notary(lambda: certificate.own(folder / "b"), {}.__getitem__).found(signed).own


def test_a_key_that_is_none_is_refused(tmp_path):
    (tmp_path / "key.pem").write_text("no key")
    with pytest.raises(InvalidRequest, match="as PEM without a password"):
        certificate.given(tmp_path / "key.pem", tmp_path / "key.pem")
