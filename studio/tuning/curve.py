"""How the loss went, in as many points as a screen shows."""

from __future__ import annotations

from typing import Any

MOST_POINTS = 600


class Curve:
    """Losses by step: those of learning as means of so many steps as `width` says, which doubles
    when there are too many; those of the validation as they are."""

    def __init__(self, told: dict[str, Any] | None = None) -> None:
        told = told or {}
        self.width: int = told.get("width", 1)
        self.loss: list[tuple[int, float]] = [(s, v) for s, v in told.get("loss", ())]
        self.validation: list[tuple[int, float]] = [(s, v) for s, v in told.get("validation", ())]
        self._last: list[float] = []

    def add(self, step: int, loss: float, validation: float | None) -> None:
        """What came of `step`; what was known from there on did not happen."""
        if self.loss and self.loss[-1][0] >= step:
            self.loss = [point for point in self.loss if point[0] < step]
            self.validation = [point for point in self.validation if point[0] < step]
            self._last = []
        if validation is not None and (not self.validation or self.validation[-1][1] != validation):
            self.validation.append((step, validation))
        self._last.append(loss)
        if len(self._last) < self.width:
            return
        self.loss.append((step, sum(self._last) / len(self._last)))
        self._last = []
        if len(self.loss) >= MOST_POINTS:
            pairs = zip(self.loss[::2], self.loss[1::2], strict=False)
            self.loss = [(b, (one + other) / 2) for (_, one), (b, other) in pairs]
            self.width *= 2

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {"width": self.width, "loss": self.loss, "validation": self.validation}
