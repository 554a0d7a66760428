"""Training stage "unet": the U-Net and its text encoder together, on encoded scenes."""

import torch
from diffusers import DDPMScheduler

from studio.picturebook import network, sampling, sheets
from studio.picturebook.export import export_pipeline
from studio.picturebook.layout import LayoutHeads
from studio.picturebook.loading import load_parts
from studio.picturebook.optim import Optimizer
from studio.picturebook.tokenizer import build_tokenizer
from studio.picturebook.training import (
    Average,
    Budget,
    Log,
    autocast,
    learning_rate,
    load_checkpoint,
    plain_norms,
    save_checkpoint,
)

BATCH = 48
RATE, MATRIX_RATE = 1e-3, 0.015
FEW = 48
# Layers at the ends, which learn with AdamW.
PLAIN = ("conv_in", "conv_out", "embedding")
# How much more the loss counts where an object is; the optimum is the same, colours and
# shapes are learnt sooner.
OBJECT_WEIGHT = 2.5
# How much of a batch has timesteps where the layout is decided, from which on they are, the floor
# under the weight of the denoised picture's error there (in units of the SNR), and what the layout
# head's loss counts.
LAYOUT_SHARE, LAYOUT_FROM, LAYOUT_FLOOR, LAYOUT_LOSS = 0.3, 850, 0.2, 0.1

SHEET_PROMPTS = (
    "a red house on the left, on a meadow at sunset, watercolor",
    "an orange boat on the sea by day with the sun",
    "a white cat in the snow at night with the moon",
    "a black castle in the desert at dawn",
    "a purple mushroom in the forest, pixel art",
    "a yellow car in the city on the right in a storm",
    "a green snowman in the snow by day with mountains",
    "a pink flower in the center on a meadow, flat illustration",
    "a blue bird over the sea at sunset",
    "a brown tree on the left in the desert by day",
    "a red balloon on the right, city, night",
    "an orange fish on the sea at dawn, watercolor",
    "a red car on the left and a blue house on the right, on a meadow by day",
    "a yellow star in a night sky",
    "a white lighthouse by the sea in stormy weather with rain",
    "a green tree and a purple cat at sunset in the snow",
)


def loss_weight(snr):
    """What the squared error of the noise counts at these signal-to-noise ratios.

    min-SNR weighting (Hang et al. 2023, gamma 5), and more than that where the noise is most.
    """
    return ((snr.clamp(max=5) + LAYOUT_FLOOR) / snr).clamp(max=12)


def evenly(count, device="cpu"):
    """float32 (count,), 0 to 1, rising: one by chance from each of `count` equal parts."""
    places = torch.arange(count, device=device)
    return (places + torch.rand(count, device=device)) / count


def noised(latents, noise, alphas):
    """Scaled latents with so much noise as the cumulative `alphas` (n,) of a schedule say."""
    alphas = alphas[:, None, None, None]
    return alphas.sqrt() * latents + (1 - alphas).sqrt() * noise


def spread_timesteps(count, device="cpu"):
    """int64 (count,), 0 to 999: LAYOUT_SHARE of them from LAYOUT_FROM up, the rest from all.

    Evenly spread: less noise in the gradient than by chance.
    """
    high = round(LAYOUT_SHARE * count)
    spread = evenly(count, device)
    low, up = spread[: count - high] / (1 - high / count), spread[count - high :]
    up = (up - (1 - high / count)) / max(high / count, 1e-9)
    steps = torch.cat([low * 1000, LAYOUT_FROM + up * (1000 - LAYOUT_FROM)])
    return steps.long().clamp(max=999)


def cell_weights(present):
    """float32 (n, 1, height, width) with mean 1 over a picture, larger where objects are."""
    weights = 1 + (OBJECT_WEIGHT - 1) * present
    return weights / weights.mean(dim=(1, 2, 3), keepdim=True)


class Trainer:
    """The modules of the stage, their optimiser and their average."""

    def __init__(self, settings, tokenizer):
        torch.manual_seed(0)
        self.device = settings.device
        self.tokenizer = tokenizer
        self.unet = network.new_unet(settings.native)
        self.text_encoder = network.new_text_encoder(tokenizer)
        if settings.begin_with:
            held = load_parts(settings.begin_with)
            if held["tokenizer"].get_vocab() != tokenizer.get_vocab():
                raise ValueError(
                    f"The tokenizer in {settings.begin_with} has other ids than today's, of which "
                    "its text encoder would understand nothing. Begin with a model of today's."
                )
            self.unet.load_state_dict(held["unet"].state_dict())
            self.text_encoder.load_state_dict(held["text_encoder"].state_dict())
        self.unet.to(self.device, memory_format=torch.channels_last)
        self.text_encoder.to(self.device)
        if self.device == "cpu":
            # On a CPU the plain formula trains faster on so few places as a caption has.
            self.text_encoder.set_attn_implementation("eager")
        modules = {"unet": self.unet, "text_encoder": self.text_encoder}
        self.average = Average(modules, decay=0.997, every=4)
        # After the average was made: what it samples and exports is the plain network.
        plain_norms(self.unet)
        self.optimizer = Optimizer(
            modules.values(), settings.rate * RATE, settings.rate * MATRIX_RATE, PLAIN
        )
        self.heads = LayoutHeads(self.unet).to(self.device)
        self.heads_optimizer = torch.optim.AdamW(self.heads.parameters(), lr=10 * RATE)
        self.alphas = DDPMScheduler(**network.SCHEDULE).alphas_cumprod.to(self.device)
        self.weights = loss_weight(self.alphas / (1 - self.alphas))
        self.step_count, self.spent_s = 0, 0.0

    def step(self, latents, ids, present, factor):
        """One update on scaled latents (n, 4, h, w), objects `present` (n, 1, h, w) there.

        Returns the loss of the noise and that of the layout.
        """
        timesteps = spread_timesteps(len(latents), self.device)
        noise = torch.randn_like(latents)
        with autocast(self.device):
            states = self.text_encoder(ids).last_hidden_state
            noisy = noised(latents, noise, self.alphas[timesteps])
            predicted = self.unet(noisy, timesteps, states).sample
        error = (predicted.float() - noise).square()
        loss = (error * self.weights[timesteps][:, None, None, None] * cell_weights(present)).mean()
        layout = self.heads.loss(present)
        (loss + LAYOUT_LOSS * layout).backward()
        self.optimizer.step(factor)
        self.heads_optimizer.step()
        self.heads_optimizer.zero_grad()
        self.average.update()
        self.step_count += 1
        return loss.detach(), layout.detach()

    def parts(self, vae):
        """The averaged modules, as the sampler and the export want them."""
        return {**self.average.modules, "vae": vae, "tokenizer": self.tokenizer}

    def state(self, spent_s):
        """What a checkpoint keeps."""
        modules = {"unet": self.unet, "text_encoder": self.text_encoder}
        return {
            "modules": {name: m.state_dict() for name, m in modules.items()},
            "average": {name: m.state_dict() for name, m in self.average.modules.items()},
            "optimizer": self.optimizer.state_dict(),
            "heads": self.heads.state_dict(),
            "step": self.step_count,
            "spent_s": spent_s,
        }

    def load(self, state):
        """Go on from a checkpoint."""
        self.unet.load_state_dict(state["modules"]["unet"])
        self.text_encoder.load_state_dict(state["modules"]["text_encoder"])
        for name, weights in state["average"].items():
            self.average.modules[name].load_state_dict(weights)
        self.optimizer.load_state_dict(state["optimizer"])
        self.heads.load_state_dict(state["heads"])
        self.step_count = self.average.step = state["step"]
        self.spent_s = state["spent_s"]


def places_of(share, rng):
    """How many of a caption's 77 places a batch has, when `share` (0..1) of the budget is spent.

    No caption is longer than FEW; what is left out is padding, to save time. The last fifth of the
    training sees all places, as sampling does.
    """
    return 77 if share > 0.8 or rng.random() < 0.25 else FEW


def _publish(settings, trainer, vae, spent_s, name):
    """Checkpoint, sheet and export of the averaged weights."""
    save_checkpoint(settings.work_dir / "unet.pt", trainer.state(spent_s))
    parts = trainer.parts(vae)
    # The VAE stays as it is: its decoder may have been trained further in the meantime.
    export_pipeline({k: v for k, v in parts.items() if k != "vae"}, settings.out_dir)
    side = settings.native
    pictures = sampling.sample(parts, SHEET_PROMPTS, (side, side))
    sheets.save(settings.work_dir / f"samples-{name}.png", pictures, 4)


def train_unet(settings, vae, examples):
    """Train for settings.seconds on the latents of `vae`; exports now and then.

    `examples` are Examples with "ids", "present" and latents.
    """
    trainer = Trainer(settings, build_tokenizer())
    if settings.resume and (state := load_checkpoint(settings.work_dir / "unet.pt")):
        trainer.load(state)
    budget, batch = Budget(settings.seconds, trainer.spent_s), settings.batch or BATCH
    log, published_s = Log("unet", budget), budget.spent_s()
    while budget.share() < 1:
        bucket, rows = examples.choose(batch)
        ids = examples.captions(bucket, rows, places=places_of(budget.share(), examples.rng))
        present = bucket["present"][rows][:, None].float() / 255
        factor = learning_rate(1, trainer.step_count, budget.share(), warmup=100)
        loss, layout = trainer.step(examples.latents(bucket, rows), ids, present, factor)
        log.add(trainer.step_count, loss, batch, layout=layout)
        if budget.spent_s() - published_s > settings.export_seconds:
            published_s = budget.spent_s()
            _publish(settings, trainer, vae, published_s, round(published_s / 60))
    _publish(settings, trainer, vae, budget.spent_s(), "final")
