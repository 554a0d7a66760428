"""Training: optimiser, schedule, checkpoints, and the whole command on a few scenes."""

import copy

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel

from studio.picturebook import data, layout, network, train, train_unet, train_vae
from studio.picturebook.control_palette import PALETTE
from studio.picturebook.examples import Examples
from studio.picturebook.judge import HEADS, Judge, accuracy, targets_of
from studio.picturebook.loading import load_parts
from studio.picturebook.optim import Optimizer, orthogonalised
from studio.picturebook.train_unet import (
    FEW,
    LAYOUT_FROM,
    LAYOUT_SHARE,
    places_of,
    spread_timesteps,
)
from studio.picturebook.training import (
    MODEL_DIR,
    Average,
    Settings,
    learning_rate,
    load_checkpoint,
    plain_norms,
)
from studio.picturebook.world import Scene


def test_orthogonalised_has_singular_values_near_one():
    torch.manual_seed(0)
    for shape in ((3, 16, 90), (2, 90, 16), (1, 32, 32)):
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
    assert all(map(torch.equal, again.buffers.values(), optimizer.buffers.values()))


def test_weights_of_one_shape_learn_as_they_would_alone():
    torch.manual_seed(0)
    pair = torch.nn.ModuleList([torch.nn.Linear(6, 6) for _ in range(2)])
    lone = copy.deepcopy(pair[1])
    together, alone = Optimizer([pair], 1e-3, 0.02), Optimizer([lone], 1e-3, 0.02)
    inputs = torch.randn(16, 6)
    for _ in range(3):
        sum(layer(inputs).sin().sum() for layer in pair).backward()
        lone(inputs).sin().sum().backward()
        together.step(1)
        alone.step(1)
    assert torch.allclose(pair[1].weight, lone.weight, atol=1e-4)
    assert not torch.allclose(pair[0].weight, pair[1].weight, atol=1e-2)


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
    for scene in scenes:
        cells = layout.presence(scene, (16, 16))
        [found] = scene.boxes((128, 128))
        left, top, right, bottom = (side // 8 for side in found["box"])
        inside = cells[top : bottom + 1, left : right + 1]
        assert inside.mean() > 0.6
        assert cells.sum() < 2.5 * inside.size


def test_layout_heads_learn_where_things_are_from_features_that_tell():
    torch.manual_seed(0)
    unet = network.new_unet()
    heads = layout.LayoutHeads(unet)
    scenes = [Scene.random(np.random.default_rng(seed), count=1) for seed in range(4)]
    present = torch.from_numpy(np.stack([layout.presence(s, (8, 8)) for s in scenes]))[:, None]
    shown = present.expand(-1, 4, -1, -1) * 2 - 1
    words, timesteps = torch.zeros(4, 4, network.HIDDEN), torch.full((4,), 100)
    optimizer = torch.optim.AdamW([*unet.parameters(), *heads.parameters()], lr=5e-4)
    losses = []
    for _ in range(8):
        unet(shown, timesteps, words)
        losses.append(heads.loss(present))
        losses[-1].backward()
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < 0.5 * losses[0]


def test_the_noisiest_timesteps_are_drawn_more_often():
    timesteps = spread_timesteps(480)
    assert timesteps.min() >= 0 and timesteps.max() <= 999
    expected = LAYOUT_SHARE + (1 - LAYOUT_SHARE) * (1000 - LAYOUT_FROM) / 1000
    assert (timesteps >= LAYOUT_FROM).float().mean().item() == pytest.approx(expected, abs=0.02)


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    settings = Settings("cpu", 1, folder, folder, native=64, scenes=32, encoded=32)
    vae = train_vae.new_vae(64).eval()
    return Examples(settings, ("pictures", "labels", "ids", "canny", "segmentation"), vae, 3)


def test_crops_are_aligned_to_the_latent_grid(examples):
    bucket = examples.buckets[0]
    bucket["pictures"][:] = (torch.arange(64) % 64).byte()[:, None, None]
    places = set()
    for _ in range(40):
        crops = examples.crops(2, 32)
        assert crops.shape[0] == 2 and crops.shape[1] == 3 and max(crops.shape[2:]) == 32
        rows = (crops[0, 0] * 127.5 + 127.5).round()
        corner = int(rows[0, 0])
        stripes = corner + torch.arange(len(rows))[:, None]
        if (rows == stripes).all():  # of the bucket painted above
            places.add(corner)
    assert places and places <= {0, 8, 16, 24, 32}


def test_a_batch_is_scenes_of_one_size_with_captions_of_their_own(examples):
    words = data.tokenizer()
    said = []
    for _ in range(60):
        bucket, rows = examples.choose(4)
        number = next(k for k, b in enumerate(examples.buckets) if b is bucket)
        latents = examples.latents(bucket, rows)
        assert latents.shape[2:] == tuple(s // 8 for s in bucket["labels"].shape[1:])
        assert number or rows.max() < examples.counts[0]
        ids = examples.captions(bucket, rows, places=40)
        assert ids.shape == (4, 40)
        for row, mine in zip(rows, ids, strict=True):
            text = words.decode(mine, skip_special_tokens=True)
            known = {words.decode(k, skip_special_tokens=True) for k in bucket["ids"][row]}
            assert text in known | {""}
            said.append(text)
    assert 5 < said.count("") < 60
    assert len(examples.kept_back()[1]) == 3


def test_no_caption_is_longer_than_the_places_it_is_learnt_with(examples):
    longest = max(int((bucket["ids"] != examples.end_id).sum(-1).max())
                  for bucket in examples.buckets)  # fmt: skip
    assert 10 < longest < FEW
    share = [places_of(0.1, examples.rng) for _ in range(200)]
    assert set(share) == {FEW, 77} and {places_of(0.9, examples.rng) for _ in range(9)} == {77}


def test_hints_are_the_maps_of_the_kind(examples):
    bucket, rows = examples.buckets[0], torch.arange(3)
    edges = examples.hints("canny", bucket, rows)
    assert edges.shape == (3, 3, 64, 64) and set(edges.unique().tolist()) == {0.0, 1.0}
    areas = examples.hints("segmentation", bucket, rows) * 255
    colours = {tuple(c) for c in areas.permute(0, 2, 3, 1).reshape(-1, 3).round().int().tolist()}
    assert colours <= set(PALETTE.values())


def test_plain_norms_give_what_autocast_gives():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 16, 3), torch.nn.GroupNorm(4, 16), torch.nn.SiLU())
    pictures = torch.randn(2, 3, 9, 9)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        before = net(pictures)
        after = plain_norms(net)(pictures)
    assert after.dtype == torch.bfloat16
    assert torch.allclose(before.float(), after.float(), atol=0.03)


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


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a run of all stages, and a function that runs one stage more in it."""
    folder = tmp_path_factory.mktemp("trained")
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(train_unet, "SHEET_PROMPTS", train_unet.SHEET_PROMPTS[:2])
    common = ["--device", "cpu", "--native", "64", "--scenes", "16", "--encoded", "16",
              "--batch", "2", "--work-dir", str(folder / "work"),
              "--out", str(folder / "model")]  # fmt: skip

    def run(stage, *more):
        assert train.main([*common, "--stage", stage, *more]) == 0

    run("all", "--seconds", "0.2")
    yield folder, run
    monkeypatch.undo()


def test_the_whole_command_trains_and_exports(trained):
    folder, _ = trained
    parts = load_parts(folder / "model")
    assert parts["unet"].config.sample_size == 8
    assert parts["vae"].config.scaling_factor != 1.0
    assert (folder / "work" / "samples-final.png").exists()


def test_a_stage_is_resumed(trained):
    folder, run = trained
    first = load_checkpoint(folder / "work" / "vae.pt")
    run("vae", "--resume", "--seconds", str(first["spent_s"] + 1))
    assert load_checkpoint(folder / "work" / "vae.pt")["step"] > first["step"]


@pytest.mark.slow
def test_a_model_goes_on_from_exported_weights(trained, tmp_path):
    _, run = trained
    run("unet", "--seconds", "0.1", "--rate", "0.001", "--begin-with", str(MODEL_DIR),
        "--out", str(tmp_path))  # fmt: skip
    before, after = (
        UNet2DConditionModel.from_pretrained(f / "unet") for f in (MODEL_DIR, tmp_path)
    )
    pairs = zip(before.float().parameters(), after.float().parameters(), strict=True)
    assert all(torch.allclose(a, b, atol=2e-3) for a, b in pairs)
    assert not (tmp_path / "vae").exists()
