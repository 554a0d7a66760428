"""The texts in files of unknown origin: found wherever others write them; never an error."""

from __future__ import annotations

import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from studio.reading.metadata import MOST_TEXT_BYTES, MOST_TEXTS_BYTES, metadata
from tests.reading.files import chunk, encoded, picture, png, png_of, with_exif
from tests.reading.shelf import read, why

TEXT = "a füchs on a hill\nSteps: 4, Sampler: Euler, CFG scale: 5, Seed: 9, Size: 64x64"
CHARSETS = {
    "big endian": b"UNICODE\0" + TEXT.encode("utf-16-be"),
    "little endian": b"UNICODE\0" + TEXT.encode("utf-16-le"),
    "with a mark": b"UNICODE\0" + TEXT.encode("utf-16"),
    "ascii": b"ASCII\0\0\0" + TEXT.encode(),
    "undefined": b"\0" * 8 + TEXT.encode(),
    "none": TEXT.encode(),
    "latin": b"ASCII\0\0\0" + TEXT.encode("latin-1"),
}


def taken(data: bytes) -> tuple[str, int]:
    request = read(data).request
    return request["prompt"], request["seed"]


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "AVIF", "PNG"])
def test_exif_of_every_format(format):
    assert taken(with_exif(format, CHARSETS["big endian"])) == ("a füchs on a hill", 9)


@pytest.mark.parametrize("charset", CHARSETS)
def test_exif_in_every_charset(charset):
    assert taken(with_exif("JPEG", CHARSETS[charset])) == ("a füchs on a hill", 9)


def test_exif_in_japanese():
    text = "狐, 丘の上\nSteps: 4, Sampler: Euler, Seed: 9"
    comment = b"JIS\0\0\0\0\0" + text.encode("iso2022_jp")
    assert taken(with_exif("JPEG", comment)) == ("狐, 丘の上", 9)


def test_chunks_of_every_kind():
    latin = b"parameters\0" + TEXT.encode("latin-1")
    packed = zlib.compress(TEXT.encode("latin-1"))
    utf8 = TEXT.encode()
    for kind, content in (
        (b"tEXt", latin),
        (b"zTXt", b"parameters\0\0" + packed),
        (b"iTXt", b"parameters\0\0\0en\0Titel\0" + utf8),
        (b"iTXt", b"parameters\0\1\0\0\0" + zlib.compress(utf8)),
    ):
        assert taken(png_of(chunk(kind, content))) == ("a füchs on a hill", 9)


def test_comments_and_xmp():
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><exif:UserComment><rdf:Alt><rdf:li xml:lang="x">'
        + TEXT.replace("a f", "&lt;a&gt; f")
        + "</rdf:li></rdf:Alt></exif:UserComment></x:xmpmeta>"
    )
    assert taken(encoded(picture(), "JPEG", comment=TEXT.encode())) == ("a füchs on a hill", 9)
    assert taken(encoded(picture(mode="L"), "GIF", comment=TEXT.encode()))[1] == 9
    assert taken(with_exif("TIFF", b"", ImageDescription=TEXT.replace("ü", "u")))[1] == 9
    for format in ("JPEG", "WEBP", "AVIF"):
        data = encoded(picture(), format, xmp=xmp.encode())
        assert taken(data) == ("<a> füchs on a hill", 9), format


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
def test_plain_text(codec):
    assert taken(TEXT.replace("\n", "\r\n").encode(codec)) == ("a füchs on a hill", 9)


def hidden(name: bytes, text: bytes, mode: str = "RGBA") -> bytes:
    """A PNG whose least bits hold `text`, column by column: those of alpha, or of all colours."""
    bits = np.unpackbits(np.frombuffer(name + struct.pack(">I", 8 * len(text)) + text, np.uint8))
    height, depth = 40, 1 if mode == "RGBA" else 3
    width = -(-len(bits) // (height * depth)) + 3
    pixels = np.full((height, width, len(mode)), 254, np.uint8)
    room = np.zeros(width * height * depth, np.uint8)
    room[: len(bits)] = bits
    pixels[..., -depth:] |= room.reshape(width, height, depth).transpose(1, 0, 2)
    return encoded(Image.fromarray(pixels), "PNG")


def test_hidden_in_the_least_bits():
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(TEXT.encode()) + packer.flush()
    for data in (
        hidden(b"stealth_pnginfo", TEXT.encode()),
        hidden(b"stealth_pngcomp", packed),
        hidden(b"stealth_rgbinfo", TEXT.encode(), "RGB"),
        hidden(b"stealth_rgbcomp", packed, "RGB"),
    ):
        assert taken(data) == ("a füchs on a hill", 9)
    for broken in (hidden(b"stealth_pngcomp", b"no gzip"), hidden(b"stealth_pnginfX", b"x")):
        assert read(broken).source == "none"


class TestHostile:
    def test_what_unpacks_without_end(self):
        bomb = zlib.compress(bytes(100 * 2**20), 9)
        data = png_of(chunk(b"zTXt", b"prompt\0\0" + bomb), chunk(b"tEXt", f"text\0{1}".encode()))
        found = metadata(data)
        assert found.texts == {"text": "1"} and found.damage[0][0] == "prompt"
        assert "longer than 4 MB" in why(read(data))["prompt"]

    def test_far_too_much_of_it(self):
        one = chunk(b"tEXt", b"a\0" + b"x" * MOST_TEXT_BYTES)
        many = [chunk(b"tEXt", b"k%d\0" % n + b"x" * (MOST_TEXT_BYTES - 9)) for n in range(8)]
        found = metadata(png_of(one, *many))
        assert sum(map(len, found.texts.values())) <= MOST_TEXTS_BYTES
        assert len(found.damage) == 5

    def test_a_wrong_checksum_is_told(self):
        data = png_of(chunk(b"tEXt", b"parameters\0" + TEXT.encode("latin-1"), crc=7))
        assert taken(data)[1] == 9
        assert "checksum" in why(read(data))["parameters"]

    def test_cut_off_anywhere(self):
        files = [png(parameters=TEXT), hidden(b"stealth_pnginfo", TEXT.encode())]
        files += [with_exif(format, CHARSETS["none"]) for format in ("JPEG", "WEBP", "AVIF")]
        for data in files:
            for length in range(0, len(data), 7):
                assert read(data[:length]).source in ("none", "automatic1111")

    def test_lengths_that_lie(self):
        lying = [
            png_of(chunk(b"tEXt", b"parameters\0x", length=2**32 - 1)),
            b"RIFF\xff\xff\xff\xffWEBPEXIF\xff\xff\xff\xffabc",
            b"\xff\xd8\xff\xe1\0\0" * 50_000,
            b"GIF89a" + b"\1" * 100_000,
            struct.pack(">I4s4s", 16, b"ftyp", b"avif") + b"\0\0\0\0" * 5000,
            struct.pack(">I4s4s", 12, b"ftyp", b"avif") + struct.pack(">I4s", 0, b"meta") * 999,
            b"MM\0*\0\0\0\x08" + b"\xff" * 4000,
            b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 60000, 0x8769, 4, 1, 8) * 200,
        ]
        for data in lying:
            assert read(data).source == "none"

    @pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "AVIF", "GIF", "TIFF"])
    def test_damaged_at_random(self, format, caplog):
        rng = random.Random(format)
        whole = (
            with_exif(format, CHARSETS["none"])
            if format != "GIF"
            else encoded(picture(mode="L"), "GIF", comment=TEXT.encode())
        )
        for _ in range(150):
            data = bytearray(whole)
            for _ in range(rng.randrange(1, 20)):
                data[rng.randrange(len(data))] = rng.choice([0, 1, 255, rng.randrange(256)])
            read(bytes(data))
        assert not caplog.records

    def test_nested_json(self, caplog):
        for text in ("[" * 10**6, '{"a":' * 10**5, "{}," * 10**6, "1" * 10**5, '{"a": 1e999}'):
            for name in ("studio", "prompt", "workflow", "invokeai_metadata", "parameters"):
                read(png(**{name: text}))
            read(text)
        assert not caplog.records
