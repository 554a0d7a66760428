"""Model families: what the rest of the studio knows of a kind of network.

A family is an object of its own folder in `families/`. It is data, and what only its folder knows
to do; whoever holds a model asks its family, and nothing branches on a name.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from studio.domain.prompt_emphasis import Segment


@dataclass(frozen=True)
class ModelFamily(ABC):
    """What a family is, and what it answers. Its methods import what they need when they are
    called, so that asking a family for its sizes costs no torch.

    native_size      (width, height) in pixels it was trained on; a model of the family that was
                     trained at another is still of it, and so are sizes and latents of its own
    bears            (least, most) times the native area that a picture from noise alone may have
                     before things in it fall apart, or double; 0 and infinite: no limit is told
    sizes            presets worth offering, (width, height) in pixels
    steps            sensible default
    guidance_scale   sensible default
    example_prompts  four that suit it, for the empty page
    preview_factors  latents to colours in −1…1: a row of (red, green, blue) for each channel
    preview_bias     added to these colours
    latent_channels  channels of the VAE's latents
    vae_factor       pixels a latent cell is wide
    latent_scale     what its VAE's latents are multiplied by, to have a spread of about 1,
    latent_shift     after this was taken from them
    latent_space     families with the same one can go on with each other's latents
    vae_norm_groups  groups that each group norm of its VAE has
    backbone         the part that predicts: "unet" or "transformer", as diffusers calls it
    where            part -> where to get it, for files that come without
    takes            which kinds of model can be added to its own: of "lora", "embedding" and
                     "controlnet"
    takes_weights    its text encoders' words can be told to count more or less, as in (moon:1.3)
    tells_words      its backbone reads the prompt by cross attention, by which it is told where
                     each word acts
    has_deep_blocks  its backbone is a U-Net, of which the deep blocks can be left out at some calls
    has_plain_calls  its backbone's calls are of tensors alone, and can be left to an execution
    """

    name: str
    native_size: tuple[int, int] = field(compare=False)
    sizes: tuple[tuple[int, int], ...] = field(compare=False)
    steps: int
    guidance_scale: float
    example_prompts: tuple[str, ...]
    preview_factors: tuple[tuple[float, float, float], ...]
    preview_bias: tuple[float, float, float] = (0.0, 0.0, 0.0)
    latent_channels: int = 4
    vae_factor: int = 8
    latent_scale: float = 0.18215
    latent_shift: float = 0.0
    latent_space: str = field(default="SD", compare=False)
    vae_norm_groups: int = 32
    backbone: str = "unet"
    where: Mapping[str, str] = field(default_factory=dict, hash=False)
    takes: frozenset[str] = frozenset()
    bears: tuple[float, float] = field(default=(0.0, math.inf), compare=False)
    takes_weights: bool = False
    tells_words: bool = False
    has_deep_blocks: bool = False
    has_plain_calls: bool = False

    def learnt_at(self, side: int) -> ModelFamily:
        """The family for a model of it that was trained at `side` × `side` pixels, with a VAE of
        its own."""
        native = min(self.native_size)
        if side == native:
            return self
        sizes = ((width * side // native, height * side // native) for width, height in self.sizes)
        return replace(
            self,
            native_size=(side, side),
            sizes=tuple(sizes),
            latent_space=f"{self.latent_space} {side}",
        )

    @property
    def text_parts(self) -> tuple[str, ...]:
        """The parts that read the prompt, in the order in which `condition` wants them."""
        return ("text_encoder",)

    @abstractmethod
    def objection(self, sampling: Any) -> tuple[str, str] | None:
        """(why, field) where the sampler or the noise schedule of a `domain.sampling.Sampling`
        does not suit the family."""

    @abstractmethod
    def open(self, ref: Any, dtype: Any) -> Any:
        """The `weights.sources.Source` of a checkpoint or of a text encoder of its own, headers
        alone read. Raises `CheckpointError`."""

    @abstractmethod
    def tokenizers(self, ref: Any) -> Any:
        """Those of a checkpoint, in the order of its text parts; no weights are read. Raises
        `CheckpointError`."""

    @abstractmethod
    def count(self, pieces: Sequence[Segment], tokenizers: Any) -> tuple[int, int]:
        """(tokens, chunks) of a text, without marks and padding."""

    def unknown(self, words: Sequence[str], tokenizers: Any) -> list[str]:
        """Those of `words` that its vocabulary holds in crumbs alone."""
        return []

    @abstractmethod
    def texts(
        self,
        asked: Sequence[tuple[Sequence[Segment], bool]],
        sampling: Any,
        models: Any,
        device: Any,
    ) -> Any:
        """What `asked`, texts in pieces with whether they are negative, say to the backbone: a
        `diffusion.conditioning.Text` for each, all of one length, read by
        `diffusion.conditioning.TextModels`. Raises `InvalidRequest`."""

    def token_starts(self, pieces: Sequence[Segment], models: Any) -> list[tuple[int, int]]:
        """Of each token of a text: where it stands in the joined texts of `pieces`, and its place
        among the L of the `Text` that `texts` makes of them. For families that tell words."""
        return []

    def at_size(self, text: Any, is_negative: bool, size: tuple[int, int]) -> Any:
        """The same `Text` for a picture of `size`, where the family is told of sizes."""
        return text

    @abstractmethod
    def predictor(self, backbone: Any, execution: Any = None) -> Any:
        """The call of its `backbone`: a `diffusion.shared_call.Predictor`, which leaves to
        `execution`, a `diffusion.execution.Execution`, what that can do. None: nothing."""

    def guided(self, negative: Any, positive: Any, scale: Any) -> Any:
        """Classifier-free guidance of `scale`, 1 being none (arXiv:2207.12598, eq. 6)."""
        return negative + scale * (positive - negative)

    @abstractmethod
    def scheduler(self, ref: Any, sampling: Any, seeds: Sequence[int]) -> Any:
        """A fresh `diffusion.scheduler.Scheduler` by the family's law of time, for the checkpoint
        `ref` and the sampler that `sampling` names. Raises `InvalidRequest`."""
