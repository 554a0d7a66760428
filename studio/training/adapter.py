"""What learns: something small, put into a checkpoint that else stays as it is."""

from __future__ import annotations

from typing import Any, Protocol

import torch


class Adapter(Protocol):
    """The layers of a LoRA, or the vectors of an embedding.

    changes_texts  whether what is read out of a caption is another after each step
    """

    changes_texts: bool

    def groups(self) -> list[dict[str, Any]]:
        """All that learns, as an optimiser takes it: "params", each group with its "lr"."""
        ...

    def state(self) -> dict[str, Any]:
        """To go on with: tensors, copies in host memory."""
        ...

    def load_state(self, state: dict[str, Any]) -> None: ...

    def exported(self) -> dict[str, torch.Tensor]:
        """The tensors of its file, by the names that other programs read."""
        ...
