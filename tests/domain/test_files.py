"""Files of unknown origin: what is no regular file is refused at once, however large it claims."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

import pytest

from studio.domain.errors import CheckpointError
from studio.domain.files import as_text, open_file, read_file, read_text


@pytest.fixture
def special(tmp_path):
    """Makes what is no regular file: a pipe without a writer, a socket, a folder, a link to a
    device that never ends."""
    sockets = []

    def make(kind: str) -> Path:
        path = tmp_path / kind
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "socket":
            sockets.append(socket.socket(socket.AF_UNIX))
            # Through the descriptor of the folder: a socket's path may have 108 bytes at most.
            with tempfile.TemporaryDirectory(dir="/tmp") as short:
                sockets[-1].bind(f"{short}/s")
                os.rename(f"{short}/s", path)
        elif kind == "folder":
            path.mkdir()
        else:
            path.symlink_to("/dev/zero")
        return path

    yield make
    for each in sockets:
        each.close()


KINDS = ("pipe", "socket", "folder", "device")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reader", [open_file, lambda path: read_file(path, 100)])
def test_what_is_no_regular_file_is_refused(special, kind, reader):
    with pytest.raises(OSError):
        reader(special(kind))


def test_a_refusal_leaves_no_descriptor_open(special):
    path, before = special("pipe"), os.listdir("/proc/self/fd")
    for _ in range(20):
        with pytest.raises(OSError, match="no regular file"):
            open_file(path)
    assert len(os.listdir("/proc/self/fd")) <= len(before)


def test_a_file_is_read_up_to_its_limit_and_not_beyond(tmp_path):
    path = tmp_path / "file"
    path.write_bytes("abcä".encode())
    assert read_file(path, 5) == "abcä".encode()
    assert read_text(path, 5) == "abcä"
    with pytest.raises(OSError, match="more than 4 bytes"):
        read_file(path, 4)


def test_a_link_to_a_file_is_followed(tmp_path):
    (tmp_path / "file").write_bytes(b"here")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with open_file(tmp_path / "link") as file:
        assert file.read() == b"here"


def test_any_path_becomes_text():
    name = os.fsdecode(b"caf\xe9 \xff.safetensors")
    assert as_text(Path("/models") / name).encode() == b"/models/caf? ?.safetensors"
    assert as_text(Path("/models/日本語 é")) == "/models/日本語 é"
    assert str(CheckpointError(f"{name} is empty.")).encode() == b"caf? ?.safetensors is empty."
