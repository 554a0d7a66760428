"""What can be seen of a run while it is drawn."""

from __future__ import annotations

import torch

from studio.diffusion import preview
from studio.diffusion.preview import Frames, Previewer
from studio.domain.events import Preview, Progress
from studio.engine.editing import Shown
from studio.engine.protocol import WantsPreview


class Previewing:
    """The previews of one pass. While one is on its way from the device none is begun, so that no
    step waits for it and what comes is the newest.

    wants    whether one is worth it now
    show     of the models at work
    shown    puts it into the canvas
    profile  that of the canvas
    """

    def __init__(
        self, wants: WantsPreview, show: Previewer, shown: Shown, profile: bytes | None
    ) -> None:
        self._wants, self._show, self._shown, self._profile = wants, show, shown, profile
        self._frames: Frames | None = None
        self._step = 0

    def after(self, progress: Progress, denoised: torch.Tensor) -> tuple[Preview, ...]:
        """What there is to be seen after a step; that of the last step is the picture itself."""
        if progress.step == progress.total:
            return ()
        if self._frames is None and self._wants():
            self._frames, self._step = Frames(self._show(denoised)), progress.step
        if self._frames is None or not self._frames.are_here:
            return ()
        small = self._shown.in_place(self._frames.images())
        self._frames = None
        return (Preview(self._step, preview.as_jpeg(small, self._profile)),)
