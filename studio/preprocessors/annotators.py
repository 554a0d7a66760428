"""Networks of controlnet_aux, each loaded from its file and asked for one map.

Pixels are RGB, uint8 (height, width, 3); maps are uint8, (height, width) or (height, width, 3), of
the same size. In between they are padded to multiples of 64: then controlnet_aux scales nothing.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np

from studio.preprocessors.hands import draw_hand
from studio.preprocessors.loading import annotator, fill
from studio.preprocessors.shades import near_is_light

Paths = Mapping[str, Path]
"""A file's name in the repository -> where it lies."""
Settings = Mapping[str, float]

_MULTIPLE = 64


def load_hed(paths: Paths, device: str):
    hed = annotator("hed")
    network = hed.ControlNetHED_Apache2()
    fill(network, *paths.values())
    return hed.HEDdetector(network.float().eval().to(device))


def load_pidinet(paths: Paths, device: str):
    pidi = annotator("pidi")
    network = pidi.pidinet()
    fill(network, *paths.values())
    return pidi.PidiNetDetector(network.eval().to(device))


def load_lineart(paths: Paths, device: str):
    """The fine or the coarse one, by the file."""
    lineart = annotator("lineart")
    network = lineart.Generator(3, 1, 3)
    fill(network, *paths.values())
    return lineart.LineartDetector(network.eval().to(device), None)


def load_lineart_anime(paths: Paths, device: str):
    import torch

    anime = annotator("lineart_anime")
    norm = partial(torch.nn.InstanceNorm2d, affine=False, track_running_stats=False)
    network = anime.UnetGenerator(3, 1, 8, 64, norm_layer=norm)
    fill(network, *paths.values())
    return anime.LineartAnimeDetector(network.eval().to(device))


def load_mlsd(paths: Paths, device: str):
    network = annotator("mlsd").MobileV2_MLSD_Large()
    fill(network, *paths.values())
    return network.eval().to(device)


def load_normal_bae(paths: Paths, device: str):
    bae = annotator("normalbae")
    arguments = SimpleNamespace(
        mode="client",
        architecture="BN",
        pretrained="scannet",
        sampling_ratio=0.4,
        importance_ratio=0.7,
    )
    with contextlib.redirect_stdout(io.StringIO()):  # it tells what it loads
        network = bae.NNET(arguments)
    fill(network, *paths.values())
    return bae.NormalBaeDetector(network.eval().to(device))


def load_midas(paths: Paths, device: str):
    dpt = annotator("midas.midas.dpt_depth")
    network = dpt.DPTDepthModel(path=None, backbone="vitb_rn50_384", non_negative=True)
    fill(network, *paths.values())
    return network.eval().to(device)


def load_openpose(paths: Paths, device: str):
    """Of body, hand and face those whose files are given."""
    pose = annotator("open_pose")
    networks = annotator("open_pose.model")
    parts = {
        "body_pose_model.pth": (pose.Body, networks.bodypose_model, _behind_the_dot),
        "hand_pose_model.pth": (pose.Hand, networks.handpose_model, _behind_the_dot),
        "facenet.pth": (pose.Face, annotator("open_pose.face").FaceNet, str),
    }
    made = []
    for name, (kind, network, stored_as) in parts.items():
        if name in paths:
            detector = kind.__new__(kind)  # its __init__ would unpickle the file itself
            detector.model = network()
            fill(detector.model, paths[name], stored_as)
            detector.model.eval().to(device)
            made.append(detector)
        else:
            made.append(None)
    return pose.OpenposeDetector(*made)


def _behind_the_dot(name: str) -> str:
    """The pose networks nest their layers one deeper than the files do."""
    return name.partition(".")[2]


def soft_edge(detector, pixels: np.ndarray, settings: Settings, **options: bool) -> np.ndarray:
    """Of HED and PiDiNet. options: `safe` gives few levels, `scribble` thick strokes."""
    return _asked(detector, pixels, **options)


def line_art(detector, pixels: np.ndarray, settings: Settings) -> np.ndarray:
    return _asked(detector, pixels)


def normals(detector, pixels: np.ndarray, settings: Settings) -> np.ndarray:
    return _asked(detector, pixels)


def poses(
    detector,
    pixels: np.ndarray,
    settings: Settings,
    *,
    body: bool = True,
    hand: bool = False,
    face: bool = False,
) -> np.ndarray:
    """The people found, drawn on black: those parts of them that are asked for."""
    height, width = pixels.shape[:2]
    padded = _padded(pixels)
    canvas = np.zeros_like(padded)
    draw = annotator("open_pose.util")
    for person in detector.detect_poses(padded, include_hand=hand, include_face=face):
        if body:
            draw.draw_bodypose(canvas, person.body.keypoints)
        draw_hand(canvas, person.left_hand)
        draw_hand(canvas, person.right_hand)
        draw.draw_facepose(canvas, person.face)
    return canvas[:height, :width]


def straight_lines(network, pixels: np.ndarray, settings: Settings) -> np.ndarray:
    map = np.zeros(pixels.shape[:2], np.uint8)
    padded = _padded(pixels)
    thresholds = settings["value_threshold"], settings["distance_threshold"]
    try:
        lines = annotator("mlsd.utils").pred_lines(
            padded, network, list(padded.shape[:2]), *thresholds
        )
    except IndexError:  # its way of saying that there are none
        return map
    for line in lines:
        left, top, right, bottom = (int(value) for value in line)
        cv2.line(map, (left, top), (right, bottom), 255, 1)
    return map


def midas_depth(network, pixels: np.ndarray, settings: Settings) -> np.ndarray:
    import torch

    height, width = pixels.shape[:2]
    device = next(network.parameters()).device
    values = torch.from_numpy(_padded(pixels)).to(device, torch.float32).permute(2, 0, 1)[None]
    return near_is_light(network(values / 127.5 - 1)[0, :height, :width])


def _asked(detector, pixels: np.ndarray, **options: bool) -> np.ndarray:
    height, width = pixels.shape[:2]
    padded = _padded(pixels)
    short = min(padded.shape[:2])
    map = detector(
        padded, detect_resolution=short, image_resolution=short, output_type="np", **options
    )
    return map[:height, :width]


def _padded(pixels: np.ndarray) -> np.ndarray:
    """`pixels` with their last row and column repeated."""
    more = [-side % _MULTIPLE for side in pixels.shape[:2]]
    return cv2.copyMakeBorder(pixels, 0, more[0], 0, more[1], cv2.BORDER_REPLICATE)
