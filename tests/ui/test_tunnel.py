"""Gradio's tunnel, with programs of our own in the place of Gradio's."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
from gradio import networking, tunneling

from studio import server
from studio.api.connections import web_config
from studio.app import Studio
from studio.domain.reach import Reach, Tunnel
from studio.engine.fake import FakeEngine
from studio.settings import Settings
from studio.ui.tunnel import GradioTunnel
from studio.web import create_api
from tests.waiting import wait_for

posix = pytest.mark.skipif(os.name != "posix", reason="the programs are scripts of a shell")
SAYS_URL = "echo '[proxy_manager.go] [x] start proxy success: http://wonder.share.example'\n"


def program(folder: Path, script: str) -> None:
    """What is there already is not downloaded."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / tunneling.BINARY_FILENAME
    path.write_text(f"#!/bin/sh\n{script}")
    path.chmod(0o755)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def told_by(folder: Path, state: str) -> Tunnel:
    """What a tunnel tells at last, which is then ended."""
    told: list[Tunnel] = []
    tunnel = GradioTunnel(7, folder, told.append)
    tunnel.open()
    wait_for(lambda: told and told[-1].state == state, state)
    tunnel.close()
    return told[-1]


def test_without_a_network_it_says_so(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(networking, "GRADIO_SHARE_SERVER_ADDRESS", None)
    monkeypatch.setattr(networking, "GRADIO_API_SERVER", f"http://127.0.0.1:{closed_port()}")
    told = told_by(tmp_path, "closed")
    assert told.port == 7 and told.url is None
    assert "There is no share link: Gradio's servers" in told.why and "online" in told.why
    assert not list(tmp_path.iterdir())


@posix
@pytest.mark.parametrize(
    ("script", "state", "words"),
    [
        ("echo 'login to server failed: no room'; exec sleep 60", "closed", "no room"),
        ("echo 'bad flag' >&2; exit 1", "closed", "it said: bad flag"),
        ("exit 0", "closed", "it said: nothing"),
        (SAYS_URL + "exit 0", "closed", "The tunnel has ended."),
    ],
)
def test_a_program_that_fails_or_ends_is_told_with_its_words(
    tmp_path, monkeypatch, script, state, words
):
    monkeypatch.setattr(networking, "GRADIO_SHARE_SERVER_ADDRESS", "127.0.0.1:1")
    program(tmp_path, script)
    assert words in told_by(tmp_path, state).why


@posix
def test_one_that_finds_another_link_goes_on_under_it(tmp_path, monkeypatch, capfd):
    """It does so after the connection was cut."""
    monkeypatch.setattr(networking, "GRADIO_SHARE_SERVER_ADDRESS", "127.0.0.1:1")
    program(tmp_path, SAYS_URL + SAYS_URL.replace("wonder", "second") + "exec sleep 60")
    told: list[Tunnel] = []
    tunnel = GradioTunnel(7, tmp_path, told.append)
    tunnel.open()
    wait_for(lambda: len(told) == 2)
    tunnel.close()
    assert [one.url for one in told] == [f"http://{n}.share.example" for n in ("wonder", "second")]


def test_a_program_that_came_damaged_is_not_kept(tmp_path, monkeypatch, shared):
    monkeypatch.setattr(networking, "GRADIO_SHARE_SERVER_ADDRESS", "127.0.0.1:1")
    address = f"{shared.url}/healthz"
    monkeypatch.setattr(tunneling, "BINARY_URL", address)
    monkeypatch.setattr(tunneling, "CHECKSUMS", {address: "0" * 64})
    assert "came damaged" in told_by(tmp_path, "closed").why
    assert not list(tmp_path.iterdir())


@posix
def test_the_server_opens_it_and_ends_it(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(networking, "GRADIO_SHARE_SERVER_ADDRESS", "127.0.0.1:1")
    settings = Settings(data_dir=tmp_path, share=True, auth=("ann:secret",))
    program(settings.tunnel_dir, f"echo $$ > {tmp_path}/pid\n{SAYS_URL}exec sleep 600")
    reach = Reach()
    with Studio(settings, build_engine=FakeEngine) as studio:
        door = socket.create_server(("127.0.0.1", 0))
        link = server._link(settings, reach, door.getsockname()[1])
        config = web_config(create_api(studio, reach), reach=reach)
        served = server._Server(config, link.open, on_end=link.close)
        thread = threading.Thread(target=served.run, args=([door],))
        thread.start()
        wait_for(lambda: reach.tunnel.state == "open", "the link")
        process = int((tmp_path / "pid").read_text())
        url = f"http://127.0.0.1:{reach.tunnel.port}/healthz"
        assert httpx.get(url, headers={"Host": "wonder.share.example"}).status_code == 200
        served.should_exit = True
        thread.join(20)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


@posix
@pytest.mark.slow
def test_a_studio_is_shared_until_it_is_told_to_end(tmp_path):
    """The program says more than a pipe holds after its link, and is not stuck."""
    script = (
        'echo $$ > pid; echo "$@" > asked\n'
        + SAYS_URL
        + "head -c 300000 /dev/zero | tr '\\0' 'x'\n"
        "echo; : > said; exec sleep 600\n"
    )
    program(tmp_path / "data" / "tunnel", script)
    process = subprocess.Popen(
        [sys.executable, "-m", "studio", "--port", "0", "--share", "--auth", "ann:secret"]
        + ["--no-browser", "--data-dir", "data", "--device", "cpu"],
        cwd=tmp_path,
        env=os.environ
        | {"GRADIO_SHARE_SERVER_ADDRESS": "127.0.0.1:1", "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        said = process.stdout.readline() + process.stdout.readline()
        url = re.search(r"ready at (http://\S+)", said)[1]
        assert "Shared at http://wonder.share.example: " in said and "a week" in said
        wait_for((tmp_path / "said").exists)
        asked = (tmp_path / "asked").read_text().split()
        port = asked[asked.index("-l") + 1]
        assert asked[asked.index("-i") + 1] == "127.0.0.1" and not url.endswith(port)
        with httpx.Client(trust_env=False, verify=False, auth=("ann", "secret")) as http:
            at_link = {"Host": "wonder.share.example"}
            page = http.get(f"http://127.0.0.1:{port}/", headers=at_link)
            assert page.status_code == 200 and "http://wonder.share.example" in page.text
            shared = http.get(f"{url}/studio/v1/share").json()
        assert shared["tunnel"] == {"state": "open", "why": None}
        assert [one["url"] for one in shared["addresses"]] == ["http://wonder.share.example"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == -signal.SIGTERM
        with pytest.raises(ProcessLookupError):  # waited for by its studio before that ended
            os.kill(int((tmp_path / "pid").read_text()), 0)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert not (tmp_path / ".gradio").exists()


@pytest.mark.parametrize("more", [(), ("--no-auth",)])
def test_without_a_login_nothing_is_shared(tmp_path, monkeypatch, capsys, more):
    from studio.cli.commands import main

    monkeypatch.chdir(tmp_path)
    assert main(["serve", "--share", "--data-dir", str(tmp_path / "data"), *more]) == 2
    assert "--auth user:password" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
