"""What is told of the machine: enough for a client to see what it talks to, and nothing that is
somebody's own."""

from __future__ import annotations

import json
import platform
from importlib import metadata
from typing import Any

import psutil
from fastapi import APIRouter, Response

from studio.api.caller import Account
from studio.api.sdapi.options import AllOptions
from studio.version import __version__

_PACKAGES = ("torch", "diffusers", "transformers", "gradio", "fastapi", "pillow", "numpy")


def memory() -> dict[str, Any]:
    """In bytes, of the host; what a device has stands at /studio/v1/status."""
    ram = psutil.virtual_memory()
    return {
        "ram": {"free": ram.available, "used": ram.used, "total": ram.total},
        "cuda": {"error": "What the device holds is not told here."},
    }


def flags() -> dict[str, Any]:
    """Nothing of this machine: what was given to the command line is nobody's concern."""
    return {"api": True, "nowebui": False, "api_server_stop": False, "api_log": False}


def add_sysinfo(router: APIRouter, all_options: AllOptions) -> None:
    for name, placed in (("sysinfo", "inline"), ("sysinfo-download", "attachment")):

        @router.get(f"/internal/{name}", response_class=Response)
        def sysinfo(account: Account, attachment: bool = placed == "attachment") -> Response:
            """Versions, processor, memory and the caller's options; no paths, environment or
            command line."""
            told = _told() | {"Config": all_options.get(account).model_dump()}
            where = "attachment" if attachment else "inline"
            return Response(
                json.dumps(told, indent=4, ensure_ascii=False),
                media_type="application/json",
                headers={"Content-Disposition": f'{where}; filename="sysinfo.json"'},
            )


def _told() -> dict[str, Any]:
    ram = psutil.virtual_memory()
    cores = {logical: psutil.cpu_count(logical=logical) for logical in (True, False)}
    nothing = {"Commandline": [], "Environment": {}, "Exceptions": []}
    return nothing | {
        "Platform": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "Version": f"Latent Studio {__version__}",
        "CPU": {
            "model": platform.machine(),
            "count logical": cores[True],
            "count physical": cores[False],
        },
        "RAM": {
            name: f"{bytes / 2**30:.0f}GB"
            for name, bytes in (
                ("total", ram.total),
                ("used", ram.used),
                ("free", ram.available),
            )
        },
        "Extensions": [],
        "Inactive extensions": [],
        "Packages": [f"{name}=={metadata.version(name)}" for name in _PACKAGES],
    }
