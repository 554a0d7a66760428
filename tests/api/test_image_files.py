"""Files out of the library and into it: formats, archives, imports of what others made."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from urllib.parse import unquote

import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from studio.domain import infotext_reader
from studio.reading.automatic1111 import found as infotext_in
from studio.reading.metadata import metadata
from tests.api.test_library import IMAGES, drawn, found, listed

INFOTEXT = (
    "a cat, <lora:ink:0.8>\nNegative prompt: dog\nSteps: 28, Sampler: Euler a, CFG scale: 6.5, "
    'Seed: 99, Size: 512x768, Model: dream_v8, ADetailer model: "a, b", Version: v1.9.3'
)


def png(colour="red", size=(64, 48), **said):
    info = PngInfo()
    for keyword, text in said.items():
        info.add_text(keyword, text)
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def png_of_noise():
    file = io.BytesIO()
    Image.effect_noise((64, 48), 90).save(file, "PNG")
    return file.getvalue()


def with_chunk(data, kind, content):
    """`data` with one chunk more after the header."""
    return data[:33] + chunk(kind, content) + data[33:]


def chunk(kind, content):
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def sent(served, data):
    return served.http.post(f"{IMAGES}/import", content=data)


def test_a_picture_of_another_studio_joins_with_the_settings_that_can_be_read(serve):
    served = serve()
    data = png(parameters=INFOTEXT)
    answer = sent(served, data).json()
    assert answer["is_new"] and answer["read"]["source"] == "automatic1111"
    assert {"Steps", "Sampler", "Seed", "Size"} <= set(answer["read"]["understood"])
    assert {each["name"] for each in answer["read"]["missing"]} == {"dream_v8", "ink"}
    assert "ADetailer model" in {each["name"] for each in answer["read"]["ignored"]}
    [entry] = listed(served, search="cat ink")["images"]
    assert (entry["id"], entry["seed"], entry["checkpoint"]) == (answer["id"], 99, "dream_v8")
    assert (entry["prompt"], entry["negative_prompt"]) == ("a cat,", "dog")
    assert served.http.get(entry["url"]).content == data
    request = served.http.get(f"{entry['url']}/request").json()
    assert (request["scheduler"], request["steps"], request["height"]) == ("Euler a", 28, 768)
    again = sent(served, data).json()
    assert (again["id"], again["is_new"]) == (answer["id"], False)
    served.http.delete(entry["url"])
    assert sent(served, data).json()["id"] == answer["id"] and found(served) == [answer["id"]]


def test_a_photo_stays_the_very_file_and_our_own_are_known_again(serve):
    served = serve()
    [own] = drawn(served, prompt="a barn", seed=4, batch_size=1)
    data = served.http.get(f"{IMAGES}/{own}").content
    assert sent(served, data).json()["id"] == own
    file = io.BytesIO()
    Image.new("RGB", (300, 200), "blue").save(file, "JPEG")
    photo = sent(served, file.getvalue()).json()
    assert photo["read"]["source"] == "none" and photo["read"]["request"] == {}
    answer = served.http.get(f"{IMAGES}/{photo['id']}", params={"download": True})
    assert (answer.content, answer.headers["content-type"]) == (file.getvalue(), "image/jpeg")
    assert answer.headers["content-disposition"].endswith('.jpg"')
    small = served.http.get(f"{IMAGES}/{photo['id']}/thumbnail", params={"side": 128}).content
    assert Image.open(io.BytesIO(small)).size == (128, 85)
    assert served.http.get(f"{IMAGES}/{photo['id']}/request").status_code == 404
    task = {"kind": "image_to_image", "image": f"picture:{photo['id']}"}
    [child] = drawn(served, prompt="a painting", task=task)
    [entry] = listed(served, task="image_to_image")["images"]
    assert (entry["id"], entry["parents"]) == (child, [photo["id"]])


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"what is this?", "not a picture"),
        (b"", "not a picture"),
        (png()[:-30], "broken or incomplete"),
        (with_chunk(png(), b"tEXt", b"parameters\0" + b"x" * 20_000_000), "far more text"),
        (
            with_chunk(png(), b"zTXt", b"parameters\0\0" + zlib.compress(b"x" * 100_000_000, 1)),
            "far more text",
        ),
        (
            with_chunk(png(), b"iTXt", b"p\0\1\0\0\0" + zlib.compress(b"x" * 9_000_000, 1)),
            "far more text",
        ),
        (
            png()[:8]
            + chunk(b"IHDR", struct.pack(">II", 60_000, 60_000) + png()[24:29])
            + png()[33:],
            "megapixels",
        ),
    ],
    ids=["nothing", "empty", "cut off", "text", "zTXt bomb", "iTXt bomb", "pixels"],
)
def test_what_cannot_join_is_refused_in_words(shared, data, says):
    answer = sent(shared, data)
    assert answer.status_code == 422 and says in answer.json()["message"]
    assert listed(shared)["total"] == 0


def test_metadata_of_anybody_does_no_harm(serve):
    served = serve()
    for number, said in enumerate(
        (
            {"studio": "{" * 50_000, "parameters": "x\nSteps: many, Seed: -5, Size: 3x4"},
            {"parameters": "a: b, " * 100_000},
            {"parameters": 'Steps: 1, "' + "\\" * 100_001},
            {"studio": '{"prompt": "old", "no_such_field": 1}'},
        )
    ):
        answer = sent(served, png(size=(64, 64 + number), **said))
        assert answer.status_code == 200, answer.text
    assert listed(served)["total"] == 4


def test_other_formats_carry_the_settings_or_none(serve):
    served = serve()
    [id] = drawn(served, prompt="naïve 日本", seed=8, width=128)
    url = f"{IMAGES}/{id}"
    infotext = served.http.get(f"{url}/details").json()["infotext"]
    original = Image.open(io.BytesIO(served.http.get(url).content))
    kinds = ("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP"), ("avif", "AVIF")
    for format, kind in kinds:
        answer = served.http.get(url, params={"format": format, "download": 1})
        assert answer.headers["content-type"] == f"image/{format}"
        assert infotext_in(metadata(answer.content).texts) == infotext_reader.read(infotext)
        assert Image.open(io.BytesIO(answer.content)).format == kind
        bare = served.http.get(url, params={"format": format, "settings": 0}).content
        assert metadata(bare).texts == {} and "日本".encode() not in bare
    bare = Image.open(io.BytesIO(served.http.get(url, params={"settings": 0}).content))
    assert (bare.format, bare.tobytes(), bare.info) == ("PNG", original.tobytes(), {})
    assert served.http.get(url, params={"format": "gif"}).status_code == 422


def test_a_file_has_the_size_quality_profile_and_name_that_are_asked_for(serve):
    served = serve()
    [id] = drawn(served, prompt='a "house", 1/2: naïve?', seed=8, width=192, height=128)
    url = f"{IMAGES}/{id}"

    def got(**query):
        return served.http.get(url, params=query | {"download": 1})

    noise = sent(served, png_of_noise()).json()["id"]
    sizes = [
        len(served.http.get(f"{IMAGES}/{noise}", params={"format": kind, "quality": n}).content)
        for kind in ("jpeg", "avif")
        for n in (20, 99)
    ]
    assert sizes[0] < sizes[1] and sizes[2] < sizes[3]
    small = Image.open(io.BytesIO(got(side=96, srgb=1).content))
    assert small.size == (96, 64) and small.format == "PNG"
    assert ImageCms.getProfileDescription(io.BytesIO(small.info["icc_profile"])).startswith("sRGB")
    assert Image.open(io.BytesIO(got(side=4000).content)).size == (192, 128)
    assert got(format="png").content == served.http.get(url).content
    told = got(name="[date] [seed] [model] [prompt_spaces] [steps]", format="webp")
    name = unquote(told.headers["content-disposition"].rpartition("''")[2])
    day = id[:10]
    model = served.http.get(f"{url}/request").json()["checkpoint"]
    assert name == f"{day} 8 {model} a _house_, 1_2_ naïve_ 1.webp"
    for query, says in (
        ({"name": "[colour]"}, "[prompt_words]"),
        ({"quality": 0}, "quality"),
        ({"side": 3}, "side"),
        ({"format": "gif"}, "format"),
        ({"sharpness": 3}, "sharpness"),
    ):
        refused = got(**query)
        assert refused.status_code == 422 and says in refused.json()["message"]


def test_several_come_as_one_archive(serve):
    served = serve()
    ids = drawn(served, prompt="a row of houses", batch_size=3)
    for id in ids[:2]:
        served.http.patch(f"{IMAGES}/{id}", json={"boards": ["Street"]})
    for query, expected in (
        ({"ids": ",".join(ids)}, ids),
        ({"board": "Street"}, ids[:2]),
    ):
        answer = served.http.get(f"{IMAGES}/archive", params=query)
        assert answer.headers["content-type"] == "application/zip"
        with zipfile.ZipFile(io.BytesIO(answer.content)) as zipped:
            assert sorted(zipped.namelist()) == sorted(f"{id}.png" for id in expected)
            assert zipped.testzip() is None
            first = f"{expected[0]}.png"
            assert zipped.read(first) == served.http.get(f"{IMAGES}/{expected[0]}").content
    named = {"ids": ",".join(ids), "name": "[prompt_words]", "format": "jpeg"}
    answer = served.http.get(f"{IMAGES}/archive", params=named)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as zipped:
        words = "a row of houses"
        assert zipped.namelist() == [f"{words}.jpg", f"{words} (2).jpg", f"{words} (3).jpg"]
        assert Image.open(zipped.open(f"{words}.jpg")).format == "JPEG"
    for query, status in (
        ({}, 422),
        ({"ids": ids[0], "board": "Street"}, 422),
        ({"board": "Nobody's"}, 422),
        ({"ids": "2020-01-01_00001-1"}, 404),
        ({"ids": ",".join(f"{n:05}-1" for n in range(1001))}, 422),
    ):
        assert served.http.get(f"{IMAGES}/archive", params=query).status_code == status, query
