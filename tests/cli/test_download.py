"""`studio models download`, against a server on this machine."""

from __future__ import annotations

import pytest

from studio import cli
from tests.catalog import files
from tests.fetching.model_server import model_server


@pytest.fixture
def hub(monkeypatch, tmp_path):
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with model_server() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        lora = files.write(tmp_path / "ink.safetensors", files.lora())
        server.files["o/n/ink.safetensors"] = lora.read_bytes()
        yield server


def test_a_model_arrives_where_its_kind_belongs(hub, tmp_path, capfd):
    assert cli.main(["models", "download", "o/n", "--kind", "lora"]) == 0
    out, err = capfd.readouterr()
    path = tmp_path / "data" / "models" / "Lora" / "ink.safetensors"
    assert out.strip() == str(path)
    assert path.read_bytes() == hub.files["o/n/ink.safetensors"]
    assert "ink.safetensors · " in err and "#" in err  # the progress bar
    assert cli.main(["models", "list", "--kind", "lora"]) == 0
    assert "ink" in capfd.readouterr().out


def test_the_command_line_may_fetch_from_this_network(hub, capfd):
    assert cli.main(["models", "download", f"{hub.url}/cdn/o/n/ink.safetensors"]) == 0
    assert "ink.safetensors" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["nothing"], 2, "owner/name"),
        (["o/n/none.safetensors"], 1, "no such file"),
        (["o/n", "--sha256", "0" * 64], 1, "sha256"),
        (["o/n", "--sha256", "short"], 2, "64 digits"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(hub, capfd, arguments, status, words):
    assert cli.main(["models", "download", *arguments]) == status
    last = capfd.readouterr().err.rsplit("\r", 1)[-1]
    assert words in last and last.count("\n") == 1
