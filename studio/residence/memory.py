"""How much memory there is, and how to live with it."""

from __future__ import annotations

import gc
import math
from collections.abc import Mapping
from pathlib import Path

import psutil
import torch

from studio.domain import malloc

GIB = 2**30

MODES = ("device", "offload", "partial", "sequential")
"""From fast to thrifty, with the same pictures. device: all parts stay on the device. offload: only
the part at work is there. partial: of the U-Net what fits is there, and the rest comes block by
block while others are at work. sequential: all of it comes so.

A fifth, "fp8", is never chosen by itself: the U-Net's weights stay on the device in eight bits,
which changes pictures a little."""
RESIDENT = ("device", "fp8")
STREAMED = ("partial", "sequential")

_WORKING_BYTES = 2 * GIB
"""What a run needs besides weights; a guess on the large side for 1024 × 1024 in float16."""


def mode_for(free_bytes: int, sizes: Mapping[str, int]) -> str:
    """The fastest of MODES whose parts, of `sizes` in bytes, fit into `free_bytes`."""
    if fits(sum(sizes.values()), free_bytes):
        return "device"
    return "offload" if fits(max(sizes.values()), free_bytes) else "partial"


def room_for(mode: str, device: torch.device) -> int:
    """Bytes that a backbone's weights may take there in one of STREAMED: in sequential as few as
    it can do with."""
    return free_device_bytes(device) - _WORKING_BYTES if mode == "partial" else 0


def fits(size_bytes: int, free_bytes: int) -> bool:
    """Whether weights of this size leave enough of `free_bytes` to work with. Several runs take
    steps in turn, so what one needs to work with serves all."""
    return size_bytes <= free_bytes - _WORKING_BYTES


def give_back(device: torch.device) -> None:
    """Return what nobody uses to the device, as after running out of memory."""
    gc.collect()
    malloc.give_back()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def thriftier(mode: str) -> str | None:
    """The next of MODES, or None after the last."""
    following = MODES.index(mode) + 1
    return MODES[following] if following < len(MODES) else None


def free_device_bytes(device: torch.device) -> int:
    """What may still be had on `device`, what torch holds in reserve included, and no more than
    torch was told to take of it."""
    if device.type == "cuda":
        free, all_bytes = torch.cuda.mem_get_info(device)
        reserved, taken = torch.cuda.memory_reserved(device), torch.cuda.memory_allocated(device)
        share = torch.cuda.get_per_process_memory_fraction(device)
        return min(free + reserved - taken, int(share * all_bytes) - taken)
    return free_host_bytes()


def all_device_bytes(device: torch.device) -> int:
    """What `device` has, in use or not."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[1]
    limit = _number("/sys/fs/cgroup/memory.max")
    return min(psutil.virtual_memory().total, limit or math.inf)


def free_host_bytes() -> int:
    """What this process may still take without swapping, in a container too; what it has freed and
    kept is given back for that."""
    malloc.give_back()
    free = psutil.virtual_memory().available
    limit, used = _number("/sys/fs/cgroup/memory.max"), _number("/sys/fs/cgroup/memory.current")
    if limit is None or used is None:
        return free
    return min(free, limit - used + (_number_in_stat("inactive_file") or 0))


def host_reserve_bytes() -> int:
    """What is left to everything else on the machine: a tenth of the memory, at least 2 GiB."""
    return max(2 * GIB, psutil.virtual_memory().total // 10)


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text("ascii"))
    except (OSError, ValueError):  # no such file, or "max"
        return None


def _number_in_stat(name: str) -> int | None:
    try:
        lines = Path("/sys/fs/cgroup/memory.stat").read_text("ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith(name + " ")), None)
