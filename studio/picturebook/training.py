"""What all training stages share: the time budget, averaged weights, checkpoints, logging."""

import copy
import math
import os
import time
from dataclasses import dataclass, fields
from functools import cache, partial
from pathlib import Path

import torch
from torch.nn import functional

MODEL_DIR = Path(__file__).resolve().parents[2] / "assets" / "models" / "picturebook"


@dataclass(frozen=True)
class Settings:
    """How to train: `device`, seconds for each stage, folders, native size in pixels.

    The VAE learns from `scenes` drawn scenes, the U-Net from the first `encoded` of them. A stage
    goes on from its checkpoint with `resume`, the U-Net from an exported model in `begin_with`.
    `batch` 0 is the stage's own; `rate` multiplies its learning rates, less than 1 to go on from
    what has learnt already.
    """

    device: str
    seconds: float
    work_dir: Path
    out_dir: Path
    native: int = 256
    scenes: int = 48_000
    encoded: int = 24_000
    resume: bool = False
    begin_with: Path | None = None
    quick: Path | None = None
    batch: int = 0
    rate: float = 1.0
    export_seconds: float = 600.0


def training_options(arguments):
    """Add to a command line what all stages understand; `settings_of` reads it."""
    arguments.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments.add_argument("--scenes", type=int, default=48_000, help="scenes to draw")
    arguments.add_argument(
        "--encoded", type=int, default=24_000, help="scenes to learn from as latents"
    )
    arguments.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    arguments.add_argument("--batch", type=int, default=0, help="0 = the stage's own")
    arguments.add_argument("--rate", type=float, default=1.0, help="times the learning rates")
    arguments.add_argument("--work-dir", type=Path, default=Path("picturebook-training"))
    arguments.add_argument("--export-seconds", type=float, default=600, help="between exports")
    arguments.add_argument("--threads", type=int, default=0, help="CPU threads, 0 = all")


def settings_of(options):
    """The Settings of a parsed command line, its `--threads` seen to."""
    if options.threads:
        torch.set_num_threads(options.threads)
    names = [field.name for field in fields(Settings) if hasattr(options, field.name)]
    return Settings(out_dir=options.out, **{name: getattr(options, name) for name in names})


class Budget:
    """Counts the seconds a stage has trained, over several runs if it was resumed."""

    def __init__(self, seconds, spent_s=0.0):
        self.total_s = seconds
        self._before_s = spent_s
        self._start = time.monotonic()

    def spent_s(self):
        """Seconds trained so far."""
        return self._before_s + time.monotonic() - self._start

    def share(self):
        """The part of the budget that is used up, 0..1."""
        return min(1.0, self.spent_s() / self.total_s)


def learning_rate(peak, step, share, warmup=200):
    """Linear warm-up over `warmup` steps, then a cosine down to 1 % over the time budget."""
    down = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share))
    return peak * min(1.0, (step + 1) / warmup) * down


class Average:
    """An exponential moving average of modules' weights, with a fast start.

    `decay` is per step; the average is brought up to date every `every` steps.
    """

    def __init__(self, modules, decay=0.999, every=1):
        self.decay, self.every = decay, every
        self.step = 0
        self.sources = modules
        self.modules = {name: copy.deepcopy(m).requires_grad_(False) for name, m in modules.items()}

    @torch.no_grad()
    def update(self):
        """Take in the present weights."""
        self.step += 1
        if self.step % self.every:
            return
        updates = self.step // self.every
        decay = min(self.decay**self.every, (1 + updates) / (10 + updates))
        for name, module in self.sources.items():
            mine, theirs = list(self.modules[name].parameters()), list(module.parameters())
            torch._foreach_lerp_(mine, [p.detach() for p in theirs], 1 - decay)


class Log:
    """Prints a line every `every_s` seconds: loss, samples a second, time left."""

    def __init__(self, stage, budget, every_s=15.0):
        self.stage, self.budget, self.every_s = stage, budget, every_s
        self._last, self._samples, self._loss, self._steps = time.monotonic(), 0, 0.0, 0

    def add(self, step, loss, samples, **more):
        """Count one step; `loss` and `more` tensors of one number each, read only when a line is
        printed, since a GPU would be waited for; `samples` how many it saw."""
        self._samples += samples
        self._loss += loss
        self._steps += 1
        now = time.monotonic()
        if now - self._last < self.every_s:
            return
        speed = self._samples / (now - self._last)
        left = self.budget.total_s - self.budget.spent_s()
        bar = "#" * round(20 * self.budget.share())
        extra = "".join(f" {name} {float(value):.4g}" for name, value in more.items())
        loss = float(self._loss) / self._steps
        print(
            f"{self.stage} [{bar:<20}] step {step} loss {loss:.4f}{extra} "
            f"{speed:.1f} samples/s, {left / 60:.1f} min left",
            flush=True,
        )
        self._last, self._samples, self._loss, self._steps = now, 0, 0.0, 0


def save_checkpoint(path, state):
    """Write `state` so that a crash leaves the old checkpoint whole."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    os.replace(temporary, path)


def load_checkpoint(path):
    """The state last saved at `path`, or None."""
    path = Path(path)
    return torch.load(path, weights_only=True, map_location="cpu") if path.exists() else None


def autocast(device):
    """bfloat16 for the heavy operations where the hardware multiplies matrices in it faster: GPUs,
    and CPUs that `bfloat16_is_fast` finds so."""
    kind = device.split(":")[0]
    fast = kind != "cpu" or bfloat16_is_fast()
    return torch.autocast(kind, dtype=torch.bfloat16, enabled=fast)


@cache
def bfloat16_is_fast(side=768):
    """Whether this CPU multiplies matrices of bfloat16 in less than 3/4 of the time of float32.

    Looked at, because what a CPU can do does not say it: with AVX-512's bfloat16 but without AMX,
    an AMD EPYC trained in 0.64 of the time, an Intel Xeon in 1.4 times as long.
    """
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        matrix = torch.ones(side, side, dtype=dtype)
        seconds[dtype] = min(_seconds(matrix) for _ in range(4))
    return seconds[torch.bfloat16] < 0.75 * seconds[torch.float32]


def _seconds(matrix):
    start = time.perf_counter()
    matrix @ matrix
    return time.perf_counter() - start


def plain_norms(module):
    """Let the norms in `module` compute in whatever they are given; returns `module`.

    Autocast would have them in float32, and what follows them too. A GPU then spends most of a
    small network's step on moving numbers of four bytes; the sums inside a norm are float32 anyway.
    """
    for norm in module.modules():
        if isinstance(norm, torch.nn.GroupNorm | torch.nn.LayerNorm):
            norm.forward = partial(_norm, norm)
    return module


def _norm(norm, features):
    weight, bias = norm.weight.to(features.dtype), norm.bias.to(features.dtype)
    with torch.autocast(features.device.type, enabled=False):
        if isinstance(norm, torch.nn.GroupNorm):
            return functional.group_norm(features, norm.num_groups, weight, bias, norm.eps)
        return functional.layer_norm(features, norm.normalized_shape, weight, bias, norm.eps)
