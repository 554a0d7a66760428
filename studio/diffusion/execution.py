"""How a backbone is called: as it is (`Eager`), or by a way that answers the same sooner, for calls
of tensors alone, within which Python has nothing to decide.

What changes a call from within is done as it is: ControlNets, image prompts, words that are looked
at and seamless borders, of which a predictor knows, and layers that are streamed or widened, which
`Inside` sees.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Protocol

import torch
from torch import nn
from torch.utils._python_dispatch import _get_current_dispatch_mode

from studio.diffusion import interruption

Tensors = Mapping[str, torch.Tensor]
"""What a call is given, by name."""

Answer = tuple[torch.Tensor, ...]
"""The prediction of a backbone (R, C, h, w), and what else of the call is wanted."""

Call = Callable[[nn.Module, Tensors], Answer]
"""Calls a backbone with them. Another function is another call, whatever it is given."""


class Execution(Protocol):
    """For the device's one thread. `alters`: what it does that answers may differ by in their last
    bits; "" for nothing."""

    alters: str

    def __call__(
        self, backbone: nn.Module, call: Call, given: Tensors, as_it_is: Callable[[], Answer]
    ) -> Answer:
        """What `call(backbone, given)` gives. So does `as_it_is()`, which may know shorter ways
        that Python goes, and can be interrupted. Raises as they do."""
        ...

    def is_settled(self, backbone: nn.Module, call: Call, given: Tensors) -> bool:
        """Whether such calls with tensors of these shapes will go on as they go now."""
        ...

    def forget(self) -> None:
        """Give back what is kept to be quicker: memory has run out."""
        ...


class Eager:
    """Operation after operation, as PyTorch does by itself."""

    alters = ""

    def __call__(
        self, backbone: nn.Module, call: Call, given: Tensors, as_it_is: Callable[[], Answer]
    ) -> Answer:
        return as_it_is()

    def is_settled(self, backbone: nn.Module, call: Call, given: Tensors) -> bool:
        return True

    def forget(self) -> None:
        pass


def shape_of(given: Tensors) -> Hashable:
    """Calls of one shape are of the same operations."""
    return tuple((name, tensor.shape, tensor.dtype) for name, tensor in given.items())


class Inside:
    """The modules within `backbone`, which is not kept alive by this."""

    def __init__(self, backbone: nn.Module) -> None:
        self._modules = [module for module in backbone.modules() if module is not backbone]

    def is_plain(self) -> bool:
        """Whether each does now what its class says, and nothing looks on but what may interrupt
        it, nor is what PyTorch is asked for counted."""
        return _get_current_dispatch_mode() is None and all(map(_is_plain, self._modules))


def _is_plain(module: nn.Module) -> bool:
    own = vars(module)
    before = own["_forward_pre_hooks"]
    return not (
        "forward" in own
        or "_conv_forward" in own
        or own["_forward_hooks"]
        or any(hook is not interruption.look for hook in before.values())
    )
