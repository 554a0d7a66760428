"""Which device computes, and in which number format."""

from __future__ import annotations

import torch

from studio.domain.errors import InvalidRequest

_DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}


def choose_device(wanted: str = "auto") -> torch.device:
    """`wanted` is auto, cuda, cuda:1, mps or cpu; auto takes the best there is.

    Raises `InvalidRequest` if the machine has no such device.
    """
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda:0")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise InvalidRequest(
            f"device: {wanted!r} is unknown. Use auto, cuda, cuda:1, mps or cpu."
        ) from None
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(device.type, False):
        raise InvalidRequest(f"device: this machine has no {wanted}. Use auto to take what it has.")
    return device


def choose_dtype(wanted: str, device: torch.device) -> torch.dtype:
    """`wanted` is auto, float16, bfloat16 or float32.

    auto is float16 on a GPU; on a CPU bfloat16 where it multiplies matrices in it (AMX), else
    float32: with AVX-512's bfloat16 alone, convolutions took twice as long as in float32.
    """
    if wanted == "auto":
        if device.type != "cpu":
            return torch.float16
        amx = torch.cpu.get_capabilities().get("amx_bf16")
        return torch.bfloat16 if amx else torch.float32
    if wanted not in _DTYPES:
        raise InvalidRequest(f"dtype: {wanted!r} is unknown. Use auto, {', '.join(_DTYPES)}.")
    return _DTYPES[wanted]


def describe(device: torch.device) -> str:
    """For people: 'NVIDIA H100', 'Apple GPU' or 'CPU (2 threads)'."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple GPU"
    return f"CPU ({torch.get_num_threads()} threads)"


def kernels(device: torch.device) -> str:
    """What the device's arithmetic is compiled for, as "AVX512": one and the same rounds in one
    way. "" where there is but one."""
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        return f"CUDA {torch.version.cuda}, capability {major}.{minor}"
    return torch.backends.cpu.get_cpu_capability() if device.type == "cpu" else ""


def itemsize(dtype: str) -> int:
    """Bytes of a number that is stored as `dtype`, as a header calls it; 2 where it does not."""
    stored = getattr(torch, dtype, None) if dtype else None
    return stored.itemsize if isinstance(stored, torch.dtype) else 2
