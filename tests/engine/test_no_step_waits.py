"""No step of a run asks the device for a value: a GPU is told what to do next before it is done."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from studio.domain import events
from studio.engine import pace, previewing
from studio.engine.pace import AHEAD, Pace
from tests import models_in_memory
from tests.engine import pictures as scenes
from tests.engine import tiny_models
from tests.engine.running import settled

WAITING = {
    getattr(torch.Tensor, name)
    for name in (
        *("__array__", "__bool__", "__float__", "__index__", "__int__", "allclose", "cpu"),
        *("equal", "is_nonzero", "item", "nonzero", "numpy", "tolist"),
    )
} | {torch.allclose, torch.equal, torch.is_nonzero, torch.nonzero}
"""What needs the values themselves."""


class OfTheDevice(TorchDispatchMode):
    """Knows the tensors that would be a GPU's: a module's weights, and all that is made of them."""

    def __init__(self) -> None:
        super().__init__()
        self._known: set[StorageWeakRef] = set()

    def add(self, tensors: Any) -> None:
        for each in tree_leaves(tensors):
            if isinstance(each, torch.Tensor):
                self._known.add(StorageWeakRef(each.untyped_storage()))

    def has(self, tensors: Any) -> bool:
        return any(
            isinstance(each, torch.Tensor) and StorageWeakRef(each.untyped_storage()) in self._known
            for each in tree_leaves(tensors)
        )

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        if self.has((args, kwargs or {})):
            self.add(made)
        return made


class Waits(TorchFunctionMode):
    """Counts what waits for tensors `of_the_device`, unless it is `off`."""

    def __init__(self, of_the_device: OfTheDevice) -> None:
        super().__init__()
        self._of_the_device, self.off = of_the_device, False
        self.counted: Counter[str] = Counter()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in WAITING and not self.off and self._of_the_device.has(args):
            self.counted[func.__name__] += 1
        return func(*args, **(kwargs or {}))


@pytest.fixture
def engine():
    return models_in_memory.engine(read=lambda name: tiny_models.as_png(scenes.scene((64, 64), 3)))


def waits_of(engine, monkeypatch, **fields) -> Counter[str]:
    """What waits between the first step and the last of a run that is watched."""
    device = OfTheDevice()
    waits = Waits(device)

    class Frames(previewing.Frames):
        """On a GPU it copies without waiting, and is asked for no more than what came."""

        def __init__(self, shown: torch.Tensor) -> None:
            waits.off = True
            super().__init__(shown)
            waits.off = False

        def images(self) -> list:
            waits.off = True
            found = super().images()
            waits.off = False
            return found

    monkeypatch.setattr(previewing, "Frames", Frames)
    with models_in_memory.manager("float32").lease(models_in_memory.picturebook()) as models:
        device.add(list(models.backbone.parameters()))
    request = settled(
        **{"prompt": "a red house", "seed": 3, "steps": 4, "width": 64, "height": 64, **fields}
    )
    run, shown, counted = engine.open(request, lambda: True), 0, None
    while not run.done:
        with device, waits:
            happened = [event for _, event in engine.advance([run])]
        shown += sum(isinstance(event, events.Preview) for event in happened)
        for event in happened:
            if isinstance(event, events.Progress) and event.step == 1:
                waits.counted.clear()
            if isinstance(event, events.Progress) and event.step == event.total:
                counted = waits.counted.copy()
    assert isinstance(event, events.Finished), event
    assert shown == request.steps - 1
    assert waits.counted - counted, "the picture itself is waited for"
    return counted


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"scheduler": "Euler a", "guidance_rescale": 0.5, "batch_size": 2},
        {"prompt": "a red house AND a boat", "scheduler": "DPM++ 2M SDE"},
        {"steps": 10, "approximate": True},
    ],
)
def test_no_step_waits_for_the_device(engine, monkeypatch, fields):
    assert not waits_of(engine, monkeypatch, **fields)


class Event:
    def __init__(self, done: list[int], number: int) -> None:
        self._done, self._number = done, number

    def synchronize(self) -> None:
        self._done.append(self._number)


def test_who_asks_for_steps_stays_near_the_device(monkeypatch):
    done, numbers = [], iter(range(9))
    monkeypatch.setattr(pace, "asked_so_far", lambda device: Event(done, next(numbers)))
    kept = Pace(torch.device("cuda"))
    for step in range(6):
        kept.after_step()
        assert done == list(range(step - AHEAD + 1))
