"""No answer tells where on this machine the studio lies, and messages still say which file."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from studio.api.native import present_state
from studio.api.places import public_text
from studio.domain import events
from studio.domain.errors import CheckpointError, DownloadError, SaveError
from studio.engine.fake import FakeEngine
from studio.settings import assets_dir
from tests.conftest import servers

URL = "/studio/v1"


@pytest.mark.parametrize(
    ("told", "seen"),
    [
        ("/srv/art/models/a/b.ckpt cannot be read.", "models/a/b.ckpt cannot be read."),
        ("No room in /srv/art/models.", "No room in models."),
        ("[Errno 2] No such file: '/srv/art/models/a b'", "[Errno 2] No such file: 'models/a b'"),
        ("/srv/art/data/x and /srv/art/x", "data/x and art/x"),
        ("/srv/art/models-old/x", "art/models-old/x"),
        ("/srv/art/models.old/x", "art/models.old/x"),
        ("https://example.org/srv/art/models/x", "https://example.org/srv/art/models/x"),
        ("/srv/artist/x", "/srv/artist/x"),
    ],
)
def test_a_path_begins_at_its_folders_name(told, seen):
    folders = (Path("/srv/art"), Path("/srv/art/models"), Path("/srv/art/data"))
    assert public_text(folders)(told) == seen


def test_a_link_counts_under_both_names(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "models").symlink_to(tmp_path / "there")
    public = public_text([tmp_path / "models"])
    assert public(f"{tmp_path}/there/x and {tmp_path}/models/x") == "models/x and models/x"


class LostEngine(FakeEngine):
    """Ends each run with an error about the file `lost`, if there is one."""

    lost: Path | None = None

    def _advance_one(self, run):
        if run.step == 1 and self.lost:
            run.done = True
            return [events.Failed("CheckpointError", f"{self.lost} cannot be read: it is gone.")]
        return super()._advance_one(run)


@pytest.fixture
def studios(tmp_path):
    """(a studio with models of its own, the folders whose places nobody may learn)."""
    models = tmp_path / "secret" / "models"
    models.mkdir(parents=True)
    with servers(tmp_path / "secret" / "data") as serve:
        yield (
            lambda engine=None: serve(engine, models_dir=(models,)),
            models,
            [str(tmp_path), str(assets_dir()), str(Path(__file__).parents[2]), sys.prefix],
        )


def assert_private(answer, folders):
    told = answer.text + str(dict(answer.headers))
    assert not [folder for folder in folders if folder in told], told


def test_models_that_are_broken_and_files_in_the_way(studios):
    serve, models, folders = studios
    (models / "broken.safetensors").write_bytes(b"\0" * 100)
    (models / "above").symlink_to(models.parent)
    broken = models / "half"
    broken.mkdir()
    (broken / "model_index.json").write_text("{")
    for path in (models / "broken.safetensors", broken / "model_index.json", broken):
        os.utime(path, (0, 0))  # what changed a moment ago may be on its way
    mine = models / "mine"
    shutil.copytree(assets_dir() / "models" / "picturebook", mine)
    served = serve()
    http = served.http
    answer = http.get(f"{URL}/models")
    assert_private(answer, folders)
    assert {"models/broken.safetensors", "models/half", "models/above"} <= {
        each["path"] for each in answer.json()["broken"]
    }
    trashed = http.delete(f"{URL}/models/checkpoint/mine").json()["id"]
    mine.mkdir()
    answer = http.post(f"{URL}/models/trash/{trashed}/restore")
    assert answer.status_code == 422 and "models/mine exists again" in answer.json()["message"]
    assert_private(answer, folders)


def test_downloads_and_preprocessors_that_cannot_be_kept(studios):
    serve, _, folders = studios
    served = serve()
    http, data = served.http, served.studio.settings.data_dir
    shutil.rmtree(data / "models", ignore_errors=True)
    (data / "models").write_text("in the way")
    started = http.post(f"{URL}/models/downloads", json={"source": "https://[::1]/x.safetensors"})
    assert_private(started, folders)
    download = http.get(f"{URL}/models/downloads")
    while download.json()[0]["state"] in ("waiting", "running"):
        download = http.get(f"{URL}/models/downloads")
    assert "models cannot be written" in download.json()[0]["message"]
    assert_private(download, folders)
    answer = http.get(f"{URL}/preprocessors")
    assert "put by hand into data/preprocessors" in answer.text
    assert_private(answer, folders)


def test_jobs_that_fail_and_pictures_that_are_not_kept(studios):
    serve, models, folders = studios
    engine = LostEngine()
    engine.lost = models / "lost.ckpt"
    served = serve(engine)
    outputs = served.studio.settings.outputs_dir
    shutil.rmtree(outputs, ignore_errors=True)
    outputs.write_text("in the way")
    failed = served.submit(steps=3, width=64, height=64)
    job = served.wait_until(failed, "failed")
    assert job["message"] == "models/lost.ckpt cannot be read: it is gone."
    engine.lost = None
    finished = served.submit(steps=3, width=64, height=64)
    job = served.wait_until(finished, "finished")
    assert "could not be saved in outputs" in job["warnings"][0]
    for id in (failed, finished):
        for path in (f"jobs/{id}", f"jobs/{id}/events", f"jobs/{id}/preview?after=0", "jobs"):
            assert_private(served.http.get(f"{URL}/{path}"), folders)


@pytest.mark.parametrize("kind", [CheckpointError, SaveError, DownloadError])
def test_an_error_that_a_route_raises(studios, monkeypatch, kind):
    serve, models, folders = studios
    served = serve()

    def lost(id):
        raise kind(f"{models}/lost.ckpt cannot be read: it is gone.")

    monkeypatch.setattr(served.studio.queue, "get", lost)
    answer = served.http.get(f"{URL}/jobs/x")
    assert answer.json()["message"] == "models/lost.ckpt cannot be read: it is gone."
    assert_private(answer, folders)


def test_a_studio_that_did_not_start(tmp_path):
    status = {"state": "failed", "message": f"{tmp_path}/lost.ckpt cannot be read: it is gone."}
    status["disk"] = f"{tmp_path}/outputs cannot be written: it is full."
    told = present_state(lambda: status, public_text([tmp_path]))
    assert told["disk"] == f"{tmp_path.name}/outputs cannot be written: it is full."
    assert told["message"] == f"{tmp_path.name}/lost.ckpt cannot be read: it is gone."
