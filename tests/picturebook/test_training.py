"""Training: optimiser, schedule, checkpoints, and the whole command on a few scenes."""

import numpy as np
import pytest
import torch

from studio.picturebook import layout, network, train, train_vae
from studio.picturebook.evaluate import load_parts
from studio.picturebook.judge import HEADS, Judge, accuracy, targets_of
from studio.picturebook.optim import Optimizer, orthogonalised
from studio.picturebook.train_unet import LAYOUT_FROM, LAYOUT_SHARE, shortened, spread_timesteps
from studio.picturebook.training import Average, learning_rate, load_checkpoint
from studio.picturebook.world import Scene


def test_orthogonalised_has_singular_values_near_one():
    torch.manual_seed(0)
    for shape in ((16, 90), (90, 16), (32, 32)):
        values = torch.linalg.svdvals(orthogonalised(torch.randn(shape)))
        assert values.min() > 0.4 and values.max() < 1.4


def test_optimizer_fits_a_small_network_and_resumes():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))
    optimizer = Optimizer([network], 1e-2, 0.02, ("2.",))
    inputs = torch.randn(64, 8)
    wanted = inputs[:, :2] * 2 - 1
    losses = []
    for k in range(80):
        loss = (network(inputs) - wanted).square().mean()
        loss.backward()
        optimizer.step(learning_rate(1, k, k / 80, warmup=5))
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    again = Optimizer([network], 1e-2, 0.02, ("2.",))
    again.load_state_dict(optimizer.state_dict())
    assert torch.equal(again.buffers[0], optimizer.buffers[0])


def test_learning_rate_warms_up_and_ends_low():
    assert learning_rate(1, 0, 0, 10) == pytest.approx(0.1)
    assert learning_rate(1, 500, 0.5, 10) == pytest.approx(0.505)
    assert learning_rate(1, 500, 1.0, 10) == pytest.approx(0.01)


def test_average_follows_the_weights():
    layer = torch.nn.Linear(2, 2)
    average = Average({"layer": layer}, decay=0.9)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    for _ in range(200):
        average.update()
    assert torch.allclose(average.modules["layer"].weight, torch.ones(2, 2), atol=1e-3)


def test_presence_is_where_the_boxes_are():
    scenes = [Scene.random(np.random.default_rng(seed), count=1) for seed in range(40)]
    present = layout.presence(scenes, (16, 16))
    for scene, cells in zip(scenes, present[:, 0], strict=True):
        [found] = scene.boxes((128, 128))
        left, top, right, bottom = (side // 8 for side in found["box"])
        inside = cells[top : bottom + 1, left : right + 1]
        assert inside.mean() > 0.6
        assert cells.sum() < 2.5 * inside.numel()


def test_layout_heads_learn_where_things_are_from_features_that_tell():
    torch.manual_seed(0)
    unet = network.new_unet()
    heads = layout.LayoutHeads(unet)
    scenes = [Scene.random(np.random.default_rng(seed), count=1) for seed in range(8)]
    present = layout.presence(scenes, (16, 16))
    shown = present.expand(-1, 4, -1, -1) * 2 - 1
    words, timesteps = torch.zeros(8, 4, network.HIDDEN), torch.full((8,), 100)
    optimizer = torch.optim.AdamW([*unet.parameters(), *heads.parameters()], lr=2e-3)
    losses = []
    for _ in range(12):
        unet(shown, timesteps, words)
        losses.append(heads.loss(present))
        losses[-1].backward()
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < 0.7 * losses[0]


def test_the_noisiest_timesteps_are_drawn_more_often():
    timesteps = spread_timesteps(480)
    assert timesteps.min() >= 0 and timesteps.max() <= 999
    expected = LAYOUT_SHARE + (1 - LAYOUT_SHARE) * (1000 - LAYOUT_FROM) / 1000
    assert (timesteps >= LAYOUT_FROM).float().mean().item() == pytest.approx(expected, abs=0.02)


def test_crops_are_aligned_to_the_latent_grid():
    picture = np.arange(32)[:, None, None] + np.zeros((32, 32, 3))
    arrays = [np.stack([picture] * 2).astype(np.uint8)]
    crops = train_vae.random_crops(arrays, np.random.default_rng(0), 20, crop=16)
    assert crops.shape == (20, 16, 16, 3)
    assert set(crops[:, 0, 0, 0].tolist()) <= {0, 8, 16}


def test_only_padding_is_cut_off():
    end = 9
    ids = torch.full((2, 77), end)
    ids[0, :5] = torch.arange(5)
    ids[1, :12] = 3

    class Never:
        @staticmethod
        def random():
            return 1.0

    short = shortened(ids, 0.1, Never, end)
    assert short.shape[1] == 16 and (ids[:, short.shape[1] :] == end).all()
    assert shortened(ids, 0.9, Never, end).shape[1] == 77


def test_judge_has_all_heads_and_its_labels_are_the_scenes():
    scenes = [Scene.random(np.random.default_rng(k), count=1) for k in range(4)]
    labels = targets_of(scenes)
    judge = Judge().eval()
    pictures = torch.stack([train_vae.to_tensor(np.asarray(s.draw((96, 64)))[None])[0]
                            for s in scenes])  # fmt: skip
    logits = judge(pictures)
    assert {name: tuple(v.shape[1:]) for name, v in logits.items()} == HEADS
    exact = {name: torch.nn.functional.one_hot(labels[name].clamp(min=0), v.shape[-1]).float()
             for name, v in logits.items() if name not in ("object", "extras")}  # fmt: skip
    exact |= {name: labels[name] * 2 - 1 for name in ("object", "extras")}
    assert set(accuracy(exact, labels).values()) == {1.0}
    assert len(judge.read(pictures)) == 4


def test_the_whole_command_trains_exports_and_resumes(tmp_path):
    common = ["--device", "cpu", "--native", "64", "--scenes", "32", "--encoded", "32",
              "--minutes", "0.02", "--work-dir", str(tmp_path / "work"),
              "--out", str(tmp_path / "model")]  # fmt: skip
    assert train.main([*common, "--stage", "all"]) == 0
    parts = load_parts(tmp_path / "model")
    assert parts["unet"].config.sample_size == 8
    assert parts["vae"].config.scaling_factor != 1.0
    assert (tmp_path / "work" / "samples-final.png").exists()
    first = load_checkpoint(tmp_path / "work" / "vae.pt")["step"]
    assert first >= 1
    longer = [*common, "--resume", "--stage", "vae", "--minutes", "0.05"]
    assert train.main(longer) == 0
    assert load_checkpoint(tmp_path / "work" / "vae.pt")["step"] > first
