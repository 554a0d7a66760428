"""The models of a lease, conditioned by a drawing's prompts: what answers its passes' asks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image

from studio.diffusion import conditioning, control, predictors, preview
from studio.diffusion.conditioning import Conditioning
from studio.domain.control import ControlInput
from studio.domain.geometry import Size
from studio.engine.controlling import Controls
from studio.engine.recipe import Draw
from studio.engine.run import Resources
from studio.engine.vae import Vae
from studio.imaging.passes import Pass
from studio.residence.lease import Lease


class Conditioned:
    """`lease` at the disposal of `draw`, for batches of `rows` pictures.

    controls  the ControlNet units, whose nets are among the models
    canvas    RGB, what units without a picture of their own make their maps from; None: there is
              none
    """

    def __init__(
        self,
        lease: Lease,
        draw: Draw,
        controls: Sequence[ControlInput],
        rows: int,
        canvas: Image.Image | None,
        resources: Resources,
    ) -> None:
        self._lease, self._models = lease, lease.models
        self._controls = Controls(controls, lease.selection, resources.read, resources.map_of)
        self.family = self._models.ref.family
        if self._models.image_encoders:
            lease.bring("image_encoder")
            nets, encoders = self._models.controlnets, self._models.image_encoders
            self._controls.look(nets, encoders, canvas)
        lease.bring(*self.family.text_parts, "vae")
        self.vae = Vae(lease)
        self._conditioning = self._condition(draw, rows, resources.manager.device)

    @property
    def takes_mask(self) -> bool:
        """Its backbone takes mask and masked latents beside the latents (9 channels)."""
        return self._models.backbone.config.in_channels > self.family.latent_channels

    def conditioning(self, size: Size) -> Conditioning:
        """What a picture of `size` is steered by."""
        return self.family.at_size(self._conditioning, size)

    def predictor(self, pass_: Pass, canvas: Image.Image | None) -> predictors.Predictor:
        """The backbone with its ControlNets, guided, for `pass_` over `canvas` (as above)."""
        self._lease.bring(self.family.backbone)
        predictor = self.family.predictor(self._models.backbone)
        if self._controls.units:
            units = self._controls.at_work(self._models.controlnets, pass_, canvas)
            predictor = control.Controlled(predictor, units)
        return predictors.ClassifierFreeGuidance(predictor, self.family.guided)

    def previewer(self) -> preview.Previewer:
        factors = self.family.preview_factors, self.family.preview_bias
        return preview.previewer(factors, self._models.preview_decoder, self._models.tiny_vae)

    def _condition(self, draw: Draw, rows: int, device: torch.device) -> Conditioning:
        """The same text for every row of the batch."""
        models = self._models
        text = conditioning.TextModels(
            self.family, models.tokenizers, models.text_encoders, models.embeddings
        )
        prompts = draw.prompt, draw.negative_prompt
        return self.family.condition(prompts, draw.sampling, rows, draw.size, text, device)
