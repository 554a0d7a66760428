"""Which preprocessors exist: what turns a picture into the map that a ControlNet is led by.

Data alone: names (those of AUTOMATIC1111's ControlNet extension, which clients hard-code), what
each may be set to, what it must load, and which ControlNets its map is for. `studio.preprocessors`
runs them. Maps are white on black where they are lines, as ControlNets expect.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType

from studio.domain.errors import InvalidRequest, shorten
from studio.domain.preprocessor_spec import (
    CONTROL_TYPES,
    PreprocessorSpec,
    Setting,
    WeightFile,
    Weights,
)

_ANNOTATORS = "lllyasviel/Annotators"
_NOT_COMMERCIAL = "OpenPose may be used for non-commercial purposes only (licence of CMU)."

_HED = WeightFile("ControlNetHED.pth", 29_444_406)
_PIDINET = WeightFile("table5_pidinet.pth", 2_871_148)
_BODY = WeightFile(
    "body_pose_model.pth",
    209_267_595,
    "25a948c16078b0f08e236bda51a385d855ef4c153598947c28c0d47ed94bb746",
)
_HAND = WeightFile(
    "hand_pose_model.pth",
    147_341_049,
    "b76b00d1750901abd07b9f9d8c98cc3385b8fe834a26d4b4f0aad439e75fc600",
)
_FACE = WeightFile(
    "facenet.pth",
    153_718_792,
    "8beb52e548624ffcc4aed12af7aee7dcbfaeea420c75609fee999fe7add79d43",
)


def _annotator(*files: WeightFile, terms: str = "") -> Weights:
    return Weights(_ANNOTATORS, files, terms=terms)


def _transformers(repo: str, *files: WeightFile) -> Weights:
    return Weights(repo, files, folder=repo.partition("/")[2])


def _openpose(name: str, title: str, what: str, *more: WeightFile) -> PreprocessorSpec:
    return PreprocessorSpec(
        name,
        title,
        ("openpose",),
        f"The poses of people as coloured bones: {what}.",
        weights=_annotator(_BODY, *more, terms=_NOT_COMMERCIAL),
        nearest=True,
    )


_GAMMA = Setting(
    "gamma", "Gamma correction", 0.1, 2.0, 1.0, 0.001, "Below 1 brightens, above 1 darkens."
)

_WITHOUT_WEIGHTS = (
    PreprocessorSpec(
        "none",
        "None (ready-made map)",
        tuple(CONTROL_TYPES),
        "Takes the picture for the map as it is.",
    ),
    PreprocessorSpec(
        "canny",
        "Canny (hard edges)",
        ("canny",),
        "Edges one pixel wide (Canny 1986).",
        (
            Setting(
                "low_threshold",
                "Low threshold",
                1,
                255,
                100,
                1,
                "Weaker edges count only where they join a strong one.",
            ),
            Setting(
                "high_threshold",
                "High threshold",
                1,
                255,
                200,
                1,
                "Edges stronger than this always count.",
            ),
        ),
        nearest=True,
    ),
    PreprocessorSpec(
        "invert",
        "Invert (dark lines on white)",
        ("lineart", "scribble", "canny", "mlsd"),
        "Turns a drawing of dark lines on white into the white lines on black that are expected.",
    ),
    PreprocessorSpec(
        "lineart_standard",
        "Line art (standard)",
        ("lineart",),
        "Lines where the picture is darker than its surroundings.",
        (
            Setting("sigma", "Surroundings", 0.5, 20.0, 6.0, 0.1, "How wide to look, in pixels."),
            Setting(
                "intensity_threshold",
                "Least intensity",
                0,
                16,
                8,
                1,
                "Fainter marks do not count when the strength of the lines is evened out.",
            ),
        ),
    ),
    PreprocessorSpec(
        "scribble",
        "Scribble (from a drawing)",
        ("scribble",),
        "Strokes drawn by hand, dark on light or light on dark, become white on black.",
        nearest=True,
    ),
    PreprocessorSpec(
        "scribble_xdog",
        "Scribble (XDoG)",
        ("scribble",),
        "Strokes as of a brush, from a picture (XDoG, Winnemöller 2012).",
        (Setting("threshold", "XDoG threshold", 1, 64, 32, 1, "Higher gives fewer strokes."),),
        nearest=True,
    ),
    PreprocessorSpec(
        "threshold",
        "Threshold",
        ("scribble", "lineart"),
        "White where the picture is light, black elsewhere.",
        (Setting("threshold", "Threshold", 0, 255, 127, 1, "Lighter than this is white."),),
        nearest=True,
    ),
    PreprocessorSpec(
        "segmentation",
        "Segmentation (coloured by hand)",
        ("segmentation",),
        "Takes areas of class colours as they are; no colours are mixed.",
        nearest=True,
    ),
    PreprocessorSpec(
        "shuffle",
        "Shuffle",
        ("shuffle",),
        "Warps the picture until only its colours and style are left.",
        (Setting("seed", "Seed", 0, 2**31 - 1, 0, 1, "Another number, another warp."),),
    ),
    PreprocessorSpec(
        "tile_resample",
        "Tile (resample)",
        ("tile",),
        "The picture with less detail, for the ControlNet to draw it anew.",
        (
            Setting(
                "down_sampling",
                "Down sampling rate",
                1.0,
                8.0,
                1.0,
                0.01,
                "How many times smaller before it is enlarged again.",
            ),
        ),
    ),
    PreprocessorSpec(
        "blur_gaussian",
        "Blur (Gaussian)",
        ("tile",),
        "The picture blurred.",
        (Setting("sigma", "Sigma", 0.01, 64.0, 9.0, 0.01, "How far it blurs, in pixels."),),
    ),
    PreprocessorSpec(
        "inpaint_only",
        "Inpaint only",
        ("inpaint",),
        "The picture with a hole where the mask is white; transparent in the map.",
        needs_mask=True,
    ),
    PreprocessorSpec(
        "recolor_luminance",
        "Recolour (luminance)",
        ("recolor",),
        "The picture without its colours, as light as the eye sees it (L of CIE Lab).",
        (_GAMMA,),
    ),
    PreprocessorSpec(
        "recolor_intensity",
        "Recolour (intensity)",
        ("recolor",),
        "The picture without its colours, as light as its strongest channel (V of HSV).",
        (_GAMMA,),
    ),
)

_WITH_WEIGHTS = (
    PreprocessorSpec(
        "depth_anything_v2",
        "Depth Anything V2 (small)",
        ("depth",),
        "How near things are: light is near (Yang 2024).",
        weights=_transformers(
            "depth-anything/Depth-Anything-V2-Small-hf",
            WeightFile("config.json", 950),
            WeightFile(
                "model.safetensors",
                99_173_660,
                "3152477ce0d8d6978d76b995120de97cb5b928701fd0f817769f59e249a16b70",
            ),
        ),
    ),
    PreprocessorSpec(
        "depth_anything",
        "Depth Anything (small)",
        ("depth",),
        "How near things are: light is near (Yang 2024, the first version).",
        weights=_transformers(
            "LiheYoung/depth-anything-small-hf",
            WeightFile("config.json", 950),
            WeightFile("model.safetensors", 99_173_660),
        ),
    ),
    PreprocessorSpec(
        "depth_midas",
        "Depth (MiDaS)",
        ("depth",),
        "How near things are: light is near (DPT hybrid, Ranftl 2021).",
        weights=_annotator(WeightFile("dpt_hybrid-midas-501f0c75.pt", 492_757_791)),
    ),
    PreprocessorSpec(
        "normal_bae",
        "Normals (BAE)",
        ("normal",),
        "Which way surfaces face, as colours (Bae 2021).",
        weights=_annotator(
            WeightFile(
                "scannet.pt",
                291_000_000,
                "03dbf1600c51ee3d45c29f77b77bf1a3b7a24c3452dba62a4ae658f37330c209",
            )
        ),
    ),
    _openpose("openpose", "OpenPose (body)", "bodies"),
    _openpose("openpose_hand", "OpenPose (body, hands)", "bodies and hands", _HAND),
    _openpose("openpose_face", "OpenPose (body, face)", "bodies and faces", _FACE),
    _openpose("openpose_faceonly", "OpenPose (face only)", "faces alone", _FACE),
    _openpose("openpose_full", "OpenPose (full)", "bodies, hands and faces", _HAND, _FACE),
    PreprocessorSpec(
        "mlsd",
        "Straight lines (M-LSD)",
        ("mlsd",),
        "Straight lines, as of buildings and rooms (Gu 2021).",
        (
            Setting(
                "value_threshold",
                "Value threshold",
                0.01,
                2.0,
                0.1,
                0.01,
                "Higher gives fewer, surer lines.",
            ),
            Setting(
                "distance_threshold",
                "Distance threshold",
                0.01,
                20.0,
                0.1,
                0.01,
                "Shorter lines do not count, in pixels.",
            ),
        ),
        weights=_annotator(WeightFile("mlsd_large_512_fp32.pth", 6_341_481)),
        nearest=True,
    ),
    PreprocessorSpec(
        "softedge_pidinet",
        "Soft edge (PiDiNet)",
        ("softedge",),
        "Edges of varied strength (Su 2021).",
        weights=_annotator(_PIDINET),
    ),
    PreprocessorSpec(
        "softedge_pidisafe",
        "Soft edge (PiDiNet, safe)",
        ("softedge",),
        "The same in few steps, so that nothing of the picture can hide in the map.",
        weights=_annotator(_PIDINET),
    ),
    PreprocessorSpec(
        "softedge_hed",
        "Soft edge (HED)",
        ("softedge",),
        "Soft edges of objects (Xie 2015).",
        weights=_annotator(_HED),
    ),
    PreprocessorSpec(
        "softedge_hedsafe",
        "Soft edge (HED, safe)",
        ("softedge",),
        "The same in few steps, so that nothing of the picture can hide in the map.",
        weights=_annotator(_HED),
    ),
    PreprocessorSpec(
        "scribble_hed",
        "Scribble (HED)",
        ("scribble",),
        "Few thick strokes along the edges of objects.",
        weights=_annotator(_HED),
        nearest=True,
    ),
    PreprocessorSpec(
        "scribble_pidinet",
        "Scribble (PiDiNet)",
        ("scribble",),
        "Thick strokes along the edges.",
        weights=_annotator(_PIDINET),
        nearest=True,
    ),
    PreprocessorSpec(
        "lineart_realistic",
        "Line art (realistic)",
        ("lineart",),
        "Fine lines as of a drawing (Chan 2022).",
        weights=_annotator(
            WeightFile(
                "sk_model.pth",
                17_173_511,
                "c686ced2a666b4850b4bb6ccf0748031c3eda9f822de73a34b8979970d90f0c6",
            )
        ),
    ),
    PreprocessorSpec(
        "lineart_coarse",
        "Line art (coarse)",
        ("lineart",),
        "Broader, simpler lines (Chan 2022).",
        weights=_annotator(
            WeightFile(
                "sk_model2.pth",
                17_173_511,
                "30a534781061f34e83bb9406b4335da4ff2616c95d22a585c1245aa8363e74e0",
            )
        ),
    ),
    PreprocessorSpec(
        "lineart_anime",
        "Line art (anime)",
        ("lineart",),
        "Lines as of an anime drawing.",
        weights=_annotator(WeightFile("netG.pth", 217_700_000)),
    ),
    PreprocessorSpec(
        "seg_ade20k",
        "Segmentation (UperNet, ADE20K)",
        ("segmentation",),
        "What each pixel shows, in the colours of the 150 classes of ADE20K (Xiao 2018).",
        weights=_transformers(
            "openmmlab/upernet-convnext-small",
            WeightFile("config.json", 8_760),
            WeightFile("pytorch_model.bin", 328_000_000),
        ),
        nearest=True,
    ),
)

PREPROCESSORS: Mapping[str, PreprocessorSpec] = MappingProxyType(
    {spec.name: spec for spec in (*_WITHOUT_WEIGHTS, *_WITH_WEIGHTS)}
)
"""Name -> what it is, in the order of menus."""


def find(name: str) -> PreprocessorSpec:
    """The preprocessor of that name. Raises InvalidRequest with the closest names."""
    if name in PREPROCESSORS:
        return PREPROCESSORS[name]
    close = difflib.get_close_matches(str(name), PREPROCESSORS, n=3, cutoff=0.5)
    offer = f"Did you mean {' or '.join(close)}?" if close else f"Use: {', '.join(PREPROCESSORS)}."
    raise InvalidRequest(f"There is no preprocessor {shorten(name)}. {offer}")


def fitting(control_type: str) -> tuple[PreprocessorSpec, ...]:
    """Those whose map a ControlNet of that type can use, its default first; `none` is among them.

    Raises InvalidRequest for an unknown type.
    """
    if control_type not in CONTROL_TYPES:
        raise InvalidRequest(
            f"There is no control type {shorten(control_type)}. Use: {', '.join(CONTROL_TYPES)}."
        )
    default = CONTROL_TYPES[control_type].default
    specs = [spec for spec in PREPROCESSORS.values() if control_type in spec.control_types]
    return tuple(sorted(specs, key=lambda spec: spec.name != default))
