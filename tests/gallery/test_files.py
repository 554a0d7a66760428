"""Pictures on disk: what is in them, how they are numbered, what happens when writing fails."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import numpy as np
import pytest
from PIL import Image

from studio.domain import infotext
from studio.domain.errors import NotFound
from studio.domain.events import Picture
from studio.domain.provenance import Provenance, UsedModel
from studio.domain.request import GenerationRequest
from studio.families.stable_diffusion.family import PICTUREBOOK
from studio.gallery.details import details
from studio.gallery.files import KEPT_IN_MEMORY, Gallery
from tests.imaging import icc


def picture(seed=7, prompt="a red house", size=(64, 48), **fields):
    request = GenerationRequest(prompt=prompt, seed=5, batch_size=4).settled("m", PICTUREBOOK)
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Picture(
        image=Image.fromarray(noise),
        seed=seed,
        place=seed - request.seed,
        request=request,
        infotext=infotext.write(request, seed - request.seed),
        **fields,
    )


def test_a_file_holds_the_picture_and_how_to_make_it_again(tmp_path):
    gallery = Gallery(tmp_path)
    kept = gallery.keep(picture(seed=7))
    assert kept.path == tmp_path / date.today().isoformat() / "00001-7.png"
    assert kept.warnings == ()

    file = Image.open(io.BytesIO(gallery.bytes(kept.id)))
    assert np.array_equal(np.asarray(file), np.asarray(kept.image))
    assert file.text["parameters"] == kept.infotext
    again = GenerationRequest.model_validate_json(file.text["studio"])
    assert (again.seed, again.batch_size, again.batch_place) == (5, 4, 2)
    assert "Batch size: 4, Batch pos: 2" in kept.infotext
    assert again.prompt == kept.request.prompt
    assert not file.text.keys() & {"studio-partial", "studio-provenance", "studio-origin"}
    assert gallery.path(kept.id) == kept.path


def test_a_file_holds_what_else_the_picture_was_made_with(tmp_path):
    model = UsedModel("checkpoint", "picturebook", "ab" * 32)
    made_with = Provenance("0.1.0", {"torch": "2.9.1"}, "NVIDIA H100", "", "float16", (model,))
    gallery = Gallery(tmp_path)
    kept = gallery.keep(picture(provenance=made_with))
    told = details(gallery, kept.id)
    assert told.provenance == made_with
    assert told.models == (UsedModel("checkpoint", "picturebook", "ab" * 5),)
    assert details(gallery, gallery.keep(picture()).id).provenance is None


def test_a_colour_profile_is_written_as_it_was_told_and_no_other(tmp_path):
    gallery, profile = Gallery(tmp_path), icc.rgb()
    with_it = gallery.keep(picture(profile=profile))
    assert Image.open(with_it.path).info["icc_profile"] == profile
    without = picture()
    without.image.info["icc_profile"] = profile
    assert "icc_profile" not in Image.open(gallery.keep(without).path).info


def test_a_stopped_picture_is_marked(tmp_path):
    kept = Gallery(tmp_path).keep(picture(partial=True))
    assert Image.open(kept.path).text["studio-partial"] == "true"


@pytest.mark.parametrize(
    "prompt", ["naïve café", "日本の城 🏯", "two\nlines", "x" * 20_000, "'\"<>&\\,: ", "\x01\x7f"]
)
def test_any_prompt_survives_the_file(tmp_path, prompt):
    kept = Gallery(tmp_path).keep(picture(prompt=prompt))
    text = Image.open(kept.path).text
    assert GenerationRequest.model_validate_json(text["studio"]).prompt == prompt
    assert text["parameters"].startswith(prompt)


def test_the_same_picture_gives_the_same_bytes(tmp_path):
    first, second = (Gallery(tmp_path / name).keep(picture()) for name in "ab")
    assert first.path.read_bytes() == second.path.read_bytes()


def test_numbers_go_on_after_a_restart(tmp_path):
    for expected in ("00001-1.png", "00002-2.png", "00003-3.png"):
        gallery = Gallery(tmp_path, flat=True)
        assert gallery.keep(picture(seed=int(expected[4]))).path.name == expected
    (tmp_path / "99999-1.png").touch()
    (tmp_path / "holiday.png").touch()
    kept = Gallery(tmp_path, flat=True).keep(picture(seed=4))
    assert kept.path.name == "100000-4.png"
    assert Gallery(tmp_path, flat=True).bytes(kept.id)


def _keep_many(folder, seeds):
    gallery = Gallery(folder, flat=True)
    return [gallery.keep(picture(seed=seed, size=(8, 8))).path.name for seed in seeds]


def test_threads_and_processes_never_share_a_number(tmp_path):
    processes = multiprocessing.get_context("spawn")
    with processes.Pool(2) as pool, ThreadPoolExecutor(4) as threads:
        parts = [range(start, start + 25) for start in range(0, 150, 25)]
        others = pool.starmap_async(_keep_many, [(tmp_path, part) for part in parts[:2]])
        own = list(threads.map(lambda part: _keep_many(tmp_path, part), parts[2:]))
        names = [name for part in (*own, *others.get(60)) for name in part]
    numbers = sorted(int(name.split("-")[0]) for name in names)
    assert numbers == list(range(1, 151))
    assert sorted(os.listdir(tmp_path)) == sorted(names)  # and no temporary file is left


def test_a_folder_that_cannot_be_made_leaves_the_picture_in_memory(tmp_path):
    (tmp_path / "outputs").write_text("a file where the folder should be")
    gallery = Gallery(tmp_path / "outputs")
    kept = gallery.keep(picture())
    assert kept.path is None and gallery.path(kept.id) is None
    assert "could not be saved" in kept.warnings[0] and "--data-dir" in kept.warnings[0]
    assert Image.open(io.BytesIO(gallery.bytes(kept.id))).text["parameters"] == kept.infotext


def test_warnings_stand_in_the_file_and_one_more_where_it_cannot_be_written(tmp_path):
    told = ("embedding über: passed over.", "LoRA x, y: 2 of 9 keys passed over.")
    kept = Gallery(tmp_path / "outputs").keep(picture(warnings=told))
    assert kept.warnings == told
    assert json.loads(Image.open(kept.path).text["studio-warnings"]) == list(told)
    assert "studio-warnings" not in Image.open(Gallery(tmp_path).keep(picture()).path).text

    (tmp_path / "file").touch()
    unsaved = Gallery(tmp_path / "file").keep(picture(warnings=told))
    assert unsaved.warnings[:2] == told and "could not be saved" in unsaved.warnings[2]


def test_memory_keeps_only_the_newest(tmp_path):
    (tmp_path / "outputs").touch()
    gallery = Gallery(tmp_path / "outputs")
    ids = [gallery.keep(picture(size=(8, 8))).id for _ in range(KEPT_IN_MEMORY + 1)]
    with pytest.raises(NotFound):
        gallery.bytes(ids[0])
    assert gallery.bytes(ids[1]) and gallery.bytes(ids[-1])


_FULL_DISK = """
import resource, sys
from pathlib import Path
from tests.gallery.test_files import picture
from studio.gallery.files import Gallery
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
gallery = Gallery(Path(sys.argv[1]), flat=True)
kept = gallery.keep(picture())
assert kept.path is None, kept
assert "disk space" in kept.warnings[0], kept.warnings
assert len(gallery.bytes(kept.id)) > 4096
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert gallery.keep(picture()).path.is_file()
"""


def test_a_disk_that_fills_in_mid_file_leaves_no_half_file(tmp_path):
    subprocess.run([sys.executable, "-c", _FULL_DISK, tmp_path], check=True)
    [name] = os.listdir(tmp_path)
    Image.open(tmp_path / name).load()


@pytest.mark.parametrize(
    "id",
    [
        "",
        "..",
        "../outputs/00001-7",
        "00001-7",
        "00001-7.png",
        "/etc/passwd",
        "2026-01-01_00001-7",
        "2026-01-01/00001-7",
        "2026-01-01_00001-7\0",
        "2026-01-01_00001-7\n",
        "٢٠٢٦-01-01_00001-7",
        "unsaved-x",
    ],
)
def test_only_its_own_ids_are_known(tmp_path, id):
    gallery = Gallery(tmp_path / "outputs")
    gallery.keep(picture())
    (tmp_path / "outputs" / "00001-7.png").touch()
    for look in (gallery.bytes, gallery.path):
        with pytest.raises(NotFound):
            look(id)
