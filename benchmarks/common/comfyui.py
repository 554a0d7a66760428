"""A ComfyUI that runs elsewhere, driven by its public HTTP API: one graph of its core nodes."""

from __future__ import annotations

import io
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from PIL import Image

_POLL_S = 0.1
_LOADER = "CheckpointLoaderSimple"


class PeerError(Exception):
    """Why there is no picture, and what to do."""


@dataclass(frozen=True)
class Drawing:
    """What is drawn: `sampler` and `scheduler` by ComfyUI's names, sizes in pixels."""

    checkpoint: str
    prompt: str
    negative: str
    width: int
    height: int
    steps: int
    guidance: float
    seed: int
    sampler: str = "euler"
    scheduler: str = "normal"


class ComfyUI:
    """At `address`. What it is asked raises `PeerError` where it does not answer, or refuses."""

    def __init__(self, address: str, timeout_s: float = 3600) -> None:
        self._address, self._timeout_s = address.rstrip("/"), timeout_s

    def checkpoints(self) -> list[str]:
        """The names under which it knows them."""
        node = json.loads(self._fetch(f"object_info/{_LOADER}"))[_LOADER]
        kind, *more = node["input"]["required"]["ckpt_name"]
        return list(kind) if isinstance(kind, list) else list(more[0]["options"])

    def draw(self, drawing: Drawing) -> Image.Image:
        """From the request to the picture's bytes, looked for ten times a second."""
        sent = json.dumps({"prompt": graph(drawing)}).encode()
        id = json.loads(self._fetch("prompt", sent))["prompt_id"]
        until_s = time.monotonic() + self._timeout_s
        while not (told := json.loads(self._fetch(f"history/{id}")).get(id)):
            if time.monotonic() > until_s:
                raise PeerError(f"ComfyUI drew nothing in {self._timeout_s:.0f} s.")
            time.sleep(_POLL_S)
        images = [one for out in told["outputs"].values() for one in out.get("images", ())]
        if told.get("status", {}).get("status_str") == "error" or not images:
            raise PeerError(f"ComfyUI failed: {_why_failed(told)}. Its own log tells more.")
        names = {name: images[0][name] for name in ("filename", "subfolder", "type")}
        data = self._fetch(f"view?{urllib.parse.urlencode(names)}")
        return Image.open(io.BytesIO(data)).convert("RGB")

    def _fetch(self, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(
            f"{self._address}/{path}", body, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise PeerError(f"ComfyUI refused {path}: {_why_refused(error.read())}") from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise PeerError(
                f"ComfyUI does not answer at {self._address} ({reason}). Start it, or say where it "
                "is with --comfyui."
            ) from None


def graph(drawing: Drawing) -> dict[str, Any]:
    """Text to image, in the form that `POST /prompt` takes: number of a node -> node."""

    def text(words: str) -> dict[str, Any]:
        return {"class_type": "CLIPTextEncode", "inputs": {"text": words, "clip": ["1", 1]}}

    size = {"width": drawing.width, "height": drawing.height, "batch_size": 1}
    sampled = {"seed": drawing.seed, "steps": drawing.steps, "cfg": drawing.guidance, "denoise": 1}
    sampled |= {"sampler_name": drawing.sampler, "scheduler": drawing.scheduler}
    sampled |= {"model": ["1", 0], "positive": ["2", 0], "negative": ["3", 0]}
    return {
        "1": {"class_type": _LOADER, "inputs": {"ckpt_name": drawing.checkpoint}},
        "2": text(drawing.prompt),
        "3": text(drawing.negative),
        "4": {"class_type": "EmptyLatentImage", "inputs": size},
        "5": {"class_type": "KSampler", "inputs": sampled | {"latent_image": ["4", 0]}},
        "6": {"class_type": "VAEDecode", "inputs": {"samples": ["5", 0], "vae": ["1", 2]}},
        "7": {
            "class_type": "SaveImage",
            "inputs": {"images": ["6", 0], "filename_prefix": "benchmark"},
        },
    }


def _why_failed(told: dict[str, Any]) -> str:
    for name, message in told.get("status", {}).get("messages", ()):
        if name == "execution_error":
            return f"{message['node_type']}: {message['exception_message'].strip()}"
    return "it saved no picture"


def _why_refused(body: bytes) -> str:
    """Out of its answer: what is wrong with the graph, then with each of its nodes."""
    try:
        told = json.loads(body)
        reasons = [told["error"]["message"]]
        for node in told.get("node_errors", {}).values():
            reasons += [
                f"{node['class_type']}: {error['message']} ({error['details']})"
                for error in node["errors"]
            ]
        return "; ".join(reasons)
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace").strip() or "it did not say why"
