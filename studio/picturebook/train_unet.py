"""Training stage "unet": the U-Net and its text encoder together, on encoded scenes."""

import numpy as np
import torch
from diffusers import AutoencoderKL, DDPMScheduler
from diffusers.models.attention_processor import AttnProcessor

from studio.picturebook import captions, data, network, sampling, sheets
from studio.picturebook.export import export_pipeline
from studio.picturebook.latents import encode_training_set
from studio.picturebook.layout import LayoutHeads, presence
from studio.picturebook.optim import Optimizer
from studio.picturebook.tokenizer import build_tokenizer, token_ids
from studio.picturebook.training import (
    Average,
    Budget,
    Log,
    autocast,
    learning_rate,
    load_checkpoint,
    save_checkpoint,
)

BATCH = 48
RATE, MATRIX_RATE = 1e-3, 0.015
# Layers at the ends, which learn with AdamW.
PLAIN = ("conv_in", "conv_out", "embedding")
DROPOUT = 0.10
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


def spread_timesteps(count):
    """int64 (count,), 0 to 999: LAYOUT_SHARE of them from LAYOUT_FROM up, the rest from all.

    Evenly spread: less noise in the gradient than by chance.
    """
    high = round(LAYOUT_SHARE * count)
    spread = (torch.arange(count) + torch.rand(count)) / count
    low, up = spread[: count - high] / (1 - high / count), spread[count - high :]
    up = (up - (1 - high / count)) / max(high / count, 1e-9)
    steps = torch.cat([low * 1000, LAYOUT_FROM + up * (1000 - LAYOUT_FROM)])
    return steps.long().clamp(max=999)


def cell_weights(present):
    """float32 (n, 1, height, width) with mean 1 over a picture, larger where objects are."""
    weights = 1 + (OBJECT_WEIGHT - 1) * present
    return weights / weights.mean(dim=(1, 2, 3), keepdim=True)


class Captions:
    """Draws a new caption of a stored scene each time, sometimes none, sometimes distracted."""

    def __init__(self, tokenizer, counts, rng):
        self.tokenizer, self.rng = tokenizer, rng
        self.scenes = [[data.training_scene(bucket, k) for k in range(count)]
                       for bucket, count in enumerate(counts)]  # fmt: skip

    def ids(self, bucket, rows):
        """int64 (rows, 77) for these scenes of a bucket."""
        return token_ids(self.tokenizer, [self._text(self.scenes[bucket][k]) for k in rows])

    def _text(self, scene):
        if self.rng.random() < DROPOUT:
            return ""
        text = scene.caption(self.rng)
        return captions.distracted(text, self.rng) if self.rng.random() < 0.1 else text

    def present(self, bucket, rows, shape):
        """Where objects are in these scenes, as `layout.presence` tells it."""
        return presence([self.scenes[bucket][k] for k in rows], shape)


class Trainer:
    """The modules of the stage, their optimiser and their average."""

    def __init__(self, settings, tokenizer):
        torch.manual_seed(0)
        self.device = settings.device
        self.tokenizer = tokenizer
        self.unet = network.new_unet(settings.native)
        self.text_encoder = network.new_text_encoder(tokenizer)
        if self.device == "cpu":
            # On a CPU the plain formula trains faster than the fused attention kernel.
            self.unet.set_attn_processor(AttnProcessor())
            self.text_encoder.set_attn_implementation("eager")
        self.unet.to(self.device, memory_format=torch.channels_last)
        self.text_encoder.to(self.device)
        modules = {"unet": self.unet, "text_encoder": self.text_encoder}
        self.average = Average(modules, decay=0.99, every=4)
        self.optimizer = Optimizer(modules.values(), RATE, MATRIX_RATE, PLAIN)
        self.heads = LayoutHeads(self.unet).to(self.device)
        self.heads_optimizer = torch.optim.AdamW(self.heads.parameters(), lr=10 * RATE)
        self.schedule = DDPMScheduler(**network.SCHEDULE)
        alphas = self.schedule.alphas_cumprod
        self.snr = alphas / (1 - alphas)
        self.step_count, self.spent_s = 0, 0.0

    def step(self, latents, ids, present, factor):
        """One update on scaled latents (n, 4, h, w), objects `present` (n, 1, h, w) there.

        Returns the loss of the noise and that of the layout.
        """
        count = len(latents)
        timesteps = spread_timesteps(count)
        noise = torch.randn_like(latents)
        noisy = self.schedule.add_noise(latents, noise, timesteps)
        device = self.device
        with autocast(device):
            states = self.text_encoder(ids.to(device)).last_hidden_state
            predicted = self.unet(noisy.to(device), timesteps.to(device), states).sample
        error = (predicted.float() - noise.to(device)).square()
        each = loss_weight(self.snr[timesteps])[:, None, None, None] * cell_weights(present)
        loss = (error * each.to(device)).mean()
        layout = self.heads.loss(present.to(device))
        (loss + LAYOUT_LOSS * layout).backward()
        self.optimizer.step(factor)
        self.heads_optimizer.step()
        self.heads_optimizer.zero_grad()
        self.average.update()
        self.step_count += 1
        return loss.item(), layout.item()

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


def shortened(ids, share, rng, end_id):
    """Cut the padding that is only padding, to save time, in three of four batches.

    The last fifth of the training sees all 77 places, as sampling does.
    """
    if share > 0.8 or rng.random() < 0.25:
        return ids
    words = int((ids != end_id).sum(1).max()) + 1
    return ids[:, : min(77, -(-(words + 2) // 8) * 8)]


def _publish(settings, trainer, vae, spent_s, name):
    """Checkpoint, sheet and export of the averaged weights."""
    save_checkpoint(settings.work_dir / "unet.pt", trainer.state(spent_s))
    parts = trainer.parts(vae)
    # The VAE stays as it is: its decoder may have been trained further in the meantime.
    export_pipeline({k: v for k, v in parts.items() if k != "vae"}, settings.out_dir)
    side = settings.native
    pictures = sampling.sample(parts, SHEET_PROMPTS, (side, side))
    sheets.save(settings.work_dir / f"samples-{name}.png", pictures, 4)


def train_unet(settings, arrays):
    """Train for settings.minutes with the VAE in settings.out_dir; exports now and then.

    `arrays` are the pictures of `data.draw_training_set`, one array per bucket.
    """
    vae = AutoencoderKL.from_pretrained(settings.out_dir / "vae", torch_dtype=torch.float32)
    vae.to(settings.device, memory_format=torch.channels_last).requires_grad_(False)
    folder = settings.work_dir / "data"
    latents = encode_training_set(vae, arrays, folder, settings.device)
    trainer = Trainer(settings, build_tokenizer())
    if settings.resume and (state := load_checkpoint(settings.work_dir / "unet.pt")):
        trainer.load(state)
    rng = np.random.default_rng((4, trainer.step_count))
    counts = [len(array) for array in latents]
    texts = Captions(trainer.tokenizer, counts, rng)
    chances = np.array(counts) / sum(counts)
    budget = Budget(settings.minutes, trainer.spent_s)
    log, published_s = Log("unet", budget), budget.spent_s()
    while budget.share() < 1:
        bucket = int(rng.choice(len(latents), p=chances))
        rows = rng.integers(counts[bucket], size=BATCH)
        batch = torch.from_numpy(latents[bucket][rows]).float()
        batch = batch.contiguous(memory_format=torch.channels_last)
        ids = texts.ids(bucket, rows)
        ids = shortened(ids, budget.share(), rng, trainer.tokenizer.eos_token_id)
        present = texts.present(bucket, rows, batch.shape[2:])
        factor = learning_rate(1, trainer.step_count, budget.share(), warmup=100)
        loss, layout = trainer.step(batch, ids, present, factor)
        log.add(trainer.step_count, loss, BATCH, layout=layout)
        if budget.spent_s() - published_s > 60 * settings.export_minutes:
            published_s = budget.spent_s()
            _publish(settings, trainer, vae, published_s, round(published_s / 60))
    _publish(settings, trainer, vae, budget.spent_s(), "final")
