"""A small batched sampler with diffusers' modules, for sheets and the evaluation."""

import torch
from diffusers import LCMScheduler

from studio.picturebook.network import SCHEDULE, fast_scheduler
from studio.picturebook.tokenizer import token_ids
from studio.picturebook.training import autocast


def few_scheduler(steps):
    """The sampler LCM at so many of the timesteps that `train_quick` distils at."""
    scheduler = LCMScheduler(**SCHEDULE, clip_sample=False, set_alpha_to_one=False)
    scheduler.set_timesteps(steps)
    return scheduler


def sample_few(parts, prompts, size, *, seeds=None, steps=4):
    """`sample` without guidance, for a U-Net that has learnt to do with few `steps`."""
    return _sampled(parts, prompts, size, seeds, few_scheduler(steps))


def sample(parts, prompts, size, *, negative="", seeds=None, steps=20, guidance=5.0):
    """Pictures for `prompts`: float32 tensor (prompts, 3, height, width) in -1..1.

    `parts` has "tokenizer", "text_encoder", "unet" and "vae"; `size` is (width, height) in
    pixels, `negative` one negative prompt for all, `seeds` one integer a prompt.
    """
    scheduler = fast_scheduler()
    scheduler.set_timesteps(steps)
    return _sampled(parts, prompts, size, seeds, scheduler, guidance=guidance, negative=negative)


@torch.no_grad()
def _sampled(parts, prompts, size, seeds, scheduler, *, guidance=1.0, negative=""):
    unet, vae = parts["unet"], parts["vae"]
    device = next(unet.parameters()).device
    guided = guidance != 1
    texts = [*([negative] * len(prompts) if guided else []), *prompts]
    ids = token_ids(parts["tokenizer"], texts).to(device)
    shape = (1, 4, size[1] // 8, size[0] // 8)
    seeds = range(len(prompts)) if seeds is None else seeds
    chance = [torch.Generator().manual_seed(seed) for seed in seeds]
    noise = [torch.randn(shape, generator=one) for one in chance]
    latents = torch.cat(noise).to(device) * scheduler.init_noise_sigma
    more = {"generator": chance} if isinstance(scheduler, LCMScheduler) else {}
    with autocast(device.type):
        states = parts["text_encoder"](ids).last_hidden_state
        for timestep in scheduler.timesteps:
            given = scheduler.scale_model_input(torch.cat([latents] * (1 + guided)), timestep)
            prediction = unet(given, timestep, states).sample.float()
            if guided:
                away, toward = prediction.chunk(2)
                prediction = away + guidance * (toward - away)
            latents = scheduler.step(prediction, timestep, latents, **more).prev_sample
        return vae.decode(latents / vae.config.scaling_factor).sample.float().cpu()
