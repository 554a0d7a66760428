"""The LoRA for few steps: what it is taught, and that its file is what was learnt."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from studio.picturebook import cases, sampling
from studio.picturebook.judge import Judge
from studio.picturebook.loading import load_parts
from studio.picturebook.low_rank import merge_low_rank, save_low_rank
from studio.picturebook.tokenizer import token_ids
from studio.picturebook.train_quick import GUIDANCE, QUICK_PATH, STEPS, Quick
from studio.picturebook.train_unet import noised
from studio.picturebook.world import TRAINED

PROMPTS = ["a red house", "a boat at night", "the sea", "a green car"]


@pytest.fixture(scope="module")
def quick():
    return Quick(load_parts())


@pytest.fixture(scope="module")
def lesson(quick):
    torch.manual_seed(3)
    latents = torch.randn(4, 4, 8, 8)
    ids = token_ids(quick.parts["tokenizer"], [*PROMPTS, ""])
    return latents, ids[:4], ids[4:]


def test_who_knows_the_noise_arrives_at_the_picture(quick, lesson, monkeypatch):
    latents, ids, empty = lesson
    noise, lean = torch.randn_like(latents), 0.1 * torch.ones_like(latents)

    def knows(shown, timesteps, states):
        """Wrong without guidance, by its scale times what the prompt changes."""
        away = noise - GUIDANCE * lean
        return SimpleNamespace(sample=torch.cat([away, away + lean]))

    monkeypatch.setattr(quick, "unet", knows)
    states = torch.zeros(4, 77, 192)
    for segment in range(STEPS):
        start, end = quick.starts[segment].expand(4), quick.ends[segment].expand(4)
        noisy = noised(latents, noise, quick.alphas[start])
        after, picture = quick._taught(noisy, start, end, states, states)
        assert torch.allclose(picture, latents, atol=1e-3)
        assert torch.allclose(after, noised(latents, noise, quick.alphas[end]), atol=1e-3)


def test_it_begins_as_the_model_learns_and_its_file_is_what_was_learnt(quick, lesson, tmp_path):
    latents, ids, empty = lesson
    timesteps = quick.starts
    with torch.no_grad():
        states = quick.parts["text_encoder"](ids).last_hidden_state
        before = quick.unet(latents, timesteps, states).sample
        quick._teaching(True)
        plain = quick.unet(latents, timesteps, states).sample
        assert torch.allclose(plain, before, atol=1e-4)
        quick._teaching(False)
    losses = []
    for _ in range(3):
        torch.manual_seed(5)
        losses.append(float(quick.step(latents, ids, empty, 1.0)))
    assert losses[-1] < losses[0]
    save_low_rank(quick.averaged(), tmp_path / "quick.safetensors", {})
    merged = load_parts()["unet"]
    merge_low_rank(merged, tmp_path / "quick.safetensors")
    quick.swap()
    with torch.no_grad():
        learnt = quick.unet(latents, timesteps, states).sample
        assert torch.allclose(merged(latents, timesteps, states).sample, learnt, atol=0.02)
    quick.swap()
    assert (learnt - before).abs().max() > 0.03


def test_four_steps_without_guidance_obey_the_prompt():
    parts = load_parts()
    merge_low_rank(parts["unet"], QUICK_PATH)
    asked = cases.one_object(TRAINED, 8, seed=5)
    pictures = sampling.sample_few(parts, [prompt for prompt, _ in asked], (128, 128))
    marks = cases.judged(Judge.load(), pictures, [scene for _, scene in asked])
    shares = {name: np.mean([mark[name] for mark in marks]) for name in ("colour", "object", "sky")}
    assert min(shares.values()) >= 0.85, shares
