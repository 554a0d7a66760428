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
from studio.domain.preprocessor_networks import WITH_WEIGHTS
from studio.domain.preprocessor_spec import CONTROL_TYPES, PreprocessorSpec, Setting

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

PREPROCESSORS: Mapping[str, PreprocessorSpec] = MappingProxyType(
    {spec.name: spec for spec in (*_WITHOUT_WEIGHTS, *WITH_WEIGHTS)}
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
