"""Tensor names of a model file, searched quickly: which kind of model they are those of.

All names are joined to one text, one a line, so that a question about thousands of names is one
search in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_BEGIN = 12_000
"""Characters; some hundred names."""


class Keys:
    """The names, and the shapes where they are known (a pickle shows names only)."""

    def __init__(
        self, names: Iterable[str], shapes: Mapping[str, tuple[int, ...]] | None = None
    ) -> None:
        self._text = "\n" + "\n".join(names) + "\n"
        self._begin = self._text[:_BEGIN]
        self._shapes = shapes or {}

    def start(self, *prefixes: str) -> bool:
        """Whether some name begins with one of these."""
        return any("\n" + prefix in self._text for prefix in prefixes)

    def have(self, *parts: str) -> bool:
        """Whether some name contains one of these."""
        return any(part in self._text for part in parts)

    def soon_have(self, *parts: str) -> bool:
        """The same for the first hundred names, where each is like the next."""
        return any(part in self._begin for part in parts)

    def exist(self, *names: str) -> bool:
        """Whether one of these is a name."""
        return any(f"\n{name}\n" in self._text for name in names)

    def match(self, pattern: str) -> bool:
        """Whether the regular expression is found in some name."""
        return re.search(pattern, self._text) is not None

    def shape(self, pattern: str) -> tuple[int, ...] | None:
        """Of the first name that this regular expression matches from somewhere to its end."""
        for match in re.finditer(rf"(?:{pattern})(?=\n)", self._text):
            begin = self._text.rfind("\n", 0, match.start() + 1) + 1
            shape = self._shapes.get(self._text[begin : match.end()])
            if shape is not None:
                return shape
        return None

    def numbers(self, pattern: str) -> list[int]:
        """What the one group of the regular expression is wherever it is found, to a name's end."""
        return sorted({int(number) for number in re.findall(rf"{pattern}(?=\n)", self._text)})

    def width(self, pattern: str) -> int | None:
        """The in-width (second dimension) of the weight of that name."""
        shape = self.shape(pattern)
        return shape[1] if shape and len(shape) > 1 else None

    def soon_ending(self, *suffixes: str) -> list[tuple[int, ...]]:
        """The shapes of those of the first hundred names that end so."""
        names = self._begin.split("\n")
        return [
            self._shapes[name] for name in names if name.endswith(suffixes) and name in self._shapes
        ]


_ADAPTER = (
    "lora_down", "lora_up", ".lora_A.", ".lora_B.", ".lora.down.", ".lora.up.", "_lora.down.",
    "lora_linear_layer", ".hada_w1_", ".lokr_w1", ".lokr_w2", ".oft_", ".dora_scale",
    ".lora_magnitude_vector", ".on_input", ".ia3_l", ".boft_",
)  # fmt: skip

_RULES = (
    ("lora", lambda keys: keys.start("lora_unet_", "lora_te")),  # the commonest, told at once
    ("controlnet_lllite", lambda keys: keys.start("lllite_")),
    ("control_lora", lambda keys: keys.exist("lora_controlnet")),
    ("ip_adapter", lambda keys: keys.start("image_proj.", "ip_adapter.")),
    ("lora", lambda keys: keys.start("lycoris_") or keys.have(*_ADAPTER)),
    (
        "controlnet",
        lambda keys: (
            keys.start("control_model.", "controlnet_", "zero_convs.")
            or keys.have(
                "input_hint_block.", "controlnet_cond_embedding.", "controlnet_down_blocks."
            )
        ),
    ),
    (
        "checkpoint",
        lambda keys: (
            keys.start("model.diffusion_model.")
            or (keys.start("unet.") and keys.start("vae.") and keys.start("text_encoder"))
        ),
    ),
    (
        "t2i_adapter",
        lambda keys: (
            keys.start("adapter.body.", "adapter.conv_in.")
            or (keys.start("body.0.block1.", "body.0.resnets.") and keys.exist("conv_in.weight"))
            or (keys.exist("body.0.in_conv.weight") and keys.exist("body.0.out_conv.weight"))
        ),
    ),
    ("unet", lambda keys: keys.match(r"(input_blocks|down_blocks)\.[^\n]*attn2\.to_k")),
    (
        "upscaler",
        lambda keys: (
            keys.exist("conv_first.weight", "body.0.weight")
            or keys.have(".sub.0.RDB1.")
            or keys.start("layers.0.residual_group.")
        ),
    ),
    (
        "vae",
        lambda keys: (
            keys.have("decoder.up.0.", "decoder.up_blocks.0.") and keys.have("decoder.conv_in.")
        ),
    ),
    (
        "tiny_vae",
        lambda keys: (
            keys.have("decoder.layers.", "encoder.layers.0.conv", "encoder.layers.0.weight")
            and not keys.have("self_attn")
            or keys.match(r"\n\d+\.conv\.0\.weight\n")
        ),
    ),
    (
        "image_encoder",
        lambda keys: keys.exist("visual_projection.weight"),
    ),
    (
        "text_encoder",
        lambda keys: (
            keys.have("text_model.encoder.layers.", "token_embedding.weight", "resblocks.0.attn.")
            or keys.match(r"\nencoder\.(layers|block)\.0\.")
        ),
    ),
)
"""Kind -> whether these are names of such a model; the first that fits."""


def kind_of(keys: Keys) -> str:
    """One of `refs.KINDS`, or one of "ip_adapter", "t2i_adapter", "control_lora",
    "controlnet_lllite", "unet" and "text_encoder", or "unknown". Embeddings are told by their
    shapes and not here."""
    return next((kind for kind, fits in _RULES if fits(keys)), "unknown")
