"""ControlNets of picturebook: their maps, their training, their measures, and what is shipped."""

import itertools
import json
import shutil

import cv2
import numpy as np
import pytest
import torch
from diffusers import ControlNetModel

from studio.picturebook import control_maps, data, train
from studio.picturebook.cases import full_prompt
from studio.picturebook.control_heads import MapHeads
from studio.picturebook.control_net import Controlled, hint_tensor, new_controlnet
from studio.picturebook.control_palette import PALETTE
from studio.picturebook.control_segmenter import confusion, mean_iou
from studio.picturebook.evaluate_control import edge_f1
from studio.picturebook.loading import load_parts
from studio.picturebook.training import MODEL_DIR, load_checkpoint
from studio.picturebook.world import CLASSES, OBJECTS

SIZE = (128, 128)


@pytest.fixture(scope="module", autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(min(2, before))
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def parts():
    return load_parts()


def scenes(count=6):
    return [data.unseen_scene(k) for k in range(count)]


def test_every_class_has_a_colour_of_its_own():
    assert tuple(PALETTE) == CLASSES
    apart = [
        sum(abs(a - b) for a, b in zip(*pair, strict=True))
        for pair in itertools.combinations(PALETTE.values(), 2)
    ]
    assert min(apart) > 60


def test_a_canny_map_is_opencv_s_in_white_on_black():
    picture = np.asarray(scenes(1)[0].draw(SIZE))
    found = control_maps.canny(picture, 100, 200)
    assert found.shape == (128, 128, 3) and found.dtype == np.uint8
    assert np.array_equal(found[..., 1], cv2.Canny(picture, 100, 200))


def test_a_segmentation_map_tells_every_class():
    labels = scenes(1)[0].segmentation((96, 64))
    found = control_maps.segmentation(labels)
    assert found.shape == (64, 96, 3)
    for index in np.unique(labels):
        assert tuple(found[labels == index][0]) == PALETTE[CLASSES[index]]


def test_a_coarse_segmentation_shows_the_same_things_with_rounder_outlines():
    labels = scenes(2)[1].segmentation(SIZE)
    areas = [control_maps.random_areas(labels, np.random.default_rng(k)) for k in range(12)]
    made = [control_maps.segmentation(shown) for shown in areas]
    changed = [(m != control_maps.segmentation(labels)).any(-1).mean() for m in made]
    assert min(changed) == 0 and 0 < max(changed) < 0.2
    colours = set(PALETTE.values())
    assert all({tuple(c) for c in np.unique(m.reshape(-1, 3), axis=0)} <= colours for m in made)


def test_scribbles_are_thick_strokes_about_the_outlines_of_objects():
    on_outline = []
    for k, scene in enumerate(scenes(20)):
        labels = scene.segmentation(SIZE)
        strokes = control_maps.scribble(labels, np.random.default_rng(k))[..., 0] > 127
        assert strokes.mean() < 0.35
        item = (labels == CLASSES.index(scene.items[0].object)).astype(np.uint8)
        rim = cv2.morphologyEx(item, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
        near = cv2.dilate(strokes.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        on_outline.append(near[rim].mean())
    assert np.mean(np.array(on_outline) > 0.7) > 0.7
    assert scenes(1)[0].items[0].object in OBJECTS


def test_the_same_generator_gives_the_same_map_at_any_size():
    scene = scenes(1)[0]
    for kind in control_maps.KINDS:
        first, again = (control_maps.plain_map(kind, scene, (160, 96)) for _ in range(2))
        assert first.shape == (96, 160, 3) and np.array_equal(first, again) and first.any()


def test_an_untrained_controlnet_changes_nothing(parts):
    net = new_controlnet(parts["unet"]).eval()
    noisy, words = torch.randn(2, 4, 16, 16), torch.randn(2, 77, 192)
    hints = hint_tensor(np.stack([control_maps.plain_map("canny", s, SIZE) for s in scenes(1)]))
    assert hints.min() == 0 and hints.max() == 1
    with torch.no_grad():
        alone = parts["unet"](noisy, 500, words).sample
        controlled = Controlled(parts["unet"], net, hints)(noisy, 500, words).sample
    assert torch.equal(alone, controlled)


def test_heads_learn_from_features_that_tell_what_is_where(parts):
    torch.manual_seed(0)
    net = new_controlnet(parts["unet"])
    heads = MapHeads(net)
    made = scenes(4)
    labels = torch.from_numpy(np.stack([s.segmentation((64, 64)) for s in made])).long()
    hints = hint_tensor(control_maps.segmentation(labels.numpy()))
    noisy, latents, words = torch.randn(4, 4, 8, 8), torch.zeros(4, 4, 8, 8), torch.zeros(4, 4, 192)
    optimizer = torch.optim.AdamW([*net.parameters(), *heads.parameters()], lr=2e-3)
    losses = []
    for _ in range(15):
        net(noisy, 900, words, hints)
        losses.append(heads.loss(latents, labels))
        losses[-1].backward()
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < 0.75 * losses[0]


def test_edges_within_two_pixels_are_right():
    edges = np.zeros((40, 40), np.uint8)
    edges[:, 10] = 255
    assert edge_f1(edges, edges) == 1
    assert edge_f1(np.roll(edges, 2, 1), edges) == 1
    assert edge_f1(np.roll(edges, 3, 1), edges) == 0
    both = edges | np.roll(edges, 20, 1)
    assert edge_f1(both, edges) == pytest.approx(2 / 3)
    assert edge_f1(0 * edges, edges) == 0 and edge_f1(0 * edges, 0 * edges) == 1


def test_mean_iou_counts_every_class_alike():
    truth = np.array([[0, 0, 0, 0, 1, 1]])
    assert mean_iou(confusion(truth, truth)) == 1
    found = np.array([[0, 0, 0, 0, 0, 1]])
    assert mean_iou(confusion(truth, found)) == pytest.approx((4 / 5 + 1 / 2) / 2)


def test_prompts_name_every_object():
    scene = next(scene for scene in scenes(20) if len(scene.items) == 2)
    prompt = full_prompt(scene)
    assert all(f"{item.colour} {item.object}" in prompt for item in scene.items)
    assert prompt.count(", ") == 1


@pytest.fixture
def small_model(tmp_path):
    """Picturebook for 64 × 64 pixels, where a sheet of pictures is soon drawn."""
    folder = shutil.copytree(MODEL_DIR, tmp_path / "small")
    config = folder / "unet" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text("utf-8")) | {"sample_size": 8}))
    return folder


@pytest.mark.slow
def test_the_command_trains_exports_and_resumes(tmp_path, small_model):
    common = ["controlnet", "segmentation", "--device", "cpu", "--scenes", "32", "--batch", "2"]
    common += [
        "--model",
        str(small_model),
        "--work-dir",
        str(tmp_path),
        "--out",
        str(tmp_path / "net"),
    ]
    assert train.main([*common, "--seconds", "0.2"]) == 0
    first = load_checkpoint(tmp_path / "control-segmentation.pt")
    net = ControlNetModel.from_pretrained(tmp_path / "net")
    assert net.config.conditioning_channels == 3 and first["step"] >= 1
    assert (tmp_path / "control-segmentation.png").exists()
    seconds = str(first["spent_s"] + 0.2)
    assert train.main([*common, "--seconds", seconds, "--resume"]) == 0
    assert load_checkpoint(tmp_path / "control-segmentation.pt")["step"] > first["step"]


def test_the_command_for_the_model_itself_is_as_before():
    assert train.parser().parse_args(["--stage", "judge", "--seconds", "120"]).stage == "judge"
