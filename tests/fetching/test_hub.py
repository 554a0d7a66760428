"""Downloads from a server on this machine: whole, resumed, checked, refused."""

from __future__ import annotations

import hashlib
import json

import httpx
import pytest

from studio.domain.errors import DownloadError, InvalidRequest
from studio.fetching import addresses, fetch, hub
from studio.fetching.fetch import Stopped
from tests.fetching.model_server import ModelServer, model_server


def safetensors(size: int = 300_000, seed: int = 0) -> bytes:
    """A real file with one tensor of about `size` bytes."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}})
    data = hashlib.shake_128(bytes([seed])).digest(size)
    return len(header).to_bytes(8, "little") + header.encode() + data


@pytest.fixture
def server(monkeypatch):
    with model_server() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        monkeypatch.delenv("HF_TOKEN", raising=False)
        server.files["o/n/one.safetensors"] = safetensors()
        yield server


def leftovers(folder) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_file_of_a_repository(server, tmp_path):
    seen = []
    path = hub.download("o/n/one.safetensors", tmp_path, seen.append)
    assert path == tmp_path / "one.safetensors"
    assert path.read_bytes() == server.files["o/n/one.safetensors"]
    assert seen[-1].done_bytes == seen[-1].total_bytes == path.stat().st_size
    assert leftovers(tmp_path) == []
    again = hub.download("o/n", tmp_path)  # its only file; the very same is there already
    assert again == path


def test_the_address_of_a_page_means_its_file(server, tmp_path):
    path = hub.download(f"{server.url}/o/n/blob/main/one.safetensors", tmp_path)
    assert path.read_bytes() == server.files["o/n/one.safetensors"]


def test_a_file_name_that_says_nothing_becomes_the_repositorys(server, tmp_path):
    server.files["o/nice-vae/diffusion_pytorch_model.safetensors"] = safetensors(1000)
    assert hub.download("o/nice-vae", tmp_path).name == "nice-vae.safetensors"


def test_a_diffusers_folder_brings_what_is_used_and_no_more(server, tmp_path):
    put = server.files.__setitem__
    put("o/d/model_index.json", b'{"_class_name": "StableDiffusionPipeline"}')
    put("o/d/README.md", b"words")
    put("o/d/all-in-one.safetensors", safetensors(5000))
    put("o/d/unet/config.json", b"{}")
    put("o/d/unet/diffusion_pytorch_model.safetensors", safetensors(4000, 1))
    put("o/d/unet/diffusion_pytorch_model.fp16.safetensors", safetensors(2000, 2))
    put("o/d/unet/diffusion_pytorch_model.bin", b"pickle")
    put("o/d/vae/diffusion_pytorch_model.fp16.safetensors", safetensors(3000, 3))
    put("o/d/safety_checker/model.safetensors", safetensors(3000, 4))
    seen = []
    folder = hub.download("o/d", tmp_path, seen.append)
    assert folder == tmp_path / "d"
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()) == [
        "model_index.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.fp16.safetensors",
    ]
    assert seen[-1].done_bytes == seen[-1].total_bytes
    with pytest.raises(InvalidRequest, match="there already"):
        hub.download("o/d", tmp_path)


def test_a_repository_with_pickles_only_is_refused(server, tmp_path):
    server.files["o/p/model_index.json"] = b"{}"
    server.files["o/p/unet/diffusion_pytorch_model.bin"] = b"pickle"
    with pytest.raises(InvalidRequest, match="unet is there as a pickle"):
        hub.download("o/p", tmp_path)


def test_several_files_are_offered(server, tmp_path):
    server.files["o/n/two.safetensors"] = safetensors()
    with pytest.raises(InvalidRequest, match="one.safetensors, two.safetensors"):
        hub.download("o/n", tmp_path)
    assert hub.download("o/n", tmp_path, file="two.safetensors").name == "two.safetensors"


def test_a_lost_connection_goes_on_by_itself(server, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch.time, "sleep", lambda _: None)
    server.break_after = 100_000
    path = hub.download("o/n/one.safetensors", tmp_path)
    assert path.read_bytes() == server.files["o/n/one.safetensors"]
    assert server.ranges() == [None, "bytes=100000-"]


def stop_after(count: int):
    def report(progress):
        if progress.done_bytes > count:
            raise Stopped

    return report


def test_a_stopped_download_is_resumed(server, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "_REPORT_S", 0)
    server.files["o/n/one.safetensors"] = safetensors(3_000_000)
    with pytest.raises(Stopped):
        hub.download("o/n/one.safetensors", tmp_path, stop_after(500_000))
    assert not (tmp_path / "one.safetensors").exists()
    path = hub.download("o/n/one.safetensors", tmp_path)
    assert path.read_bytes() == server.files["o/n/one.safetensors"]
    assert int(server.ranges()[-1].strip("bytes=-")) > 500_000


def test_a_file_that_changed_meanwhile_is_fetched_anew(server, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "_REPORT_S", 0)
    server.files["o/n/one.safetensors"] = safetensors(3_000_000)
    with pytest.raises(Stopped):
        hub.download("o/n/one.safetensors", tmp_path, stop_after(500_000))
    server.files["o/n/one.safetensors"] = safetensors(2_000_000, seed=7)
    path = hub.download("o/n/one.safetensors", tmp_path)
    assert path.read_bytes() == server.files["o/n/one.safetensors"]


def test_a_damaged_file_is_not_kept(server, tmp_path):
    with pytest.raises(DownloadError, match="sha256"):
        hub.download(f"{server.url}/cdn/o/n/one.safetensors", tmp_path, sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(server, tmp_path):
    (tmp_path / "one.safetensors").write_bytes(b"mine")
    with pytest.raises(InvalidRequest, match="there already"):
        hub.download("o/n/one.safetensors", tmp_path)
    assert (tmp_path / "one.safetensors").read_bytes() == b"mine"


def test_a_full_disk_is_said_before(server, tmp_path, monkeypatch):
    usage = fetch.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DownloadError, match="are free in"):
        hub.download("o/n/one.safetensors", tmp_path)
    assert not (tmp_path / "one.safetensors").exists()


def test_a_download_without_a_length_is_watched(server, tmp_path, monkeypatch):
    """The disk fills up while it comes: it ends there and then, and leaves nothing."""
    server.endless, free = 2**30, 100 * 2**20
    usage = fetch.shutil.disk_usage(tmp_path)

    def as_it_comes(folder):
        taken = sum(path.stat().st_size for path in tmp_path.iterdir())
        return usage._replace(free=free - taken)

    monkeypatch.setattr(fetch.shutil, "disk_usage", as_it_comes)
    with pytest.raises(DownloadError, match="are free in"):
        hub.download(f"{server.url}/endless", tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert server.given < 100 * 2**20


def test_no_file_is_larger_than_allowed(server, tmp_path):
    server.endless = 2**30
    rules = fetch.Rules(guarded=False, most_bytes=30 * 2**20)
    with pytest.raises(DownloadError, match="which no model needs"):
        fetch.fetch(f"{server.url}/endless", tmp_path, rules)
    assert server.given < 100 * 2**20
    rules = fetch.Rules(guarded=False, most_bytes=10_000)
    with pytest.raises(DownloadError, match="which no model needs"):  # it says so itself
        fetch.fetch(f"{server.url}/cdn/o/n/one.safetensors", tmp_path, rules)
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_a_length_comes_whole(server, tmp_path):
    server.endless = 20 * 2**20
    path = hub.download(f"{server.url}/endless", tmp_path)
    assert path.stat().st_size == server.given and leftovers(tmp_path) == []


def test_a_served_name_cannot_leave_the_folder(server, tmp_path):
    path = hub.download(f"{server.url}/named?token=secret", tmp_path)
    assert path == tmp_path / "e vil_.safetensors"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("a\\b\\c.safetensors", "c.safetensors"),
        ("..", "model"),
        ("", "model"),
        ("CON.safetensors", "_CON.safetensors"),
        (".hidden.safetensors", "hidden.safetensors"),
        ("a\x00b\n.safetensors", "a_b_.safetensors"),
        ("x" * 300 + ".safetensors", "x" * 139 + ".safetensors"),
    ],
)
def test_safe_names(name, safe):
    assert fetch.safe_name(name) == safe


def test_what_is_no_model_is_refused(server, tmp_path):
    with pytest.raises(DownloadError, match="web page"):
        hub.download(f"{server.url}/page", tmp_path)
    server.files["o/n/fake.safetensors"] = b"version https://git-lfs.github.com/spec/v1"
    with pytest.raises(DownloadError, match="no safetensors file"):
        hub.download("o/n/fake.safetensors", tmp_path)
    server.files["o/n/old.ckpt"] = b"PK"
    with pytest.raises(InvalidRequest, match="may hold a program"):
        hub.download("o/n/old.ckpt", tmp_path)
    assert hub.download("o/n/old.ckpt", tmp_path, pickles=True).name == "old.ckpt"


def test_refusals_say_what_to_do(server, tmp_path):
    server.statuses["/o/gated/"] = 401
    for source, words in (
        ("o/gated/x.safetensors", "HF_TOKEN"),
        ("o/n/missing.safetensors", "no such file"),
        ("o/missing", "no such file"),
        ("just-a-name", "owner/name"),
        ("ftp://host/x", "owner/name"),
        ("../../etc/passwd", "owner/name"),
    ):
        with pytest.raises((DownloadError, InvalidRequest), match=words):
            hub.download(source, tmp_path)


def test_offline_is_said(tmp_path, monkeypatch):
    with model_server() as gone:
        monkeypatch.setenv("HF_ENDPOINT", gone.url)
    with pytest.raises(DownloadError, match="Is this machine online"):
        hub.download("o/n/one.safetensors", tmp_path)


def test_the_token_goes_to_the_endpoint_alone(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with model_server() as other:
        other.files = server.files
        hub.download("o/n/one.safetensors", tmp_path)
        hub.download(f"{server.url}/to/{other.url}/cdn/o/n/one.safetensors", tmp_path / "b")
        assert server.asked[0][1]["authorization"] == "Bearer hf_secret"
        assert "authorization" not in other.asked[0][1]


def test_a_proxy_is_used(server, tmp_path, monkeypatch):
    with model_server() as proxy:
        proxy.statuses["http://far.example/"] = 429  # it saw the whole address
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with pytest.raises(DownloadError):
            hub.download("http://far.example/x.safetensors", tmp_path)
        assert proxy.asked[0][0] == "http://far.example/x.safetensors"
        hub.download("o/n/one.safetensors", tmp_path)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"]
    + ["[::1]", "[fd00::1]", "[fe80::1]", "[::ffff:10.0.0.1]", "[64:ff9b::10.0.0.1]"]
    + ["[2002:0a00:0001::]", "localhost", "224.0.0.1"],
)
def test_a_guarded_download_stays_outside_private_networks(host):
    with pytest.raises(InvalidRequest, match="private network"):
        addresses.route(httpx.URL(f"http://{host}/x"), guarded=True)


def test_each_redirect_is_looked_at(server: ModelServer, tmp_path, monkeypatch):
    with model_server() as inner:
        inner.files["secret"] = safetensors()
        with pytest.raises(InvalidRequest, match="private network"):
            hub.download(f"{server.url}/to/{inner.url}/cdn/secret", tmp_path, guarded=True)
        assert inner.asked == []
    assert hub.download("o/n/one.safetensors", tmp_path, guarded=True).is_file()


def test_the_address_that_was_looked_at_is_the_one_used(monkeypatch):
    found = [(2, 1, 6, "", ("93.184.216.34", 443))]
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(addresses.urllib.request, "getproxies", dict)
    request = addresses.route(httpx.URL("https://far.example/x"), guarded=True).request({})
    assert request.url.host == "93.184.216.34"
    assert request.headers["host"] == "far.example"
    assert request.extensions["sni_hostname"] == "far.example"
