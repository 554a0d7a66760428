"""How what learns goes down the slope of the loss: the optimiser, and its learning rates."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from diffusers.optimization import get_scheduler

from studio.domain.errors import InvalidRequest
from studio.domain.training import Training

_NEEDS = {"adamw8bit": "bitsandbytes"}


def check(training: Training) -> None:
    """Raises `InvalidRequest` where the optimiser is of a package that is not installed."""
    package = _NEEDS.get(training.optimizer)
    if package and find_spec(package) is None:
        raise InvalidRequest(
            f"{training.optimizer} needs the package {package}, which is not installed. Install it "
            f"(pip install {package}), or choose adamw.",
            "optimizer",
        )


def build(training: Training, groups: Iterable[dict[str, Any]]) -> torch.optim.Optimizer:
    """That of the training; `groups` have "params" and "lr"."""
    if training.optimizer == "prodigy":
        return Prodigy(groups, weight_decay=training.weight_decay)
    if training.optimizer == "adamw8bit":
        theirs = import_module("bitsandbytes.optim")
        return theirs.AdamW8bit(list(groups), weight_decay=training.weight_decay)
    return torch.optim.AdamW(groups, weight_decay=training.weight_decay)


def scheduled(training: Training, optimizer: torch.optim.Optimizer) -> Any:
    """Its learning rates, as `lr_scheduler` of the training says."""
    name = training.lr_scheduler
    if name == "constant" and training.lr_warmup_steps:
        name = "constant_with_warmup"
    return get_scheduler(
        name,
        optimizer,
        num_warmup_steps=training.lr_warmup_steps,
        num_training_steps=training.steps,
    )


class Prodigy(torch.optim.Optimizer):
    """Adam that finds its learning rate by itself (arXiv:2306.06101, algorithm 4).

    From how far the weights went against the gradients it estimates d, the distance to where they
    should be; d is the rate. `lr` is what d is multiplied by, and is 1 where nothing speaks against
    it. d begins at 1e-6, never falls, and is one for all groups.
    """

    def __init__(
        self,
        groups: Any,
        lr: float = 1.0,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
    ) -> None:
        more = {"betas": betas, "eps": 1e-8, "weight_decay": weight_decay, "d": 1e-6, "r": 0.0}
        super().__init__(groups, {"lr": lr, **more})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step; what a `closure` gives is handed on."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        d, gone, length = self.param_groups[0]["d"], self.param_groups[0]["r"], 0.0
        gone *= self.param_groups[0]["betas"][1] ** 0.5
        for group, weight in self._learning():
            state, gradient = self.state[weight], weight.grad.float()
            if not state:
                nothing = torch.zeros_like(weight, dtype=torch.float32)
                state |= {"begin": weight.detach().clone()}
                state |= {name: nothing.clone() for name in ("m", "v", "s")}
            fast, slow = group["betas"]
            root = slow**0.5
            state["m"].mul_(fast).add_(gradient, alpha=(1 - fast) * d)
            state["v"].mul_(slow).addcmul_(gradient, gradient, value=(1 - slow) * d**2)
            share = (1 - root) * group["lr"] * d**2
            gone += share * float((gradient * (state["begin"] - weight)).sum())
            state["s"].mul_(root).add_(gradient, alpha=share)
            length += float(state["s"].abs().sum())
        for group, weight in self._learning():
            state, rate = self.state[weight], group["lr"] * d
            weight.mul_(1 - rate * group["weight_decay"])
            spread = state["v"].sqrt().add_(d * group["eps"])
            weight.addcdiv_(state["m"], spread, value=-rate)
        if length:
            d = max(d, gone / length)
        for group in self.param_groups:
            group["d"], group["r"] = d, gone
        return loss

    def _learning(self) -> Iterable[tuple[dict[str, Any], torch.nn.Parameter]]:
        for group in self.param_groups:
            yield from ((group, each) for each in group["params"] if each.grad is not None)
