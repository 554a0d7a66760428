"""What is decided before a studio serves: by the address that was bound, not by what was said."""

from __future__ import annotations

import socket

import pytest

from studio import server
from studio.domain.reach import is_own
from studio.settings import InvalidSettings, Settings


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("fe80::1%eth0", False),
        ("::ffff:192.168.1.5", False),
    ],
)
def test_which_addresses_lead_to_this_machine_alone(host, own):
    assert is_own(host) is own


def test_a_name_counts_as_what_it_stands_for(tmp_path):
    """A host name may stand for any address."""
    everybody = socket.create_server(("0.0.0.0", 0))
    named = Settings(host="localhost", data_dir=tmp_path)
    with pytest.raises(InvalidSettings, match="--no-auth"):
        server._refuse_everybody(named, everybody)
    assert everybody.fileno() == -1, "it is closed"
    for more in ({"no_auth": True}, {"auth": ("ann:secret",)}):
        with socket.create_server(("0.0.0.0", 0)) as everybody:
            server._refuse_everybody(Settings(data_dir=tmp_path, **more), everybody)
    with socket.create_server(("127.0.0.1", 0)) as own:
        server._refuse_everybody(Settings(host="0.0.0.0", data_dir=tmp_path), own)


def test_a_data_folder_that_cannot_be_locked_is_no_hindrance(tmp_path):
    (tmp_path / "file").write_text("no folder")
    assert server.only_one(tmp_path / "file" / "data") is None
