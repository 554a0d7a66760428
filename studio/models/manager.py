"""What is in memory: checkpoints are borrowed here, never owned by those who use them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from studio.domain.refs import ModelRef
from studio.models import device as devices
from studio.models.loader import Models, load


class ModelManager:
    """Keeps the checkpoint in use on the device. To be used by the device's one thread only;
    `state` may be read from any.

    `device` and `dtype` as on the command line; both may be "auto".
    """

    def __init__(self, device: str = "auto", dtype: str = "auto") -> None:
        self.device = devices.choose_device(device)
        self.dtype = devices.choose_dtype(dtype, self.device)
        self._models: Models | None = None
        self._loading: tuple[str, float] | None = None

    @property
    def state(self) -> tuple[str | None, str, float]:
        """(checkpoint, "cold" | "loading" | "warm", fraction loaded)."""
        loading, models = self._loading, self._models
        if loading:
            return loading[0], "loading", loading[1]
        return (models.ref.name, "warm", 1.0) if models else (None, "cold", 0.0)

    def prepare(self, ref: ModelRef) -> Iterator[tuple[str, float]]:
        """Bring `ref` onto the device, yielding (stage, fraction) before each part.

        Yields nothing if it is there already. Raises as `loader.load` does; the checkpoint that
        was there before is given up first, so that two need never fit at once.
        """
        if self._models and self._models.ref == ref:
            return
        self.release()
        try:
            for stage, fraction, models in load(ref, self.device, self.dtype):
                self._loading = (ref.name, fraction)
                if models:
                    self._models = models
                else:
                    yield stage, fraction
        finally:
            self._loading = None

    @contextmanager
    def lease(self, ref: ModelRef) -> Iterator[Models]:
        """Borrow `ref`, loading it if need be."""
        for _ in self.prepare(ref):
            pass
        yield self._models

    def release(self) -> None:
        """Give the checkpoint's memory back."""
        self._models = None
        self.free()

    def free(self) -> None:
        """Return what nobody uses to the device, as after running out of memory."""
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
