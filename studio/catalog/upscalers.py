"""Networks that enlarge pictures: which architecture a file is of, and how many times larger its
pictures become, from names and shapes alone."""

from __future__ import annotations

import math
import re

from studio.catalog.keys import Keys

_OMNI = "residual_layer.0.residual_layer.0.layer.0.fn.0.weight"
_ARCHITECTURES = (
    ("ESRGAN", ("model.1.sub.0.RDB1.conv1.0.weight",)),
    ("ESRGAN", ("model.1.sub.0.RDB1.conv1x1.weight",)),
    ("ESRGAN", ("conv_first.weight", "body.0.rdb1.conv1.weight", "conv_body.weight")),
    ("ESRGAN", ("conv_first.weight", "RRDB_trunk.0.RDB1.conv1.weight", "trunk_conv.weight")),
    ("HAT", ("conv_first.weight", "layers.0.residual_group.overlap_attn.qkv.weight")),
    ("ATD", ("conv_first.weight", "layers.0.residual_group.layers.0.attn_atd.wq.weight")),
    ("CRAFT", ("conv_first.weight", "layers.0.residual_group.hf_blocks.0.attn.temperature")),
    ("Swin2SR", ("patch_embed.proj.weight", "layers.0.residual_group.blocks.0.attn.logit_scale")),
    ("SwinIR", ("conv_first.weight", "layers.0.residual_group.blocks.0.mlp.fc1.bias")),
    ("SwinIR", ("conv_first.1.weight", "layers.0.residual_group.blocks.0.mlp.fc1.bias")),
    ("DRCT", ("conv_first.weight", "layers.0.swin1.attn.qkv.weight", "layers.0.adjust1.weight")),
    ("DAT", ("conv_first.weight", "before_RG.1.weight", "layers.0.blocks.0.ffn.sg.conv.weight")),
    ("RGT", ("conv_first.weight", "before_RG.1.weight", "layers.0.blocks.0.gamma")),
    ("GRL", ("conv_first.weight", "norm_start.weight", "norm_end.weight")),
    ("SPAN", ("conv_1.sk.weight", "block_1.c1_r.sk.weight", "upsampler.0.weight")),
    ("OmniSR", ("input.weight", "up.0.weight", _OMNI)),
    ("PLKSR", ("feats.0.weight", "feats.1.refine.weight")),
    ("MoSR", ("gblocks.0.weight", "gblocks.1.fc1.weight", "gblocks.1.fc2.weight")),
    ("MoESR", ("in_to_dim.weight", "blocks.0.blocks.0.gamma")),
    ("SAFMN", ("to_feat.weight", "feats.0.safm.mfr.0.weight", "to_img.0.weight")),
    ("SeemoRe", ("conv_1.weight", "upsampler.0.weight", "body.0.local_block.norm_1.weight")),
    ("RealCUGAN", ("unet1.conv1.conv.0.weight", "unet2.conv_bottom.weight")),
    ("DITN", ("sft.weight", "UFONE.0.ITLs.0.attn.temperature", "upsample.0.weight")),
    ("DCTLSA", ("fea_conv.weight", "LR_conv.weight", "upsampler.0.weight")),
    ("RCAN", ("tail.1.weight", "body.0.body.0.body.3.conv_du.0.weight")),
    ("SCUNet", ("m_head.0.weight", "m_body.0.trans_block.ln1.weight", "m_tail.0.weight")),
    ("Compact", ("body.0.weight", "body.1.weight", "body.2.weight")),
)  # fmt: skip
"""Architecture, as spandrel calls it -> names that only its files have; the first that fits."""

_RESTORE = {"SCUNet"}
"""These give back a picture of the same size."""


def architecture_of(keys: Keys) -> str | None:
    """None: these are not the tensors of an upscaler that is known here."""
    fits = (name for name, wanted in _ARCHITECTURES if all(map(keys.exist, wanted)))
    return next(fits, None)


def scale_of(architecture: str, keys: Keys) -> int | None:
    """How many times as wide and high its pictures become; None: only the network itself tells."""
    if architecture in _RESTORE:
        return 1
    if architecture == "ESRGAN":
        return _scale_of_esrgan(keys)
    if architecture == "Compact":
        first, last = keys.shape(r"\nbody\.0\.weight"), _last(keys, r"\nbody\.(\d+)\.weight")
        return _shuffled(last, first[1] if first else 3)
    if architecture in _HEADS:
        return _shuffled(keys.shape(_HEADS[architecture]))
    if architecture == "PLKSR":
        return _shuffled(_last(keys, r"\nfeats\.(\d+)\.weight"))
    return _scale_of_upsampler(keys)


_HEADS = {
    "SPAN": r"\nupsampler\.0\.weight",
    "SeemoRe": r"\nupsampler\.0\.weight",
    "DCTLSA": r"\nupsampler\.0\.weight",
    "DITN": r"\nupsample\.0\.weight",
    "OmniSR": r"\nup\.0\.weight",
    "SAFMN": r"\nto_img\.0\.weight",
}
"""Architecture -> its last layer, whose channels are shuffled to pixels."""


def _scale_of_esrgan(keys: Keys) -> int:
    """Each of its steps doubles; with pixels shuffled into 12 or 48 channels it begins smaller."""
    new = {m for m in ("conv_up", "upconv") for m in keys.numbers(rf"\n{m}(\d+)\.weight")}
    if new:
        steps, first = len(new), keys.shape(r"\nconv_first\.weight")
    else:
        steps = (max(keys.numbers(r"\nmodel\.(\d+)\.weight"), default=4) - 4) // 3
        first = keys.shape(r"\nmodel\.0\.weight")
    return 2**steps // {12: 2, 48: 4}.get(first[1] if first else 3, 1)


def _scale_of_upsampler(keys: Keys) -> int | None:
    """Of SwinIR and those that took its end over: steps of shuffled pixels, or of the nearest."""
    if keys.exist("conv_before_upsample.0.weight"):
        steps = [keys.shape(rf"\nupsample\.{n}\.weight") for n in keys.numbers(_UPSAMPLE)]
        if keys.exist("conv_up1.weight"):
            return 2 ** len(keys.numbers(r"\nconv_up(\d+)\.weight"))
        return math.prod(math.isqrt(each[0] // each[1]) for each in steps if each) or None
    return _shuffled(keys.shape(r"\nupsample\.0\.weight"))


_UPSAMPLE = r"\nupsample\.(\d+)\.weight"


def _last(keys: Keys, pattern: str) -> tuple[int, ...] | None:
    """The shape of the one of the names whose number is the highest."""
    number = max(keys.numbers(pattern), default=None)
    return None if number is None else keys.shape(re.sub(r"\(\\d\+\)", str(number), pattern))


def _shuffled(shape: tuple[int, ...] | None, channels: int = 3) -> int | None:
    """From a layer whose channels are the pixels of a square of each of `channels`."""
    if not shape or channels < 1:
        return None
    scale = math.isqrt(shape[0] // channels)
    return scale if scale * scale * channels == shape[0] else None
