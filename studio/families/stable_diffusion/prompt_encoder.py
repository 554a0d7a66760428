"""How CLIP's text encoders are read, as data."""

from __future__ import annotations

from dataclasses import dataclass

END_OF_TEXT = "<|endoftext|>"


@dataclass(frozen=True)
class PromptEncoder:
    """How one of a family's text encoders turns a prompt into embeddings.

    part             the part of the checkpoint: "text_encoder" or "text_encoder_2"
    layer            the layer the family was trained on, counted as artists count CLIP skip: 1 is
                     the last, 2 the one before; a request can only go further down
    left_out         so many last layers are never stored, as nothing uses them
    final_norm       the encoder's last layer norm is applied to the layer taken
    pooled           its projected end-of-text embedding conditions the U-Net too
    pad_token        fills a chunk up
    depth            layers of the whole encoder, those left out included
    activation       in its layers: "quick_gelu" of OpenAI's CLIP, "gelu" of OpenCLIP's
    head_width       of its attention
    """

    part: str = "text_encoder"
    layer: int = 1
    left_out: int = 0
    final_norm: bool = True
    pooled: bool = False
    pad_token: str = END_OF_TEXT
    depth: int = 12
    activation: str = "quick_gelu"
    head_width: int = 64
