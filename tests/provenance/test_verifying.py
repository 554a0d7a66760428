"""What is said of files: ours, ours as others changed them, others'."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from studio import GenerationRequest, Settings, Studio
from studio.cli import main
from studio.domain.events import Picture
from studio.domain.tasks import Inpaint
from studio.engine.fake import FakeEngine
from studio.picturebook.world import Scene
from studio.provenance import marking, watermark
from tests.reading.files import encoded

SIDE = 256


def drawn(seed: int = 3) -> Image.Image:
    return Scene.random(np.random.default_rng(seed)).draw((SIDE, SIDE))


class Scenes(FakeEngine):
    """Draws scenes, so that there is something to look at."""

    def _draw(self, run, place):
        return drawn(run.request.seed + place)


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"))
    with Studio(settings, build_engine=Scenes) as studio:
        yield studio


@pytest.fixture(scope="module")
def kept(studio) -> Picture:
    request = GenerationRequest(prompt="a house", seed=3, steps=1, width=SIDE, height=SIDE)
    return studio.generate(request)[0]


def png(image: Image.Image, **texts: str) -> bytes:
    info = PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    return encoded(image, "PNG", pnginfo=info)


def as_jpeg(data: bytes) -> bytes:
    return encoded(Image.open(io.BytesIO(data)).convert("RGB"), "JPEG", quality=80)


def test_what_is_saved_is_what_is_given_and_carries_the_mark(studio, kept):
    assert Image.open(kept.path).tobytes() == kept.image.tobytes() != drawn().tobytes()
    assert kept.mark == studio.gallery.picture(kept.id).mark and kept.mark.readable
    [again] = studio.generate(kept.request)
    assert again.image.tobytes() == kept.image.tobytes()
    assert studio.reproduce(kept.id).receipt.same


def test_a_file_of_ours(studio, kept):
    verdict = studio.verify(kept.path)
    assert verdict.words[0] == "This is a file of this studio, unchanged."
    assert marking.written(verdict.mark.id) == kept.mark.id
    assert verdict.made_by_ai and verdict.settings == "studio"
    assert verdict.pictures[0].how == "file"


def test_encoded_anew_it_is_known_by_its_pixels(studio, kept):
    verdict = studio.verify(as_jpeg(kept.path.read_bytes()))
    assert verdict.words[0].startswith("A Latent Studio drew this picture")
    assert verdict.settings == "none" and verdict.made_by_ai
    assert kept.id in [alike.id for alike in verdict.pictures]
    assert "file" not in [alike.how for alike in verdict.pictures]


def test_without_its_mark_it_is_known_by_its_looks(studio, kept):
    verdict = studio.verify(png(drawn()))
    assert verdict.words[0] == "This looks like a picture of this studio, without its mark."
    assert [alike.how for alike in verdict.pictures] == ["looks"]


def test_of_others_nothing_is_claimed(studio, kept):
    for data in (png(drawn(8)), png(drawn(8), parameters="a cat\nSteps: 5, Seed: 1")):
        verdict = studio.verify(data)
        assert verdict.made_by_ai is None and verdict.pictures == ()
        assert "anybody can write" in verdict.words[-1] or "no settings" in verdict.words[-1]


def test_text_of_ours_beside_other_pixels_is_told(studio, kept):
    verdict = studio.verify(png(drawn(8), **Image.open(kept.path).info))
    assert verdict.made_by_ai is None
    assert any("which is not there" in text for text in verdict.words)


def test_where_nothing_was_drawn_nothing_is_marked():
    was, now = drawn(3), drawn(3)
    ImageDraw.Draw(now).ellipse((20, 20, 230, 230), fill=(90, 120, 70))
    request = GenerationRequest(
        prompt="a hill", seed=1, task=Inpaint(kind="inpaint", image="input:a", mask="input:b")
    )
    picture = Picture(image=now, seed=1, request=request, infotext="", source=was)
    marked = marking.marked(picture)
    outside = np.all(np.asarray(was) == np.asarray(now), axis=2)
    assert np.array_equal(np.asarray(marked.image)[outside], np.asarray(was)[outside])
    assert marked.mark.readable
    assert watermark.read(marked.image).id == marking.id_of("a hill", "", 1)


def test_the_owner_switches_it_off(tmp_path):
    settings = Settings(data_dir=tmp_path, watermark="off")
    with Studio(settings, build_engine=Scenes) as studio:
        [kept] = studio.generate(GenerationRequest(prompt="a", seed=3, steps=1, width=SIDE))
        assert kept.mark is None and kept.image.tobytes() == drawn().tobytes()


def test_on_the_command_line(studio, kept, tmp_path, capsys):
    other = tmp_path / "other.png"
    other.write_bytes(png(drawn(8)))
    data = ("--data-dir", str(studio.settings.data_dir))
    assert main(["verify", str(kept.path), "--json", *data]) == 0
    [told] = json.loads(capsys.readouterr().out)["files"]
    assert told["mark"] == kept.mark.id and told["made_by_ai"] is True
    assert main(["verify", str(other), *data]) == 1
    assert "Nothing is known" in capsys.readouterr().out
    assert main(["verify", str(tmp_path / "none.png"), *data]) == 2
