"""What learns, while it does: steps, tests, and all that going on later takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers.training_utils import EMAModel

from studio.diffusion.conditioning import Text
from studio.domain import errors
from studio.training import optimizers
from studio.training.adapter import Adapter
from studio.training.lessons import Lessons
from studio.training.models import Pictures, Trainee
from studio.training.network import Layers
from studio.training.objective import Objective
from studio.training.vectors import Vectors

_TESTS = 4
"""So many noise levels each picture of the validation is tested at."""


_PRECISIONS = {torch.float32: "no", torch.bfloat16: "bf16", torch.float16: "fp16"}
"""What kohya's trainer calls what is computed with."""
_ADAPTERS = {"lora": Layers, "embedding": Vectors}


class Trainer:
    """The same `lessons` teach `trainee` the same on the same device, stopped in between or not."""

    def __init__(self, lessons: Lessons, trainee: Trainee) -> None:
        self._ref, self._training = lessons.ref, lessons.training
        self._trainee, self._dtype = trainee, lessons.dtype
        self._learnt_from, self._tested_on = lessons.learnt_from, lessons.tested_on
        self._subjects = lessons.subjects()
        self.adapter: Adapter = _ADAPTERS[self._training.kind](trainee, self._training)
        self._texts: dict[str, Text] | None = None
        if not self.adapter.changes_texts:
            of = *(each.pictures for each in self._subjects), self._tested_on
            said = [caption for pictures in of for caption in pictures.captions]
            self._texts = trainee.read_all([*said, ""])
            for module in trainee.text_encoders.values():
                module.to("cpu")
        self._objective = Objective(self._ref, self._training)
        groups = self.adapter.groups()
        self._parameters = [each for group in groups for each in group["params"]]
        self._optimizer = optimizers.build(self._training, groups)
        self._rates = optimizers.scheduled(self._training, self._optimizer)
        # float16 has no numbers for small gradients.
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=self._dtype == torch.float16)
        self._average = None
        if self._training.ema_decay:
            self._average = EMAModel(self._parameters, decay=self._training.ema_decay)
        self._source = torch.Generator().manual_seed(self._training.seed)
        self.step, self.tested = 0, None
        self._best: dict[str, Any] | None = None
        self._losses: list[float] = []
        for subject in self._subjects:
            subject.begin(self.step)

    @property
    def device(self) -> torch.device:
        """Where it learns."""
        return self._trainee.device

    @property
    def rate(self) -> float:
        """The learning rate that the next step has; of a LoRA that of the U-Net's layers."""
        return self._optimizer.param_groups[0]["lr"]

    def learn(self) -> float | None:
        """One step; its loss. None: it is no number, and nothing was changed but the noise. In
        float16 a step whose gradients are too large is left out, and the next ones scaled less."""
        batches = self._training.gradient_accumulation_steps
        total = 0.0
        for part in range(batches):
            for subject in self._subjects:
                places, captions = subject.batch(self.step * batches + part)
                loss = self._answered(subject.pictures, places, captions, self._source)
                loss = loss * (subject.weight / batches)
                if not torch.isfinite(loss):
                    return None
                self._scaler.scale(loss).backward()
                total += loss.item()
        longest = self._training.max_grad_norm or float("inf")
        self._scaler.unscale_(self._optimizer)
        length = torch.nn.utils.clip_grad_norm_(self._parameters, longest)
        if not (torch.isfinite(length) or self._scaler.is_enabled()):
            return None
        self._scaler.step(self._optimizer)
        self._scaler.update()
        if self._scaler.get_scale() < 1:
            return None
        self._rates.step()
        self._optimizer.zero_grad()
        if self._average:
            self._average.step(self._parameters)
        self.step += 1
        self._losses = [*self._losses[-99:], total]
        return total

    def test(self) -> float | None:
        """The loss on the pictures of the validation, always with the same noise; None: there are
        none."""
        if self._tested_on.latents:
            source = torch.Generator().manual_seed(self._training.seed + 1)
            with torch.no_grad():
                found = [
                    self._answered(self._tested_on, [place], [caption], source).item()
                    for place, caption in enumerate(self._tested_on.captions)
                    for _ in range(_TESTS)
                ]
            self.tested = float(np.mean(found))
            if self._best is None or self.tested < self._best["tested"]:
                adapter = self.adapter.state()
                self._best = {"step": self.step, "tested": self.tested, "adapter": adapter}
        return self.tested

    def take_best(self) -> bool:
        """Go back to what did best on the pictures of the validation. False: nothing
        was tested, or they are the present ones."""
        if self._best is None or self._best["step"] == self.step:
            return False
        self.adapter.load_state(self._best["adapter"])
        self.step, self.tested = self._best["step"], self._best["tested"]
        self._average = None
        return True

    def halve_rates(self) -> None:
        """From now on it learns at half the rate."""
        self._rates.base_lrs = [rate / 2 for rate in self._rates.base_lrs]
        for group in self._optimizer.param_groups:
            group["lr"], group["initial_lr"] = group["lr"] / 2, group["initial_lr"] / 2

    def exported(self) -> dict[str, torch.Tensor]:
        """The tensors of the file that comes of it: of the moving average, where there is one."""
        if self._average is None:
            return self.adapter.exported()
        self._average.store(self._parameters)
        self._average.copy_to(self._parameters)
        try:
            return self.adapter.exported()
        finally:
            self._average.restore(self._parameters)

    def told(self) -> dict[str, Any]:
        """What the result says of how it came about."""
        training = self._training
        seen = self.step * training.gradient_accumulation_steps
        return {
            "steps": self.step,
            "epochs": seen // self._subjects[0].batches_of_epoch + 1,
            "loss": float(np.mean(self._losses)) if self._losses else 0.0,
            "resolution": training.resolution,
            "precision": _PRECISIONS[self._dtype],
        }

    def state(self) -> dict[str, Any]:
        """All that going on takes, copies in host memory."""
        return {
            "training": self._training.model_dump(),
            "checkpoint_size": self._ref.file.size_bytes,
            "pictures": self._count,
            "step": self.step,
            "tested": self.tested,
            "best": self._best,
            "losses": list(self._losses),
            "adapter": self.adapter.state(),
            "optimizer": _copied(self._optimizer.state_dict()),
            "rates": _copied(self._rates.state_dict()),
            "scaler": self._scaler.state_dict(),
            "average": _copied(self._average.state_dict()) if self._average else None,
            "source": self._source.get_state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from there. Raises `InvalidRequest` where it is of other pictures or another
        model."""
        if state["pictures"] != self._count:
            raise errors.InvalidRequest(
                f"The training was begun with {state['pictures']} pictures, and there are "
                f"{self._count} now. Put them back, or begin another with --name."
            )
        if state["checkpoint_size"] != self._ref.file.size_bytes:
            raise errors.InvalidRequest(
                f"{self._ref.name} is not the model any more that the training was begun "
                "with. Put it back, or begin another with --name."
            )
        state = _copied(state)
        self.adapter.load_state(state["adapter"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._optimizer.zero_grad()
        self._rates.load_state_dict(state["rates"])
        if self._scaler.is_enabled():
            self._scaler.load_state_dict(state["scaler"])
        if self._average:
            self._average.load_state_dict(state["average"])
            self._average.to(self._trainee.device)
        self._source.set_state(state["source"])
        self.step, self.tested = state["step"], state["tested"]
        self._best = state.get("best")
        self._losses = state["losses"]
        for subject in self._subjects:
            subject.begin(self.step)

    @property
    def _count(self) -> int:
        """Of all pictures that are learnt from."""
        return sum(len(subject.pictures.captions) for subject in self._subjects)

    def _answered(
        self, pictures: Pictures, places: list[int], captions: list[str], source: torch.Generator
    ) -> torch.Tensor:
        device = self._trainee.device
        latents = torch.cat([pictures.latents[place] for place in places]).to(device)
        question = self._objective.question(latents, source)
        is_half = self._dtype != torch.float32
        with torch.autocast(device.type, dtype=self._dtype, enabled=is_half):
            if self._texts is None:
                texts = self._trainee.read(captions)
            else:
                texts = [self._texts[caption] for caption in captions]
            predicted = self._trainee.predict(question.noisy, question.timesteps, texts)
        return question.loss(predicted, pictures.mask(places, device))


def _copied(value: Any) -> Any:
    """`value`, its tensors as copies in host memory."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().clone()
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_copied, value))
    return value
