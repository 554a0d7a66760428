"""Which jobs are worth drawing together: those whose steps can be made by one call."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from studio.domain.errors import StudioError
from studio.domain.geometry import CELL
from studio.domain.refs import Selection
from studio.domain.request import GenerationRequest
from studio.engine.driver import Driver
from studio.engine.recipe import Select
from studio.engine.run import StableDiffusionRun
from studio.residence.manager import ModelManager

MOST = 16
"""So many at once, whatever the device."""

CPU_CELLS = 8192
"""Latent cells that a call may have on a CPU, all rows together. Below that a call of many rows
takes less time than many calls, above it is the same: `studio bench together`."""


class Joining:
    """For the device and dtype of `manager`; `driver` knows what fits. `together` jobs at once are
    allowed; None: as many as it pays for, where pictures stay what they are alone."""

    def __init__(
        self, manager: ModelManager, driver: Driver, select: Select, together: int | None
    ) -> None:
        self._device, self._driver = manager.device, driver
        self._is_exact = manager.dtype != torch.bfloat16  # which differs by 5 of 255 here and there
        self._select, self._together = select, together
        self._asked: tuple[GenerationRequest, Selection | None] | None = None

    def admits(self, request: GenerationRequest, runs: Sequence[StableDiffusionRun]) -> bool:
        """Whether `request` is to be drawn together with `runs`, at least one."""
        if len(runs) >= (self._together or MOST) or not self._shares(request, runs):
            return False
        if self._together is not None:
            return True
        if not self._is_exact:
            return False
        if self._device.type == "cuda":
            return self._driver.has_room(_rows(request), runs)
        cells = [_rows(one) * one.width * one.height for one in _requests(request, runs)]
        return self._device.type == "cpu" and sum(cells) <= CPU_CELLS * CELL**2

    def _shares(self, request: GenerationRequest, runs: Sequence[StableDiffusionRun]) -> bool:
        sizes = {(one.width, one.height) for one in _requests(request, runs)}
        if len(sizes) > 1:
            return False
        wanted = self._selection(request)
        return wanted is not None and all(run.selection == wanted for run in runs)

    def _selection(self, request: GenerationRequest) -> Selection | None:
        """None where it draws nothing, or where there is none: it fails by itself, and says why.
        Asked again at each step."""
        if not request.draws:
            return None
        if self._asked is None or self._asked[0] is not request:
            try:
                self._asked = request, self._select(request)
            except StudioError:
                self._asked = request, None
        return self._asked[1]


def _requests(
    request: GenerationRequest, runs: Sequence[StableDiffusionRun]
) -> list[GenerationRequest]:
    return [request, *(run.request for run in runs)]


def _rows(request: GenerationRequest) -> int:
    return request.batch_size * (2 if request.guidance_scale > 1 else 1)
