"""Uploads over real HTTP: what comes back, what is refused, who may look."""

from __future__ import annotations

import io

import httpx
import numpy as np
import pytest
from PIL import Image

from studio.imaging import reading

UPLOADS = "/studio/v1/uploads"


def encoded(image, format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def noise(size=(48, 32)):
    array = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(array)


def opened(answer):
    return Image.open(io.BytesIO(answer.raise_for_status().content))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_what_a_browser_can_show_comes_back_as_it_went(shared, format):
    served = shared
    data = encoded(noise(), format)
    body = served.http.post(UPLOADS, content=data).raise_for_status().json()
    assert body == {
        "id": body["id"],
        "ref": f"input:{body['id']}",
        "url": f"{UPLOADS}/{body['id']}/view",
        "width": 48,
        "height": 32,
        "size_bytes": len(data),
    }
    for url in (f"{UPLOADS}/{body['id']}", body["url"]):
        answer = served.http.get(url)
        assert answer.content == data
        assert answer.headers["content-type"] == f"image/{format.lower()}"
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_what_a_browser_would_show_otherwise_is_converted(shared):
    served = shared
    exif = Image.Exif()
    exif[0x0112] = 6
    transparent = noise().convert("RGBA")
    transparent.putalpha(0)
    odd = {
        "on its side": (encoded(noise(), "JPEG", exif=exif), (32, 48)),
        "CMYK": (encoded(noise().convert("CMYK"), "JPEG"), (48, 32)),
        "TIFF": (encoded(noise(), "TIFF"), (48, 32)),
        "transparent": (encoded(transparent), (48, 32)),
    }
    for name, (data, size) in odd.items():
        body = served.http.post(UPLOADS, content=data).raise_for_status().json()
        assert (body["width"], body["height"]) == size, name
        seen = opened(served.http.get(body["url"]))
        assert (seen.mode, seen.size) == ("RGB", size), name
        assert seen.format == ("JPEG" if data[:2] == b"\xff\xd8" else "PNG")
        wanted = np.asarray(reading.picture(data)).astype(int)
        apart = np.abs(np.asarray(seen) - wanted).mean()
        assert apart <= (2 if seen.format == "JPEG" else 0), name  # of noise; far less of photos
        assert served.http.get(f"{UPLOADS}/{body['id']}").content == data
    assert seen.getextrema() == ((255, 255),) * 3  # flattened on white


def test_a_mask_is_seen_as_inpainting_reads_it(shared):
    served = shared
    mask = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    mask.paste((0, 0, 0, 255), (0, 0, 4, 8))
    url = served.http.post(UPLOADS, content=encoded(mask)).json()["url"]
    seen = opened(served.http.get(url, params={"kind": "mask"}))
    assert seen.mode == "L"
    assert (seen.getpixel((0, 0)), seen.getpixel((7, 0))) == (255, 0)


@pytest.mark.parametrize("data", [b"", b"no picture", encoded(noise())[:1000], b"%!PS-Adobe-3.0"])
def test_what_is_no_picture_is_refused_with_words(shared, data):
    answer = shared.http.post(UPLOADS, content=data)
    assert answer.status_code == 422
    assert answer.json()["error"] == "InvalidRequest" and answer.json()["message"]


def test_too_many_bytes_or_pixels_are_refused(shared):
    served = shared
    bomb = encoded(Image.new("1", (9000, 9000)))
    answer = served.http.post(UPLOADS, content=bomb)
    assert answer.status_code == 422 and "64" in answer.json()["message"]
    answer = served.http.post(UPLOADS, content=b"\0" * (65 * 2**20))
    assert answer.status_code == 413 and "64 MB" in answer.json()["message"]


@pytest.mark.parametrize("id", ["nope", "%2E%2E", "..%2F..%2Fetc%2Fpasswd", "%00", "0" * 32])
def test_ids_lead_nowhere_else(shared, id):
    for tail in ("", "/view"):
        url = httpx.URL(shared.url, raw_path=f"{UPLOADS}/{id}{tail}".encode())
        answer = shared.http.get(url)
        assert answer.status_code == 404 and answer.json()["message"]


def test_uploads_are_behind_the_login(serve):
    served = serve(auth=("ann:secret",))
    assert served.http.post(UPLOADS, content=encoded(noise())).status_code == 401
    body = served.http.post(UPLOADS, content=encoded(noise()), auth=("ann", "secret")).json()
    for url in (body["url"], f"{UPLOADS}/{body['id']}"):
        assert served.http.get(url).status_code == 401
        assert served.http.get(url, auth=("ann", "secret")).status_code == 200
