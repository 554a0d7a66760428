"""The command line with the real engine and the embedded model: as a process where that matters."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from PIL import Image

import studio
from studio.cli import main
from studio.domain.locks import FileLock
from studio.domain.request import GenerationRequest

SMALL = ("--width", "64", "--height", "64", "--steps", "2")
PROMPTLY_S = 10.0


@pytest.fixture
def environment(tmp_path):
    """A user with nothing but an empty data folder."""
    root = str(Path(studio.__file__).parents[1])
    kept = {k: v for k, v in os.environ.items() if not k.startswith("STUDIO_")}
    return kept | {"PYTHONPATH": root, "STUDIO_DATA_DIR": str(tmp_path / "data")}


@dataclass(frozen=True)
class Done:
    """What a command wrote, and its exit status."""

    stdout: str
    stderr: str
    returncode: int


@pytest.fixture
def cli(tmp_path, environment, monkeypatch, capfd) -> Callable[..., Done]:
    """Runs `studio …` to its end, in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STUDIO_DATA_DIR", environment["STUDIO_DATA_DIR"])

    def run(*arguments: str, stdin: str = "") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        try:
            status = main(arguments)
        except SystemExit as ended:
            status = ended.code
        return Done(*capfd.readouterr(), status)

    return run


@pytest.fixture
def process(tmp_path, environment):
    """Starts `studio …` in the background."""
    started = []

    def start(*arguments):
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "studio", *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=tmp_path,
                env=environment,
                # A shell starts background jobs with interrupts ignored, and children inherit it.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )
        )
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.communicate()


def read_until(stream, text):
    """What `stream` writes, up to `text`."""
    seen = b""
    while text not in seen:
        piece = os.read(stream.fileno(), 4096)
        assert piece, f"it ended without {text!r}: {seen!r}"
        seen += piece
    return seen.decode()


def interrupt(running):
    """Ctrl-C; gives back the exit status, within PROMPTLY_S or not at all."""
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=PROMPTLY_S)
    return running.returncode


def test_generate_is_repeatable_to_the_byte(cli, tmp_path):
    arguments = ("generate", "--prompt", "a red house", "--seed", "5", "--batch-size", "2", *SMALL)
    first = json.loads(cli(*arguments, "--json", "--out", "one").stdout)
    assert first["seeds"] == [5, 6] and first["elapsed_s"] > 0
    assert all("Seed: " in text for text in first["infotext"])

    # The second time from a file, and one picture of the batch alone.
    stored = json.loads(Image.open(tmp_path / first["images"][1]).text["studio"])
    (tmp_path / "request.json").write_text(json.dumps(stored))
    second = cli("generate", "--request", "request.json", "--out", "two")
    assert second.stdout.splitlines() == ["two/00001-6.png"]

    third = json.loads(cli(*arguments, "--json", "--out", "three").stdout)
    for one, three in zip(first["images"], third["images"], strict=True):
        assert Image.open(tmp_path / one).tobytes() == Image.open(tmp_path / three).tobytes()


def test_generate_writes_the_files_that_are_asked_for(cli, tmp_path):
    asked = ("--format", "jpg", "--name", "[seed] [prompt_words]", "--out", "one")
    done = cli(
        "generate", "--prompt", "a house", "--seed", "5", "--batch-size", "2", *SMALL, *asked
    )
    assert done.stdout.splitlines() == ["one/5 a house.jpg", "one/6 a house.jpg"]
    assert sorted(each.name for each in (tmp_path / "one").iterdir()) == [
        "5 a house.jpg",
        "6 a house.jpg",
    ]
    again = cli("generate", "--like", "one/6 a house.jpg", "--out", "two", "--name", "x")
    assert again.stdout.splitlines() == ["two/x.png"]
    assert "[prompt_words]" in cli("generate", "--name", "[colour]").stderr


def test_a_request_from_standard_input_changed_by_flags(cli, tmp_path):
    request = GenerationRequest(prompt="a blue boat", seed=3, steps=9, width=64, height=64)
    done = cli(
        "generate", "--request", "-", "--steps", "1", "--scheduler", "Euler", "--json",
        stdin=request.model_dump_json(),
    )  # fmt: skip
    result = json.loads(done.stdout)
    [path] = result["images"]
    assert Path(path).parent.parent == tmp_path / "data" / "outputs"
    assert "a blue boat" in result["infotext"][0]
    assert "Steps: 1, Sampler: Euler," in result["infotext"][0]
    assert "step 1/1" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["generate", "--steps", "0"], "steps: "),
        (["generate", "--steps", "many"], "steps: 'many'"),
        (["generate", "--width", "63"], "width: "),
        (["generate", "--guidance-scale", "nan"], "guidance_scale: "),
        (["generate", "--seed", "-2"], "seed: "),
        (["generate", "--seed", str(2**70)], "seed: "),
        (["generate", "--scheduler", "Oiler"], "scheduler: "),
        (["generate", "--checkpoint", "nope"], "checkpoint: 'nope' is unknown"),
        (["generate", "--colour", "red"], "--colour"),
        (["generate", "--lora", "blueprint:"], "loras.0: after 'blueprint:' a weight is missing"),
        (["generate", "--lora", "a", "--lora", "b:abc"], "loras.1: 'abc' is not a weight"),
        (["generate", "--lora", "no such look:0.5"], "'no such look' is unknown"),
        (["generate", "--vae", "no such vae"], "'no such vae' is unknown"),
        (["generate", "--request", "missing.json"], "missing.json cannot be read"),
        (["generate", "--request", "-"], "valid JSON"),
        (["generate", "--device", "cuda:99"], "device: this machine has no cuda:99"),
        (["generate", "--device", "tpu"], "device: 'tpu'"),
        (["--port", "http"], "port: 'http'"),
        (["serve", "--auth", "ann"], "auth"),
        (["serve", "--checkpoint", "nope"], "checkpoint: 'nope' is unknown"),
        (["serve", "--auth-file", "missing"], "missing cannot be read"),
        (["paint"], "paint"),
    ],
)
def test_bad_input_is_one_line_and_status_2(cli, arguments, says):
    done = cli(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    last_line = done.stderr.split("\r")[-1]  # after the progress bar, if there was one
    assert says in last_line
    assert last_line.count("\n") == 1 and "Traceback" not in last_line


def test_help_and_version_are_told(cli):
    assert "generate" in cli("--help").stdout
    assert "--guidance-scale" in cli("generate", "--help").stdout
    assert cli("--version").stdout == f"Latent Studio {studio.__version__}\n"


def test_bench_runs_the_benchmarks_that_come_with_the_studio(cli):
    helped = cli("bench", "catalog", "--help")
    assert helped.returncode == 0
    assert "--files" in helped.stdout
    refused = cli("bench", "nonsense")
    assert refused.returncode == 2
    assert "text_to_image" in refused.stderr


def test_a_picture_that_cannot_be_saved_is_an_error(cli, tmp_path):
    (tmp_path / "out").write_text("a file where the folder should be")
    done = cli("generate", *SMALL, "--out", "out")
    assert done.returncode == 1
    assert "could not be saved" in done.stderr


@pytest.mark.parametrize("moment", [b"starting", pytest.param(b"step 2/", marks=pytest.mark.slow)])
def test_ctrl_c_ends_a_run_promptly(process, tmp_path, moment):
    running = process("generate", "--steps", "150", "--out", "out")
    read_until(running.stderr, moment)
    assert interrupt(running) == 130


def test_serve_answers_draws_the_same_alone_in_its_folder_and_ends_on_ctrl_c(
    process, cli, tmp_path
):
    running = process("--listen", "--no-auth", "--port", "0", "--no-browser")
    ready = read_until(running.stdout, b"\n")
    [url] = re.findall(r"^Latent Studio ready at (http://127\.0\.0\.1:\d+)\n", ready)
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as http:
        assert http.get("/").status_code == 200
        assert http.get("/healthz").json()["status"] == "ok"
        fields = {"prompt": "a cat", "seed": 9, "width": 64, "height": 64, "steps": 2}
        id = http.post("/studio/v1/jobs", json=fields).json()["id"]
        second = cli("--port", "0", "--no-browser")
        with http.stream("GET", f"/studio/v1/jobs/{id}/events") as events:
            assert '"finished"' in list(events.iter_lines())[-2]
        [image] = http.get(f"/studio/v1/jobs/{id}").json()["images"]
        served = http.get(image["url"]).content
    running.send_signal(signal.SIGINT)
    _, log = running.communicate(timeout=PROMPTLY_S)
    assert running.returncode == 130
    assert b"Everybody who reaches 0.0.0.0 can use the studio" in log

    assert second.returncode == 2
    message = second.stderr
    assert url in message and "--data-dir" in message and message.count("\n") == 1
    assert FileLock(tmp_path / "data" / "studio.lock").try_take()

    cli("generate", "--prompt", "a cat", "--seed", "9", *SMALL, "--out", "out")
    drawn = Image.open(tmp_path / "out" / "00001-9.png")
    assert drawn.tobytes() == Image.open(io.BytesIO(served)).tobytes()


@pytest.mark.slow
def test_serve_starts_with_an_untested_library_and_says_so_once(process, environment, tmp_path):
    metadata = tmp_path / "libraries" / "latent_studio-0.1.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Name: latent-studio\nVersion: 0.1\nRequires-Dist: pillow<1\n")
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(metadata.parents[1]), environment["PYTHONPATH"]]
    )
    running = process("--port", "0", "--no-browser")
    assert "ready at http://127.0.0.1:" in read_until(running.stdout, b"\n")
    running.send_signal(signal.SIGINT)  # while it loads
    _, log = running.communicate(timeout=PROMPTLY_S)
    assert running.returncode == 130
    assert log.count(b"Untested: pillow") == 1 and b"(tested: <1)" in log


@pytest.mark.parametrize("flags", [("--listen",), ("--host", "0.0.0.0"), ("--host", "::")])
def test_nobody_is_let_in_without_a_login_unawares(cli, flags):
    refused = cli(*flags, "--port", "0", "--no-browser")
    assert refused.returncode == 2
    message = refused.stderr
    assert "--auth" in message and "--no-auth" in message and message.count("\n") == 1


def test_a_busy_port_is_explained(cli):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = cli("--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    message = done.stderr
    assert "in use" in message and "--port" in message and message.count("\n") == 1
