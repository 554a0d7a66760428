"""A small batched sampler with diffusers' modules, for sheets and the evaluation."""

import torch

from studio.picturebook.network import fast_scheduler
from studio.picturebook.tokenizer import token_ids
from studio.picturebook.training import autocast


@torch.no_grad()
def sample(parts, prompts, size, *, negative="", seeds=None, steps=20, guidance=5.0):
    """Pictures for `prompts`: float32 tensor (prompts, 3, height, width) in -1..1.

    `parts` has "tokenizer", "text_encoder", "unet" and "vae"; `size` is (width, height) in
    pixels, `negative` one negative prompt for all, `seeds` one integer a prompt.
    """
    unet, vae = parts["unet"], parts["vae"]
    device = next(unet.parameters()).device
    scheduler = fast_scheduler()
    scheduler.set_timesteps(steps)
    ids = token_ids(parts["tokenizer"], [negative] * len(prompts) + list(prompts)).to(device)
    shape = (1, 4, size[1] // 8, size[0] // 8)
    seeds = range(len(prompts)) if seeds is None else seeds
    noise = [torch.randn(shape, generator=torch.Generator().manual_seed(s)) for s in seeds]
    latents = torch.cat(noise).to(device) * scheduler.init_noise_sigma
    with autocast(device.type):
        states = parts["text_encoder"](ids).last_hidden_state
        for timestep in scheduler.timesteps:
            pair = scheduler.scale_model_input(torch.cat([latents] * 2), timestep)
            away, toward = unet(pair, timestep, states).sample.float().chunk(2)
            prediction = away + guidance * (toward - away)
            latents = scheduler.step(prediction, timestep, latents).prev_sample
        return vae.decode(latents / vae.config.scaling_factor).sample.float().cpu()
