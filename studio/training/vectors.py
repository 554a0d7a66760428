"""The vectors of an embedding that learn: put where its name stands in captions, taken out as other
programs read them."""

from __future__ import annotations

from typing import Any

import torch

from studio.domain.training import EmbeddingTraining
from studio.training.models import Trainee, checkpointed


class Vectors:
    """Those of `training`, for each of the text encoders of `trainee`, (vectors, width) float32.
    Nothing else learns: gradients pass through the U-Net and the text encoders, and change neither.
    """

    changes_texts = True

    def __init__(self, trainee: Trainee, training: EmbeddingTraining) -> None:
        self._training = training
        self.parts = {
            part: torch.nn.Parameter(_first(table, tokenizer, training).to(trainee.device))
            for (part, table), tokenizer in zip(
                trainee.token_tables().items(), trainee.tokenizers, strict=True
            )
        }
        trainee.embeddings[training.name] = tuple(self.parts.values())
        if training.gradient_checkpointing:
            for module in (trainee.unet, *trainee.text_encoders.values()):
                checkpointed(module)

    def groups(self) -> list[dict[str, Any]]:
        """As `Adapter.groups`."""
        return [{"params": list(self.parts.values()), "lr": self._training.learning_rate}]

    def state(self) -> dict[str, torch.Tensor]:
        """Text encoder -> vectors."""
        return {part: vectors.detach().cpu().clone() for part, vectors in self.parts.items()}

    def load_state(self, state: dict[str, torch.Tensor]) -> None:
        with torch.no_grad():
            for part, vectors in self.parts.items():
                vectors.copy_(state[part])

    def exported(self) -> dict[str, torch.Tensor]:
        """As AUTOMATIC1111 names them: `emb_params`, of two text encoders `clip_l` and `clip_g`."""
        names = ("emb_params",) if len(self.parts) == 1 else ("clip_l", "clip_g")
        return dict(zip(names, self.state().values(), strict=True))


def _first(table: torch.Tensor, tokenizer: Any, training: EmbeddingTraining) -> torch.Tensor:
    """(vectors, width), before they have learnt: each the mean of its share of the tokens of the
    initial text, which are shared out in their order, or repeated; without any, that of the whole
    `table` (vocabulary, width)."""
    ids = tokenizer(training.initial_text, add_special_tokens=False, verbose=False).input_ids
    tokens, count = table[ids].float() if ids else table.float().mean(0, True), training.vectors
    bounds = [number * len(tokens) // count for number in range(count + 1)]
    return torch.stack(
        [tokens[a : max(b, a + 1)].mean(0) for a, b in zip(bounds, bounds[1:], strict=False)]
    )
