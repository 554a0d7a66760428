"""Pictures of what a model knows, drawn by itself before it learns."""

from __future__ import annotations

from pathlib import Path

import torch

from studio.catalog.catalog import Catalog
from studio.domain.training import LoraTraining, Stopped
from studio.settings import assets_dir
from studio.training import keeping, prior, running
from studio.training.dataset import Dataset, TrainingPicture
from studio.training.models import Pictures, load

TRAINING = LoraTraining(
    name="kites", resolution=64, trigger="zork", prior_pictures=2, seed=4, steps=2, rank=2
)


def drawn(trainee, folder, wanted):
    pictures = Pictures()
    events = list(prior.draw(wanted, trainee, TRAINING, folder, pictures))
    assert (events[-1].done, events[-1].total) == (len(wanted), len(wanted))
    return pictures, len(events)


def test_they_are_drawn_of_captions_kept_and_the_same_again(tmp_path):
    dataset = Dataset(tmp_path, (TrainingPicture(Path("a.png"), "zork, a red house", (64, 64)),))
    wanted = prior.prompts(TRAINING, dataset)
    assert wanted == ["a red house"] * 2
    ref = Catalog([assets_dir() / "models"]).find("picturebook")
    trainee = load(ref, torch.device("cpu"), torch.float32)
    pictures, calls = drawn(trainee, tmp_path, wanted[:1])
    assert pictures.captions == wanted[:1] and pictures.sizes == [(64, 64)]
    assert pictures.latents[0].shape == (1, 4, 8, 8) and pictures.latents[0].std() > 0.3
    again, less = drawn(trainee, tmp_path, wanted[:1])
    assert torch.equal(again.latents[0], pictures.latents[0]) and less == 1 < calls

    # Stopped before its first step it can go on.
    task = running.Task(TRAINING, dataset, ref, tmp_path / "a.safetensors", tmp_path)
    assert running.stopped_before(task) == Stopped(0)
    assert keeping.load(tmp_path)["training"]["prior_pictures"] == 2
