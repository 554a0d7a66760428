"""The blocks that a backbone repeats, and then its calls as a whole if that is wished, compiled by
torch's inductor while calls go on as they are.

Compiling takes up to minutes. It is done in a thread of its own, with tensors of the shapes that
were seen; until that is done, and wherever it fails, calls are done as they are. What comes of it
is kept in inductor's folder, from which the next start takes it in seconds.
"""

from __future__ import annotations

import copy
import logging
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from studio.diffusion.execution import Answer, Call, Inside, Tensors, shape_of
from studio.domain.imports import IMPORTING

log = logging.getLogger(__name__)

FIRST = 3
"""The call of a shape at which it begins: who foretells memory makes two of sizes that nobody
draws."""

_COMPILERS = {"cpu": ("CXX", "g++", "clang++", "cl"), "cuda": ("CC", "gcc", "clang", "cc")}
"""Device -> the variable that names a compiler, and what it is called. On a GPU it joins what
Triton has made to Python."""

_MOST_VERSIONS = 64
"""Of one kind of block: one for each width of layers and kind of call. Torch's own limit is 8."""


def what_is_missing(device: torch.device) -> str | None:
    """Why nothing can be compiled for `device`; None: it seems that it can."""
    if device.type not in _COMPILERS:
        return f"there is no compiler for {device.type}"
    variable, *names = _COMPILERS[device.type]
    named = os.environ.get(variable)
    if not any(map(shutil.which, [named] if named else names)):
        return f"this machine has no compiler ({named or ', '.join(names)})"
    return None


class Compiled:
    """An `Execution`. Between calls nothing of it stays on the blocks: all else finds the backbone
    as it is. `wholes`: calls as a whole too, once their blocks are. `backend` is one of
    `torch.compile`'s."""

    def __init__(self, backend: str = "inductor", *, wholes: bool = False) -> None:
        self._backend, self._wholes = backend, wholes
        self.alters = "compiled" if wholes else "blocks compiled"
        self._kept: WeakKeyDictionary[nn.Module, _Blocks] = WeakKeyDictionary()
        self._thread: threading.Thread | None = None

    def __call__(
        self, backbone: nn.Module, call: Call, given: Tensors, as_it_is: Callable[[], Answer]
    ) -> Answer:
        blocks, shape = self._blocks_of(backbone), shape_of(given)
        if self._is_at_work() or blocks.is_given_up or not blocks.inside.is_plain():
            return as_it_is()
        # What was not foreseen is done as it is, instead of being compiled while all wait.
        if (whole := blocks.wholes.get((call, shape))) is not None:
            with torch.compiler.set_stance("eager_on_recompile"):
                return whole(given)
        if shape in blocks.ready:
            if self._wholes and (call, shape) not in blocks.refused:
                self._begin(_compile_whole, blocks, call, given, _twin_without_looks(backbone))
                return as_it_is()
            with blocks.lent(), torch.compiler.set_stance("eager_on_recompile"):
                return call(backbone, given)
        blocks.calls[shape] += 1
        if blocks.calls[shape] < FIRST:
            return as_it_is()
        with blocks.watched() as seen:
            answer = as_it_is()
        self._begin(_compile, blocks, shape, seen)
        return answer

    def is_settled(self, backbone: nn.Module, call: Call, given: Tensors) -> bool:
        blocks, shape = self._blocks_of(backbone), shape_of(given)
        is_decided = blocks.is_given_up or shape in blocks.ready
        if self._wholes and not blocks.is_given_up:
            is_decided = (call, shape) in blocks.wholes or (call, shape) in blocks.refused
        return is_decided and not self._is_at_work()

    def forget(self) -> None:
        """What is compiled takes none of the device's memory."""

    def wait(self, timeout_s: float | None = None) -> None:
        """Until what is being compiled is done."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _begin(self, work: Callable[..., None], *args: object) -> None:
        self._thread = threading.Thread(target=work, args=args, name="compiling", daemon=True)
        self._thread.start()

    def _is_at_work(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _blocks_of(self, backbone: nn.Module) -> _Blocks:
        blocks = self._kept.get(backbone)
        if blocks is None:
            blocks = self._kept[backbone] = _Blocks(backbone, self._backend)
        return blocks


@dataclass(frozen=True)
class _Given:
    """One call of a block, tensors told as `_Like`."""

    block: nn.Module
    args: tuple[Any, ...]
    named: dict[str, Any]


@dataclass(frozen=True)
class _Like:
    """A tensor without what is in it."""

    size: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device

    @classmethod
    def of(cls, value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        return cls(value.size(), value.stride(), value.dtype, value.device)

    @staticmethod
    def made(value: Any) -> Any:
        if not isinstance(value, _Like):
            return value
        made = torch.empty_strided(value.size, value.stride, dtype=value.dtype, device=value.device)
        return made.zero_()


class _Blocks:
    """Those that `backbone` repeats, as diffusers lists them.

    calls        how often calls of a shape were asked for that is not ready
    ready        the shapes of calls for which they are compiled
    wholes       what does calls of a shape that are compiled as a whole
    refused      such that cannot be
    is_given_up  they cannot be
    """

    def __init__(self, backbone: nn.Module, backend: str) -> None:
        self.backend = backend
        names = getattr(backbone, "_repeated_blocks", None) or ()
        self._blocks = [each for each in backbone.modules() if type(each).__name__ in names]
        self.inside = Inside(backbone)
        self.calls: Counter[Hashable] = Counter()
        self.ready: set[Hashable] = set()
        self.wholes: dict[tuple[Call, Hashable], Callable[[Tensors], Answer]] = {}
        self.refused: set[tuple[Call, Hashable]] = set()
        self.is_given_up = not self._blocks
        self._twins: dict[nn.Module, nn.Module] = {}
        self._forwards: dict[nn.Module, Callable[..., Any]] = {}

    @contextmanager
    def watched(self) -> Iterator[list[_Given]]:
        """What they are called with meanwhile."""
        seen: list[_Given] = []

        def see(block: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
            told = {name: _Like.of(value) for name, value in named.items()}
            seen.append(_Given(block, tuple(map(_Like.of, args)), told))

        hooks = [block.register_forward_pre_hook(see, with_kwargs=True) for block in self._blocks]
        try:
            yield seen
        finally:
            for hook in hooks:
                hook.remove()
        self._twins = self._twins or {block: _twin(block) for block in self._blocks}

    def compiled(self, block: nn.Module) -> Callable[..., Any]:
        """Its `forward`, and not its call: what looks on from outside stays outside."""
        forward = self._forwards.get(block)
        if forward is None:
            forward = torch.compile(
                self._twins[block].forward, fullgraph=True, backend=self.backend
            )
            self._forwards[block] = forward
        return forward

    @contextmanager
    def lent(self) -> Iterator[None]:
        """For one call of the backbone; after it that is as it was, whatever happened."""
        try:
            for block, forward in self._forwards.items():
                block.forward = forward
            yield
        finally:
            for block in self._forwards:
                vars(block).pop("forward", None)


def _twin(block: nn.Module) -> nn.Module:
    """A module of the same parameters, at which nobody changes anything: what is read of it while
    it is compiled must not be what calls that go on have put there."""
    return copy.deepcopy(block, {id(each): each for each in block.parameters()})


def _twin_without_looks(backbone: nn.Module) -> nn.Module:
    """Its compiled call cannot be ended from within."""
    twin = _twin(backbone)
    for module in twin.modules():
        module._forward_pre_hooks.clear()
    return twin


def _compile(blocks: _Blocks, shape: Hashable, seen: Sequence[_Given]) -> None:
    """In a thread of its own. The weights are only read, and what they make of zeros is dropped."""
    begun_s = time.monotonic()
    try:
        _import_dynamo()
        with torch.inference_mode():
            for each in seen:
                named = {name: _Like.made(value) for name, value in each.named.items()}
                blocks.compiled(each.block)(*map(_Like.made, each.args), **named)
    except Exception as error:
        blocks.is_given_up = True
        _say(error, "Pictures are drawn without, as before.")
    else:
        blocks.ready.add(shape)
        log.info("compiled %d blocks in %.0f s", len(seen), time.monotonic() - begun_s)


def _compile_whole(blocks: _Blocks, call: Call, given: Tensors, twin: nn.Module) -> None:
    """As `_compile`; `given` are only looked at."""
    begun_s, kind = time.monotonic(), (call, shape_of(given))
    zeros = {name: _Like.made(_Like.of(tensor)) for name, tensor in given.items()}
    try:
        _import_dynamo()
        with torch.inference_mode():
            whole = torch.compile(
                lambda given: call(twin, given),
                fullgraph=True,
                dynamic=False,
                backend=blocks.backend,
            )
            whole(zeros)
    except Exception as error:
        blocks.refused.add(kind)
        _say(error, "Such calls are done with compiled blocks.")
    else:
        blocks.wholes[kind] = whole
        log.info("compiled a call as a whole in %.0f s", time.monotonic() - begun_s)


def _import_dynamo() -> None:
    with IMPORTING:
        import torch._dynamo
    torch._dynamo.config.recompile_limit = _MOST_VERSIONS  # of this thread alone


def _say(error: Exception, instead: str) -> None:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    log.warning("compile: %s. %s", reason, instead)
    log.debug("compile", exc_info=error)
