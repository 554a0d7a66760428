"""Names for what lies on disk: enough to show it in a menu and to load it, nothing loaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from studio.domain.family import ModelFamily
from studio.domain.notes import NO_NOTES, Notes

KINDS = (
    "checkpoint",
    "lora",
    "embedding",
    "vae",
    "tiny_vae",
    "controlnet",
    "text_encoder",
    "image_encoder",
    "upscaler",
    "detector",
)
"""What a model file can be. An embedding is a textual inversion, a tiny VAE a TAESD decoder; what
a control unit can name is a ControlNet, of one of ARCHITECTURES; an image encoder is what some of
them see with, a text encoder what checkpoints read with that bring none; a detector finds things
in pictures."""

ARCHITECTURES = ("controlnet", "union", "t2i_adapter", "ip_adapter")
"""What is called a ControlNet here: one for one type of map, ControlNet-Union for several, a
T2I-Adapter, or an IP-Adapter, whose map is a picture that prompts."""


@dataclass(frozen=True)
class Preview:
    """A picture file that lies beside a model."""

    path: Path
    modified_ns: int


@dataclass(frozen=True)
class ModelFile:
    """A file, or a folder in diffusers layout; of a folder, `size_bytes` is the sum and
    `modified_ns` the newest of its files. `root` is the folder the search began in, if there was
    one, `preview` a picture of what it makes that lies beside it."""

    path: Path
    size_bytes: int = 0
    modified_ns: int = 0
    root: Path | None = None
    is_folder: bool = False
    preview: Preview | None = None


@dataclass(frozen=True)
class ModelFacts:
    """What a model is, known from headers alone.

    kind             one of KINDS, or a word for what the studio cannot use
    family           None where the header does not tell
    layout           "diffusers" (a folder), "single" (one file in the original or diffusers keys),
                     "difference" (of a ControlNet: such a file of its difference from a U-Net); a
                     LoRA's dialect: "kohya", "diffusers" or "peft", or what it is instead of
                     a plain LoRA: "loha", "lokr", "dora", "glora", "oft", "boft" or "ia3"
    task             what its U-Net is for: "base", "inpaint", "depth" or "pix2pix"
    prediction_type  what the U-Net predicts: "epsilon" or "v_prediction"; None: cannot be told
    zero_snr         trained with a schedule that ends in pure noise (arXiv:2305.08891)
    dtype            of most of its weights, as in torch: "float16"
    rank, vectors    of a LoRA, of an embedding
    architecture     of a ControlNet: one of ARCHITECTURES, "" being the first of them; of an
                     detector "yolo"; of an upscaler, "ESRGAN", "SwinIR", …, "" where only the
                     network itself tells
    scale            of an upscaler: how many times as wide and high its pictures become
    control_types    of a ControlNet-Union: those of `preprocessor_spec.CONTROL_TYPES` that it knows
    image_features   of an image encoder, how wide is what it says of a picture: its layers and its
                     embedding; of an IP-Adapter, what it wants of these, 0 where it reads no such
    flow_shift       of a checkpoint under the flow law, the shift of its noise levels; None: usual
    classes          of a detector: what it knows, by number
    lacks            the parts of a checkpoint that must come from other files
    tensors          how many there are
    problem          why it cannot be used, with the next step; "" if it can
    """

    kind: str
    family: ModelFamily | None = None
    layout: str = "single"
    task: str = "base"
    prediction_type: str | None = None
    zero_snr: bool = False
    dtype: str = ""
    rank: int | None = None
    vectors: int | None = None
    title: str = ""
    trigger_words: tuple[str, ...] = ()
    architecture: str = ""
    scale: int | None = None
    control_types: tuple[str, ...] = ()
    image_features: tuple[int, ...] = ()
    flow_shift: float | None = None
    classes: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    tensors: int = 0
    problem: str = ""


@dataclass(frozen=True)
class ModelRef:
    """A model that the studio can use. `name` is unique among those of its kind, as it stands in
    requests and menus; `notes` are the artist's."""

    name: str
    file: ModelFile
    facts: ModelFacts
    notes: Notes = NO_NOTES

    @property
    def path(self) -> Path:
        return self.file.path

    @property
    def kind(self) -> str:
        return self.facts.kind

    @property
    def family(self) -> ModelFamily | None:
        return self.facts.family

    @property
    def prediction_type(self) -> str | None:
        """As noted, else as its header tells."""
        return self.notes.prediction_type or self.facts.prediction_type

    @property
    def zero_snr(self) -> bool:
        """As noted, else as its header tells."""
        noted = self.notes.zero_snr
        return self.facts.zero_snr if noted is None else noted


@dataclass(frozen=True)
class LoraUse:
    """A LoRA and how much of it is added to the U-Net and to the text encoders."""

    ref: ModelRef
    weight: float = 1.0
    text_encoder_weight: float = 1.0


@dataclass(frozen=True)
class Selection:
    """All that one request needs in memory. `vae` and `text_encoder` None are the checkpoint's own;
    `tiny_vae` shows
    the forming picture, where the checkpoint brings nothing better. A ControlNet that several
    units use stands in `controlnets` once, as does an image encoder of several IP-Adapters.
    `upscalers` are lent by themselves, one after the other. `warnings` say what the request names
    and does not get. Neither makes another selection."""

    checkpoint: ModelRef
    vae: ModelRef | None = None
    loras: tuple[LoraUse, ...] = ()
    embeddings: tuple[ModelRef, ...] = ()
    tiny_vae: ModelRef | None = None
    controlnets: tuple[ModelRef, ...] = ()
    image_encoders: tuple[ModelRef, ...] = ()
    text_encoder: ModelRef | None = None
    upscalers: tuple[ModelRef, ...] = field(default=(), compare=False)
    warnings: tuple[str, ...] = field(default=(), compare=False)
