"""Names for what lies on disk: enough to show it in a menu and to load it, nothing loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from studio.domain.family import ModelFamily

KINDS = (
    "checkpoint",
    "lora",
    "embedding",
    "vae",
    "tiny_vae",
    "controlnet",
    "image_encoder",
    "upscaler",
)
"""What a model file can be. An embedding is a textual inversion, a tiny VAE a TAESD decoder; what
a control unit can name is a ControlNet, of one of ARCHITECTURES; an image encoder is what some of
them see with."""

ARCHITECTURES = ("controlnet", "union", "t2i_adapter", "ip_adapter")
"""What is called a ControlNet here: one for one type of map, ControlNet-Union for several, a
T2I-Adapter, or an IP-Adapter, whose map is a picture that prompts."""


@dataclass(frozen=True)
class ModelRef:
    """A file or folder that the studio can use; all of it is known from headers alone.

    name             unique among those of its kind, as it stands in requests and menus
    kind             one of KINDS
    path             the file, or the folder in diffusers layout
    family           None where the header does not tell
    layout           "diffusers" (a folder), "single" (one file in the original or diffusers keys);
                     a LoRA's dialect: "kohya", "diffusers" or "peft", or what it is instead of
                     a plain LoRA: "loha", "lokr", "dora" or "ia3"
    task             what its U-Net is for: "base", "inpaint", "depth" or "pix2pix"
    prediction_type  what the U-Net predicts: "epsilon" or "v_prediction"; None: cannot be told
    zero_snr         trained with a schedule that ends in pure noise (arXiv:2305.08891)
    dtype            of most of its weights, as in torch: "float16"
    rank, vectors    of a LoRA, of an embedding
    architecture     of a ControlNet: one of ARCHITECTURES, "" being the first of them
    control_types    of a ControlNet-Union: those of `preprocessor_spec.CONTROL_TYPES` that it knows
    image_features   of an image encoder, how wide is what it says of a picture: its layers and its
                     embedding; of an IP-Adapter, what it wants of these, 0 where it reads no such
    """

    name: str
    kind: str
    path: Path
    family: ModelFamily | None = None
    layout: str = "diffusers"
    task: str = "base"
    prediction_type: str | None = None
    zero_snr: bool = False
    dtype: str = ""
    size_bytes: int = 0
    modified_ns: int = 0
    rank: int | None = None
    vectors: int | None = None
    title: str = ""
    trigger_words: tuple[str, ...] = ()
    architecture: str = ""
    control_types: tuple[str, ...] = ()
    image_features: tuple[int, ...] = ()


@dataclass(frozen=True)
class LoraUse:
    """A LoRA and how much of it is added to the U-Net and to the text encoders."""

    ref: ModelRef
    weight: float = 1.0
    text_encoder_weight: float = 1.0


@dataclass(frozen=True)
class Selection:
    """All that one request needs in memory. `vae` None is the checkpoint's own; `tiny_vae` shows
    the forming picture, where the checkpoint brings nothing better. A ControlNet that several
    units use stands in `controlnets` once, as does an image encoder of several IP-Adapters."""

    checkpoint: ModelRef
    vae: ModelRef | None = None
    loras: tuple[LoraUse, ...] = ()
    embeddings: tuple[ModelRef, ...] = ()
    tiny_vae: ModelRef | None = None
    controlnets: tuple[ModelRef, ...] = ()
    image_encoders: tuple[ModelRef, ...] = ()
