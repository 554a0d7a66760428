"""`studio bench peer_http`: a studio beside a server that answers as ComfyUI's API is documented,
its PNGs included. How quick either is, is not looked at."""

from __future__ import annotations

import io
import json
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image

from studio.engine.fake import FakeEngine
from studio.settings import shipped
from tests.conftest import servers

NAMES = ["models/picturebook.safetensors", "other.ckpt"]


class Peer(BaseHTTPRequestHandler):
    """Draws grey pictures of the size that is asked for; what a prompt's id stands for is done at
    the second look."""

    def do_GET(self):
        where = urlsplit(self.path)
        if where.path == "/object_info/CheckpointLoaderSimple":
            inputs = {"required": {"ckpt_name": [NAMES, {}]}}
            self.answer({"CheckpointLoaderSimple": {"input": inputs}})
        elif where.path.startswith("/history/"):
            id = where.path.rpartition("/")[2]
            self.server.looks[id] = self.server.looks.get(id, 0) + 1
            self.answer({id: self.done(id)} if self.server.looks[id] > 1 else {})
        else:
            assert where.path == "/view"
            asked = {name: value[0] for name, value in parse_qs(where.query).items()}
            size = self.server.graphs[int(asked["filename"].removesuffix(".png"))]["4"]["inputs"]
            packed = io.BytesIO()
            Image.new("RGB", (size["width"], size["height"]), "grey").save(packed, "PNG")
            self.answer(packed.getvalue())

    def do_POST(self):
        graph = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["prompt"]
        name = graph["1"]["inputs"]["ckpt_name"]
        if name not in NAMES:
            error = {"message": "Value not in list", "details": f"ckpt_name: '{name}'"}
            node = {"errors": [error], "class_type": graph["1"]["class_type"]}
            invalid = {"message": "Prompt outputs failed validation"}
            return self.answer({"error": invalid, "node_errors": {"1": node}}, 400)
        self.server.graphs.append(graph)
        return self.answer({"prompt_id": str(len(self.server.graphs) - 1), "node_errors": {}})

    def done(self, id):
        if self.server.breaks:
            error = {"node_type": "KSampler", "exception_message": "out of memory\n"}
            status = {"status_str": "error", "messages": [["execution_error", error]]}
            return {"outputs": {}, "status": status}
        image = {"filename": f"{id}.png", "subfolder": "", "type": "output"}
        status = {"status_str": "success", "completed": True, "messages": []}
        return {"outputs": {"7": {"images": [image]}}, "status": status}

    def answer(self, body, code=200):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def peer():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Peer)
    server.graphs, server.looks, server.breaks = [], {}, False
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def comfyui(monkeypatch):
    monkeypatch.syspath_prepend(str(shipped("benchmarks")))
    from common import comfyui

    return comfyui


def drawing(comfyui, checkpoint=NAMES[1], **fields):
    return comfyui.Drawing(checkpoint, "a house", "blurry", 96, 64, 3, 7.0, 5, **fields)


def test_the_studio_beside_it(comfyui, peer, monkeypatch, capsys, tmp_path):
    import peer_http

    with servers(tmp_path) as start:
        studio = start(FakeEngine(step_s=0.01))
        where = ["--studio", studio.url, "--comfyui", peer.url, "--checkpoint", "picturebook"]
        few = ["--size", "64", "--few", "1", "--steps", "3", "--repeats", "1", "--json"]
        monkeypatch.setattr(sys, "argv", ["peer_http", *where, *few])
        peer_http.main()
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == ["a step", "all but the steps", "a picture"]
    whole = rows[2]
    assert 0 < whole["ratio_min"] <= whole["ratio"] <= whole["ratio_max"]
    asked = [graph["5"]["inputs"] for graph in peer.graphs]
    assert [one["steps"] for one in asked] == [1, 3, 1, 3]
    assert len({one["seed"] for one in asked}) == 4  # what was drawn once is not drawn again
    assert {graph["1"]["inputs"]["ckpt_name"] for graph in peer.graphs} == {NAMES[0]}


def test_a_picture_comes_once_it_is_drawn(comfyui, peer):
    image = comfyui.ComfyUI(peer.url).draw(drawing(comfyui))
    assert image.size == (96, 64)
    assert peer.looks == {"0": 2}


def test_a_node_that_fails(comfyui, peer):
    peer.breaks = True
    with pytest.raises(comfyui.PeerError, match=r"KSampler: out of memory\. Its own log"):
        comfyui.ComfyUI(peer.url).draw(drawing(comfyui))


def test_a_graph_that_is_refused(comfyui, peer):
    words = r"Prompt outputs failed validation; CheckpointLoaderSimple: Value not in list.*'no'"
    with pytest.raises(comfyui.PeerError, match=words):
        comfyui.ComfyUI(peer.url).draw(drawing(comfyui, "no"))


def test_a_checkpoint_that_it_has_not(comfyui, peer, monkeypatch):
    import peer_http

    flags = ["--comfyui", peer.url, "--checkpoint", "mine"]
    monkeypatch.setattr(sys, "argv", ["peer_http", *flags])
    with pytest.raises(SystemExit, match=r"no checkpoint mine\. It has: models/picturebook"):
        peer_http.main()


def test_nobody_answers(comfyui):
    with socket.create_server(("127.0.0.1", 0)) as door:
        address = f"http://127.0.0.1:{door.getsockname()[1]}"
    with pytest.raises(comfyui.PeerError, match=f"{address} .*refused.*--comfyui"):
        comfyui.ComfyUI(address).checkpoints()
