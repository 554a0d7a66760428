"""Stage "quick": a LoRA by which picturebook draws in a few steps without guidance.

A consistency model in a few segments (multistep consistency, Heek et al. 2024, arXiv:2403.06807,
with the LCM sampler's own timesteps; LoRA as in LCM-LoRA, Luo et al. 2023, arXiv:2311.05556): the
model as it is goes from the beginning of a segment to its end by DDIM with guidance, and what the
one that learns takes for the picture must be the same at both ends. In the last segment the end is
the picture itself.
"""

import torch
from diffusers import DDPMScheduler

from studio.picturebook import network, sampling, sheets
from studio.picturebook.loading import load_parts
from studio.picturebook.low_rank import add_low_rank, save_low_rank
from studio.picturebook.train_unet import SHEET_PROMPTS, noised
from studio.picturebook.training import (
    MODEL_DIR,
    Average,
    Budget,
    Log,
    autocast,
    learning_rate,
    load_checkpoint,
    plain_norms,
    save_checkpoint,
)

QUICK_PATH = MODEL_DIR.parent / "loras" / "picturebook-quick.safetensors"
BATCH, RANK = 32, 10
RATE = 2e-3
STEPS = 4
GUIDANCE = 6.0
SUBSTEPS = 3  # of DDIM in a segment
HUBER = 0.03  # where the error turns from squared to plain, in units of latents


class Quick:
    """The U-Net of `parts` with a LoRA that learns; without it, it is the one that teaches."""

    def __init__(self, parts, rate=1.0):
        torch.manual_seed(0)
        self.parts, self.unet = parts, plain_norms(parts["unet"])
        self.device = self.unet.device.type
        self.layers = add_low_rank(self.unet, RANK)
        self.learning = torch.nn.ModuleList(self.layers.values()).to(self.device)
        self.average = Average({"layers": self.learning}, decay=0.99, every=2)
        self.optimizer = torch.optim.AdamW(self.learning.parameters(), rate * RATE, weight_decay=0)
        self.rate = rate * RATE
        self.alphas = DDPMScheduler(**network.SCHEDULE).alphas_cumprod.to(self.device)
        timesteps = sampling.few_scheduler(STEPS).timesteps.to(self.device)
        self.starts, self.ends = timesteps, torch.cat([timesteps[1:], timesteps.new_zeros(1)])
        self.step_count = 0

    def _teaching(self, on):
        for layer in self.learning:
            layer.on = not on

    def _picture(self, latents, timesteps, states):
        """What the U-Net takes for the picture, as latents without noise, and the noise."""
        with autocast(self.device):
            noise = self.unet(latents, timesteps, states).sample.float()
        alphas = self.alphas[timesteps][:, None, None, None]
        return (latents - (1 - alphas).sqrt() * noise) / alphas.sqrt(), noise

    @torch.no_grad()
    def _taught(self, latents, starts, ends, states, empty):
        """`latents` at timesteps `starts`, brought to `ends` with guidance."""
        self._teaching(True)
        both = torch.cat([empty, states])
        for k in range(SUBSTEPS):
            now = starts + (ends - starts) * k // SUBSTEPS
            after = starts + (ends - starts) * (k + 1) // SUBSTEPS
            with autocast(self.device):
                noise = self.unet(torch.cat([latents] * 2), torch.cat([now] * 2), both).sample
            away, toward = noise.float().chunk(2)
            noise = away + GUIDANCE * (toward - away)
            alphas = self.alphas[now][:, None, None, None]
            picture = (latents - (1 - alphas).sqrt() * noise) / alphas.sqrt()
            further = self.alphas[after][:, None, None, None]
            latents = further.sqrt() * picture + (1 - further).sqrt() * noise
        self._teaching(False)
        return latents, picture

    def step(self, latents, ids, empty_ids, factor):
        """One update on scaled latents (n, 4, h, w) and the token ids of their captions; returns
        the loss."""
        count = len(latents)
        segment = torch.arange(count, device=self.device) % STEPS
        starts, ends = self.starts[segment], self.ends[segment]
        with torch.no_grad():
            states = self.parts["text_encoder"](ids).last_hidden_state
            empty = self.parts["text_encoder"](empty_ids).last_hidden_state.expand(count, -1, -1)
            noisy = noised(latents, torch.randn_like(latents), self.alphas[starts])
            after, picture = self._taught(noisy, starts, ends, states, empty)
            wanted, _ = self._picture(after, ends, states)
            last = (ends == 0)[:, None, None, None]
            wanted = torch.where(last, picture, wanted)
        found, _ = self._picture(noisy, starts, states)
        loss = ((found - wanted).square() + HUBER**2).sqrt().mean() - HUBER
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.learning.parameters(), 1.0)
        self.optimizer.param_groups[0]["lr"] = self.rate * factor
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.update()
        self.step_count += 1
        return loss.detach()

    def averaged(self):
        """Prefix and module name -> the averaged LowRank."""
        layers = zip(self.layers, self.average.modules["layers"], strict=True)
        return {f"lora_unet_{name}": layer for name, layer in layers}

    def swap(self):
        """The averaged weights in the place of those that learn, and back at the next call."""
        mine, theirs = self.learning.parameters(), self.average.modules["layers"].parameters()
        for one, other in zip(mine, theirs, strict=True):
            one.data, other.data = other.data, one.data

    def state(self, spent_s):
        """What a checkpoint keeps."""
        return {
            "layers": self.learning.state_dict(),
            "average": self.average.modules["layers"].state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step_count,
            "spent_s": spent_s,
        }

    def load(self, state):
        """Go on from a checkpoint."""
        self.learning.load_state_dict(state["layers"])
        self.average.modules["layers"].load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step_count = self.average.step = state["step"]


def _publish(settings, quick, spent_s, path):
    save_checkpoint(settings.work_dir / "quick.pt", quick.state(spent_s))
    save_low_rank(
        quick.averaged(),
        path,
        {
            "modelspec.title": "picturebook-quick",
            "modelspec.description": f"Draws in {STEPS} steps of LCM at guidance scale 1.",
        },
    )
    side = settings.native
    quick.swap()
    pictures = sampling.sample_few(quick.parts, SHEET_PROMPTS, (side, side))
    quick.swap()
    sheets.save(settings.work_dir / "quick.png", pictures, 4)


def train_quick(settings, examples, path=QUICK_PATH):
    """Train for settings.seconds for the model in settings.out_dir; exports to `path`.

    `examples` are Examples with "ids" and latents.
    """
    parts = load_parts(settings.out_dir, settings.device)
    quick = Quick(parts, settings.rate)
    spent_s = 0.0
    if settings.resume and (state := load_checkpoint(settings.work_dir / "quick.pt")):
        quick.load(state)
        spent_s = state["spent_s"]
    empty_ids = torch.full((1, 77), examples.end_id, device=settings.device)
    empty_ids[:, 0] = parts["tokenizer"].bos_token_id
    budget, batch = Budget(settings.seconds, spent_s), settings.batch or BATCH
    log, published_s = Log("quick", budget), budget.spent_s()
    while budget.share() < 1:
        bucket, rows = examples.choose(batch)
        factor = learning_rate(1, quick.step_count, budget.share(), warmup=30)
        ids = examples.captions(bucket, rows)
        loss = quick.step(examples.latents(bucket, rows), ids, empty_ids, factor)
        log.add(quick.step_count, loss, batch)
        if budget.spent_s() - published_s > settings.export_seconds:
            published_s = budget.spent_s()
            _publish(settings, quick, published_s, path)
    _publish(settings, quick, budget.spent_s(), path)
