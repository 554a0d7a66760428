"""What a safetensors file is, told from the names and shapes in its header alone.

Its name and folder say nothing here: people keep LoRAs among their checkpoints.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from studio.catalog import metadata as notes
from studio.catalog.header import Header
from studio.catalog.keys import (
    Keys,
    kind_of,
)
from studio.catalog.upscalers import architecture_of, scale_of
from studio.domain.preprocessor_spec import union_types
from studio.domain.refs import ModelFacts
from studio.families import recognition
from studio.families.stable_diffusion.family import PICTUREBOOK, SD1, SD2, SDXL
from studio.families.stable_diffusion.recognition import (
    FAMILY_OF_TEXT_WIDTH,
    checkpoint,
    family_of_header,
    family_of_text_width,
)

_USELESS = {
    "control_lora": "is a Control-LoRA, which the studio cannot use yet. Use a ControlNet instead.",
    "controlnet_lllite": "is a ControlNet-LLLite, which the studio cannot use yet. "
    "Use a ControlNet instead.",
    "unet": "is a U-Net alone. A checkpoint needs its text encoder and VAE too.",
    "text_encoder": "is a text encoder alone. A checkpoint needs its U-Net and VAE too.",
    "unknown": "is no kind of model that the studio knows.",
}


def probe_header(name: str, header: Header) -> ModelFacts:
    """What the file with this header is; `name` is for messages."""
    keys = Keys(header.shapes, header.shapes)
    known = recognition.of_header(keys)
    if known is not None:
        return _named(ModelFacts(**known), name, header)
    kind = kind_of(keys)
    if kind == "unknown" and architecture_of(keys):
        kind = "upscaler"
    if kind == "unknown" and _embedding_rows(header):
        kind = "embedding"
    facts = ModelFacts(
        kind=kind,
        family=family_of_header(keys, header.metadata),
        prediction_type=notes.prediction_type(header.metadata),
        zero_snr=notes.zero_snr(header.metadata),
        dtype=header.dtype,
        title=notes.title(header.metadata),
        trigger_words=notes.trigger_words(header.metadata),
        tensors=len(header.shapes),
        problem=_USELESS.get(kind, ""),
    )
    return examined(facts, name, keys, header)


def _named(facts: ModelFacts, name: str, header: Header) -> ModelFacts:
    """With what any header tells."""
    return replace(
        facts,
        dtype=header.dtype,
        title=notes.title(header.metadata),
        tensors=len(header.shapes),
        problem=facts.problem and f"{name} {facts.problem}",
    )


def examined(facts: ModelFacts, name: str, keys: Keys, header: Header | None = None) -> ModelFacts:
    """With what its kind alone tells. `header` None: a pickle, of which only names are known."""
    details = {
        "checkpoint": checkpoint,
        "lora": _lora,
        "controlnet": _controlnet,
        "t2i_adapter": _t2i_adapter,
        "ip_adapter": _ip_adapter,
        "image_encoder": _image_encoder,
        "vae": _vae,
        "tiny_vae": _tiny_vae,
        "upscaler": _upscaler,
    }
    if facts.kind in details:
        facts = details[facts.kind](facts, keys)
    elif facts.kind == "embedding" and header:
        facts = with_vectors(facts, [info.shape for info in header.tensors.values()])
    return replace(facts, problem=facts.problem and f"{name} {facts.problem}")


_DIALECTS = (
    ("dora", (".dora_scale", ".lora_magnitude_vector")),
    ("loha", (".hada_w1_",)),
    ("lokr", (".lokr_w1", ".lokr_w2")),
    ("glora", (".b1.weight",)),
    ("boft", (".boft_",)),
    ("oft", (".oft_",)),
    ("ia3", (".on_input", ".ia3_l")),
    ("peft", ("base_model.model.",)),
    ("diffusers", (".lora_A.", ".lora.down.", "_lora.down.", ".lora_linear_layer.")),
)
"""A LoRA's layout -> what some of its names contain; the first that fits, else kohya's."""

_RANKED = (
    ".lora_down.weight", ".lora_A.weight", ".lora_A.default.weight", ".lora.down.weight",
    "_lora.down.weight", ".hada_w1_b", ".lokr_w1_b", ".lokr_w2_b", ".b2.weight",
)  # fmt: skip
"""Ends of the names of tensors with a row a rank."""

_FOREIGN = ("double_blocks", "single_blocks", "single_transformer_blocks", "joint_blocks")
"""Parts of names that only families have which the studio cannot run."""


def _lora(facts: ModelFacts, keys: Keys) -> ModelFacts:
    layout = next((name for name, parts in _DIALECTS if keys.soon_have(*parts)), "kohya")
    ranks = Counter(shape[0] for shape in keys.soon_ending(*_RANKED) if shape)
    facts = replace(facts, layout=layout, rank=ranks.most_common(1)[0][0] if ranks else None)
    if facts.family is None and keys.have(*_FOREIGN, "transformer_blocks.0.attn.add_"):
        problem = "is a LoRA for a family that the studio cannot run, as SD 3 or Flux."
        return replace(facts, problem=problem)
    blocks = keys.shape(r"\.oft_blocks")
    if layout == "boft" or (blocks and len(blocks) == 4):
        problem = "is a BOFT adapter, which the studio cannot use yet. Use a LoRA instead."
        return replace(facts, layout="boft", problem=problem)
    if layout == "oft" and not keys.soon_have(".oft_blocks"):
        problem = (
            "is an OFT adapter of peft's, which the studio cannot use yet. Use a LoRA instead."
        )
        return replace(facts, problem=problem)
    return facts


def _controlnet(facts: ModelFacts, keys: Keys) -> ModelFacts:
    if keys.have("control_add_embedding.") and keys.have("task_embedding"):
        shape = keys.shape("task_embedding")
        return replace(
            facts, architecture="union", control_types=union_types(shape[0] if shape else None)
        )
    if keys.have(*_FOREIGN, "pos_embed"):
        problem = "is a ControlNet for a family that the studio cannot run, as SD 3 or Flux."
        return replace(facts, family=None, problem=problem)
    return replace(facts, layout="difference") if keys.exist("difference") else facts


def _t2i_adapter(facts: ModelFacts, keys: Keys) -> ModelFacts:
    """For SDXL maps are cut into larger squares. Those for SD 1.x are told from a picturebook's by
    how wide their features are."""
    facts = replace(facts, kind="controlnet", architecture="t2i_adapter")
    if keys.have(".skep."):
        return replace(facts, problem="is a T2I-Adapter of an early form. Get a newer version.")
    into = keys.shape(r"conv_in\.weight") or keys.shape(r"body\.0\.in_conv\.weight")
    out = keys.shape(r"conv_in\.weight") or keys.shape(r"body\.0\.out_conv\.weight")
    if not into or not out or len(into) != 4:
        return facts
    if into[1] in (256, 768):
        return replace(facts, family=SDXL)
    return replace(facts, family=SD1 if out[0] >= 320 else PICTUREBOOK)


def _ip_adapter(facts: ModelFacts, keys: Keys) -> ModelFacts:
    """Those that see with CLIP; of faces, others see with networks that are not CLIP."""
    family = family_of_text_width(keys.width(r"to_k_ip\.weight"))
    facts = replace(facts, kind="controlnet", architecture="ip_adapter", family=family)
    plain = keys.width(r"\nimage_proj\.proj\.weight")
    plus = keys.width(r"\nimage_proj\.proj_in\.weight")
    full = keys.width(r"\nimage_proj\.proj\.0\.weight")
    if (
        keys.have("to_k_lora", "perceiver_resampler")
        or keys.exist("image_proj.norm.weight")
        and full
    ):
        return replace(facts, problem="is an IP-Adapter FaceID, which the studio cannot use.")
    if family is None or not (plain or plus or full):
        problem = "is an IP-Adapter for a family or of a form that the studio cannot run."
        return replace(facts, family=None, problem=problem)
    return replace(facts, image_features=(0, plain) if plain else (plus or full, 0))


def _image_encoder(facts: ModelFacts, keys: Keys) -> ModelFacts:
    layers = keys.shape(r"\nvision_model\.embeddings\.class_embedding")
    projection = keys.shape(r"\nvisual_projection\.weight")
    if not layers or not projection or not keys.have("vision_model.encoder.layers."):
        return replace(facts, problem="is an image encoder of which a part is missing.")
    return replace(facts, family=None, image_features=(layers[0], projection[0]))


def _vae(facts: ModelFacts, keys: Keys) -> ModelFacts:
    """The VAEs of SD 1.x, SD 2.x and SDXL have one shape: whose it is can only be noted in it."""
    shape = keys.shape(r"decoder\.conv_in\.weight")
    if keys.have("quantize.embedding"):
        return replace(facts, problem="is a VQ model, which the studio cannot use.")
    if shape and shape[1] != 4:
        problem = f"is a VAE with {shape[1]} latent channels. The studio's families have 4 or 16."
        return replace(facts, problem=problem)
    if shape and shape[0] < 512:
        return replace(facts, family=PICTUREBOOK)
    return facts if facts.family is SDXL else replace(facts, family=None)


def _tiny_vae(facts: ModelFacts, keys: Keys) -> ModelFacts:
    shape = keys.shape(r"decoder\.layers\.0\.weight|\n1\.weight")
    if not keys.have("decoder.layers.") and keys.exist("0.weight"):
        return replace(facts, problem="is the encoder of a TAESD alone. Get its decoder.")
    if shape and len(shape) == 4 and shape[1] != 4:
        problem = f"is a tiny VAE with {shape[1]} latent channels. The studio's families have 4."
        return replace(facts, problem=problem)
    return facts


def _upscaler(facts: ModelFacts, keys: Keys) -> ModelFacts:
    architecture = architecture_of(keys)
    facts = replace(facts, family=None)
    if architecture is None:  # the library that runs it may know more of them
        return facts
    return replace(facts, architecture=architecture, scale=scale_of(architecture, keys))


MAX_EMBEDDING_BYTES = 16 * 2**20
_MAX_VECTORS = 1000
_EMBEDDING_NAMES = ("emb_params", "clip_l", "clip_g")


def _embedding_rows(header: Header) -> int | None:
    """How many vectors a textual inversion has; None: it is none."""
    if not 1 <= len(header.shapes) <= 4 or header.data_bytes > MAX_EMBEDDING_BYTES:
        return None
    tensors = header.tensors
    named = any(name in tensors for name in _EMBEDDING_NAMES)
    rows = []
    for info in tensors.values():
        is_vector = 1 <= len(info.shape) <= 2 and info.dtype in ("F16", "BF16", "F32", "F64")
        fits = is_vector and (named or info.shape[-1] in (*FAMILY_OF_TEXT_WIDTH, _OWN_WIDTH))
        if not fits:
            return None
        rows.append(info.shape[0] if len(info.shape) == 2 else 1)
    return max(rows) if 0 < max(rows) <= _MAX_VECTORS else None


_OWN_WIDTH = 192
"""Width of picturebook's text."""


def with_vectors(facts: ModelFacts, shapes: Iterable[tuple[int, ...]]) -> ModelFacts:
    """An embedding's facts, from the shapes of its tensors; those of numbers do not count."""
    vectors = [shape for shape in shapes if len(shape) in (1, 2) and shape[-1] > 1]
    widths = {shape[-1] for shape in vectors}
    if not widths:
        return facts
    if 1280 in widths:
        family = SDXL
    elif max(widths) < 768:
        family = PICTUREBOOK
    else:
        family = {768: SD1, 1024: SD2}.get(max(widths))
    rows = max(shape[0] if len(shape) == 2 else 1 for shape in vectors)
    return replace(facts, family=family, vectors=rows)
