"""A textual inversion's file -> its vectors, which stand for a word in a prompt.

Three forms are in use: AUTOMATIC1111's, with one tensor under a fixed name; diffusers', with one
under the word itself; and pairs for checkpoints with two text encoders. They are told apart by
names and widths, never by the file's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from studio.domain import embedding_names
from studio.domain.errors import CheckpointError, InvalidRequest
from studio.domain.family import ModelFamily
from studio.domain.refs import ModelRef
from studio.weights.tensor_files import open_tensors

MOST_VECTORS = 75
"""A prompt is encoded in chunks of so many tokens; an embedding must fit into one."""

_MOST_BYTES = 16 * 2**20

_ENCODERS = {
    "clip_l": "text_encoder",
    "clip_g": "text_encoder_2",
    "text_encoders_0": "text_encoder",
    "text_encoders_1": "text_encoder_2",
}
"""Names in a file for checkpoints with two text encoders -> the encoder."""


def read_fitting(
    refs: Iterable[ModelRef], family: ModelFamily, parts: Mapping[str, Mapping[str, Tensor]]
) -> tuple[dict[str, tuple[Tensor, ...]], tuple[str, ...]]:
    """(name -> vectors as `read` gives them, warnings about those that were made for another kind
    of checkpoint, whose names stay words). Raises `CheckpointError` as `read` does."""
    vectors, warnings = {}, []
    for ref in refs:
        try:
            vectors[ref.name] = read(ref, family, parts)
        except InvalidRequest as error:
            warnings.append(embedding_names.passed_over(ref.name, error.message))
    return vectors, tuple(warnings)


def read(
    ref: ModelRef, family: ModelFamily, parts: Mapping[str, Mapping[str, Tensor]] | None = None
) -> tuple[Tensor, ...]:
    """The vectors of `ref`, float32 (vectors, width), one tensor for each text encoder of
    `family`, in the order of its text parts.

    `parts` are the checkpoint's weights; with them the widths are checked. Raises
    `CheckpointError` for a file that is missing, broken or no embedding, `InvalidRequest` for
    one that was made for another kind of checkpoint.
    """
    vectors = _vectors(ref)
    encoders = family.text_parts
    if list(vectors) == [""]:
        # One tensor, of which the file does not say whose it is.
        vectors = {encoders[0]: vectors[""]} if len(encoders) == 1 else {}
    if set(vectors) != set(encoders):
        raise _other_family(ref, family, f"vectors for {len(encoders)} text encoder(s)")
    for part in encoders if parts is not None else ():
        width = _width(parts[part])
        if vectors[part].shape[1] != width:
            widths = f"{vectors[part].shape[1]} wide, the text encoder {width}"
            raise _other_family(ref, family, f"vectors of another width (these are {widths})")
    return tuple(vectors[part] for part in encoders)


def _vectors(ref: ModelRef) -> dict[str, Tensor]:
    """Text encoder -> vectors; "" where the file does not tell which encoder they are for."""
    if not ref.path.exists():
        raise CheckpointError(
            f"embedding {ref.name}: the file {ref.path.name} is gone. Put it back, or take "
            f"{ref.name} out of the prompt."
        )
    file = open_tensors(ref.path)
    if file.size_bytes(file.shapes) > _MOST_BYTES:
        raise CheckpointError(f"{ref.path.name} is too large to be an embedding.")
    tensors: dict[str, Tensor] = {}
    for _, group in file.read(file.shapes, None):
        tensors.update(group)
    if set(tensors) & set(_ENCODERS):
        vectors = {_ENCODERS[n]: t for n, t in tensors.items() if n in _ENCODERS}
    elif "emb_params" in tensors or len(tensors) == 1:
        vectors = {"": tensors.get("emb_params", next(iter(tensors.values())))}
    else:
        raise _no_embedding(ref, f"it holds {len(tensors)} tensors")
    vectors = {part: _checked(ref, tensor) for part, tensor in vectors.items()}
    counts = {len(tensor) for tensor in vectors.values()}
    if len(counts) > 1:
        raise _no_embedding(ref, "it has different numbers of vectors for the two text encoders")
    return vectors


def _checked(ref: ModelRef, tensor: Tensor) -> Tensor:
    if tensor.ndim not in (1, 2) or not tensor.is_floating_point():
        raise _no_embedding(ref, f"it holds a tensor of shape {tuple(tensor.shape)}")
    vectors = tensor.float().reshape(-1, tensor.shape[-1])
    if not vectors.numel():
        raise _no_embedding(ref, "it holds no vectors")
    if len(vectors) > MOST_VECTORS:
        raise CheckpointError(
            f"embedding {ref.name} has {len(vectors)} vectors; a prompt has room for "
            f"{MOST_VECTORS}."
        )
    if not torch.isfinite(vectors).all():
        raise CheckpointError(
            f"embedding {ref.name} is damaged: not all its numbers are finite. Get it again."
        )
    return vectors


def _width(part: Mapping[str, Tensor]) -> int:
    return next(t.shape[1] for key, t in part.items() if key.endswith("token_embedding.weight"))


def _no_embedding(ref: ModelRef, cause: str) -> CheckpointError:
    return CheckpointError(
        f"{ref.path.name} is not an embedding that is known here: {cause}. Get it again, or take "
        f"{ref.name} out of the prompt."
    )


def _other_family(ref: ModelRef, family: ModelFamily, wanted: str) -> InvalidRequest:
    other = ref.family is not None and ref.family.name != family.name
    made_for = ref.family.name if other else "another kind of checkpoint"
    return InvalidRequest(
        f"it is for {made_for}, the checkpoint is {family.name}, which needs {wanted}"
    )
