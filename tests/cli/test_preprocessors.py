"""`studio preprocessors`: the list, and weights from a server on this machine."""

from __future__ import annotations

import json

import pytest

from studio.cli import main
from studio.domain.preprocessors import PREPROCESSORS
from tests.fetching.model_server import model_server
from tests.preprocessors import networks

FILE = "table5_pidinet.pth"


@pytest.fixture(autouse=True)
def data_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with model_server() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        networks.write("softedge_pidinet", tmp_path)
        path = tmp_path / "annotators" / FILE
        server.files["lllyasviel/Annotators/" + FILE] = path.read_bytes()
        yield server


def listed(capsys):
    assert main(["preprocessors", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["preprocessors"]
    return {row["name"]: row for row in rows}


def test_the_list_tells_settings_and_what_is_missing(capsys):
    rows = listed(capsys)
    assert list(rows) == list(PREPROCESSORS)
    assert rows["canny"]["settings"] == {"low_threshold": 100, "high_threshold": 200}
    assert rows["canny"]["ready"] and not rows["openpose"]["ready"]
    assert main(["preprocessors", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("openpose ") and line.endswith("needs 209 MB") for line in lines)


def test_weights_come_and_the_preprocessor_is_ready(capsys, hub, data_dir):
    assert main(["preprocessors", "download", "softedge_pidinet"]) == 0
    path = data_dir / "preprocessors" / "annotators" / FILE
    assert capsys.readouterr().out.strip() == str(path) and path.is_file()
    assert listed(capsys)["softedge_pidinet"]["ready"]


@pytest.mark.parametrize(
    ("name", "status", "says"),
    [("cany", 2, "Did you mean canny?"), ("softedge_hed", 1, "no such file")],
)
def test_what_cannot_be_is_said_in_one_line(capsys, hub, name, status, says):
    assert main(["preprocessors", "download", name]) == status
    last = capsys.readouterr().err.rsplit("\r", 1)[-1]
    assert says in last and last.count("\n") == 1
