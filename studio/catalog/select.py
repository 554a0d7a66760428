"""From the names in a request to the files they stand for."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import PurePath

from studio.catalog import upscaler_names
from studio.catalog.catalog import Catalog
from studio.catalog.otherwise import left_out
from studio.catalog.tiny_vaes import tiny_vae_for
from studio.domain import embedding_names
from studio.domain.control import ControlInput
from studio.domain.errors import InvalidRequest, UnknownCheckpoint, UnknownModel, about
from studio.domain.prompt_dialects import pieces, reading
from studio.domain.refs import LoraUse, ModelRef, Selection
from studio.domain.request import GenerationRequest
from studio.domain.tasks import TextToImage

_RUNNABLE_TASKS = ("base", "inpaint")


def select(catalog: Catalog, request: GenerationRequest) -> Selection:
    """All that `request` needs in memory.

    Raises `UnknownCheckpoint` or `UnknownModel` where a name is not in the catalog, and
    `InvalidRequest` where a model is of another family than the checkpoint or cannot be run.
    """
    checkpoint = _checkpoint(catalog, request.checkpoint)
    task = checkpoint.facts.task
    if checkpoint.family is None or task not in _RUNNABLE_TASKS:
        what = "of a family" if checkpoint.family is None else f"for {task}, a task"
        raise InvalidRequest(
            f"{checkpoint.name} is {what} that cannot be run here. Choose another.", "checkpoint"
        )
    _check_family(checkpoint, request)
    vae = (
        catalog.find(request.vae, "vae") if request.vae else _companion(catalog, checkpoint, "vae")
    )
    uses = _loras(catalog, request, checkpoint)
    embeddings, warnings = _embeddings(catalog, request, checkpoint)
    if not _are_weights_read(request, checkpoint):
        warnings = (*warnings, f"{checkpoint.family.name} reads brackets and weights as letters.")
    warnings = (*warnings, *_about_size(request, checkpoint))
    controlnets = _controlnets(catalog, request, checkpoint)
    return Selection(
        checkpoint,
        vae,
        uses,
        embeddings,
        tiny_vae_for(catalog, checkpoint.family),
        controlnets,
        _image_encoders(catalog, controlnets),
        _companion(catalog, checkpoint, "text_encoder"),
        upscaler_names.named_in(catalog, request),
        warnings,
    )


def _checkpoint(catalog: Catalog, name: str | None) -> ModelRef:
    try:
        return catalog.find(name)
    except UnknownCheckpoint as error:
        unknown = error
    try:
        other = catalog.find(name, "upscaler").name
    except UnknownModel:
        raise unknown from None
    message = f"{other} is no checkpoint, but an upscaler, which draws nothing by itself."
    raise UnknownCheckpoint(f"{message} {unknown.message}", unknown.field)


def _about_size(request: GenerationRequest, checkpoint: ModelRef) -> tuple[str, ...]:
    """What to know of a picture from noise alone that leaves the sizes which were learnt."""
    size, family = (request.width, request.height), checkpoint.family
    if None in size or not isinstance(request.task, TextToImage):
        return ()
    times = math.prod(size) / math.prod(family.native_size)
    least, most = family.bears
    if least <= times <= most:
        return ()
    falls = "fall apart" if times < 1 else "double or lose their shape"
    asked, native = ("×".join(map(str, each)) for each in (size, family.native_size))
    better = f"draw at about {native}" + ("" if times < 1 else ' with "hires", or enlarge it after')
    told = f"{checkpoint.name} learnt pictures of about {native} pixels: at {asked} things may"
    return (f"{told} {falls}. To be sure, {better}.",)


_ADDED = {"lora": ("loras", "LoRAs"), "controlnet": ("controls", "ControlNets")}
"""Kind -> the field that names such models, and what they are called."""


def _check_family(checkpoint: ModelRef, request: GenerationRequest) -> None:
    """Refuse what the family of the checkpoint cannot do."""
    family = checkpoint.family
    for kind, (field, words) in _ADDED.items():
        if getattr(request, field) and kind not in family.takes:
            raise InvalidRequest(
                f"{checkpoint.name} is {family.name}, to which the studio cannot add {words} yet. "
                "Take them out, or choose another checkpoint.",
                f"{field}.0",
            )
    if objection := family.objection(request):
        raise InvalidRequest(*objection)


def _companion(catalog: Catalog, checkpoint: ModelRef, part: str) -> ModelRef | None:
    """What stands in for a part that the file of the checkpoint lacks."""
    if part not in checkpoint.facts.lacks:
        return None
    family = checkpoint.family
    for ref in catalog.refs(part):
        if ref.family == family:
            return ref
    raise InvalidRequest(
        f"{checkpoint.name} comes without its {part.replace('_', ' ')}, and there is none for "
        f"{family.name}. {family.where[part]}",
        "checkpoint",
    )


def _embeddings(
    catalog: Catalog, request: GenerationRequest, checkpoint: ModelRef
) -> tuple[tuple[ModelRef, ...], tuple[str, ...]]:
    """Those that the prompts name, and a warning for each that is of another family."""
    by_name = {ref.name: ref for ref in catalog.refs("embedding")}
    family, takes = checkpoint.family, "embedding" in checkpoint.family.takes
    fitting = {n: ref for n, ref in by_name.items() if takes and ref.family in (None, family)}
    text = "\n".join(_texts(request))
    named = embedding_names.named_in(text, fitting)
    others = embedding_names.named_in(text, by_name) - fitting.keys()
    warnings = (
        embedding_names.passed_over(
            name,
            f"it is for {ref.family.name if ref.family else 'another family'}, "
            f"{checkpoint.name} is {family.name}",
        )
        for name, ref in by_name.items()
        if name in others
    )
    return tuple(ref for name, ref in fitting.items() if name in named), tuple(warnings)


def _are_weights_read(request: GenerationRequest, checkpoint: ModelRef) -> bool:
    """Whether what the prompts say by brackets means something to the family."""
    if checkpoint.family.takes_weights or request.emphasis == "none":
        return True
    dialect = request.prompt_dialect
    found = [piece for text in _texts(request) for piece in pieces(text, "original", dialect)]
    return all(piece.weight == 1 for piece in found)


def _texts(request: GenerationRequest) -> list[str]:
    """Its prompts without what is no text in them."""
    asked = (request.prompt, request.negative_prompt)
    return [reading(text, request.prompt_dialect).text for text in asked]


def _loras(
    catalog: Catalog, request: GenerationRequest, checkpoint: ModelRef
) -> tuple[LoraUse, ...]:
    uses = []
    for place, lora in enumerate(request.loras):
        try:
            ref = catalog.find(lora.name, "lora")
        except UnknownModel as error:
            raise UnknownModel(error.message, f"loras.{place}") from None
        if ref.family not in (None, checkpoint.family):
            raise InvalidRequest(
                f"{ref.name} is for {ref.family.name}, but {checkpoint.name} is "
                f"{checkpoint.family.name}. Choose one that fits, or another checkpoint.",
                f"loras.{place}",
            )
        on_text = lora.weight if lora.text_encoder_weight is None else lora.text_encoder_weight
        uses.append(LoraUse(ref, lora.weight, on_text))
    return tuple(uses)


def _controlnets(
    catalog: Catalog, request: GenerationRequest, checkpoint: ModelRef
) -> tuple[ModelRef, ...]:
    """Those that the units name, each once."""
    refs: dict[str, ModelRef] = {}
    for place, unit in enumerate(request.controls):
        with about(f"controls.{place}"):
            ref = controlnet(catalog, unit, checkpoint)
        refs[ref.name] = ref
    return tuple(refs.values())


def controlnet(catalog: Catalog, unit: ControlInput, checkpoint: ModelRef) -> ModelRef:
    """What `unit` names. Raises `UnknownModel`, and `InvalidRequest` where it does not fit."""
    try:
        ref = catalog.find(unit.controlnet, "controlnet")
    except UnknownModel as error:
        raise UnknownModel(_what_else(catalog, unit.controlnet) or error.message) from None
    if ref.family not in (None, checkpoint.family):
        fit = [r.name for r in catalog.refs("controlnet") if r.family == checkpoint.family]
        raise InvalidRequest(
            f"{ref.name} is for {ref.family.name}, but {checkpoint.name} is "
            f"{checkpoint.family.name}. Those that fit: {', '.join(fit) or 'none'}."
        )
    if ref.facts.architecture == "union":
        _check_control_type(unit, ref)
    if ref.facts.architecture == "ip_adapter":
        _check_image_prompt(unit, ref)
    return ref


_OTHERS = {
    "lora": "a LoRA: choose it among the LoRAs",
    "checkpoint": "a checkpoint: choose it as the model that draws",
    "embedding": "an embedding: write its name into the prompt",
    "vae": "a VAE: choose it as the VAE",
    "tiny_vae": "a tiny VAE, which shows the forming picture",
    "upscaler": "an upscaler",
    "detector": "a detector, with which detailers look for things",
    "image_encoder": "an image encoder, with which IP-Adapters see",
}


def _what_else(catalog: Catalog, name: str) -> str:
    """What a name, or a file's path, stands for that no ControlNet has; "" where it is unknown."""
    name = PurePath(name).name
    fit = ", ".join(ref.name for ref in catalog.refs("controlnet")) or "none"
    for kind, description in _OTHERS.items():
        with suppress(InvalidRequest):
            ref = catalog.find(name, kind)
            return f"{ref.name} is no ControlNet, but {description}. There are: {fit}."
    return left_out(catalog, name) or ""


def _check_control_type(unit: ControlInput, ref: ModelRef) -> None:
    """A ControlNet-Union must be told what the map shows."""
    if unit.control_type in ref.facts.control_types:
        return
    types = ", ".join(ref.facts.control_types)
    if not unit.control_type:
        raise InvalidRequest(
            f"{ref.name} reads several types of map. Set union_type to what this "
            f"one shows: {types}."
        )
    raise InvalidRequest(
        f"{ref.name} reads no maps of the type {unit.control_type}. It reads: {types}."
    )


def _check_image_prompt(unit: ControlInput, ref: ModelRef) -> None:
    if unit.preprocessor != "none":
        raise InvalidRequest(
            f"{ref.name} is prompted with a picture as it is. Choose the preprocessor none."
        )
    if unit.mode != "balanced":
        raise InvalidRequest(
            f"{ref.name} has no control modes. Choose balanced, and a lower "
            "scale where the prompt is more important."
        )


_ENCODERS = {
    (1280, 1024): ("CLIP ViT-H/14", "models/image_encoder", "2.5 GB"),
    (1664, 1280): ("CLIP ViT-bigG/14", "sdxl_models/image_encoder", "3.7 GB"),
}
"""Widths of its layers and its embedding -> an image encoder that IP-Adapters were trained with,
its folder in the repository h94/IP-Adapter, and its size."""


def _image_encoders(catalog: Catalog, nets: tuple[ModelRef, ...]) -> tuple[ModelRef, ...]:
    """Those that the IP-Adapters among `nets` see with."""
    refs: dict[str, ModelRef] = {}
    for net in nets:
        if net.facts.architecture == "ip_adapter":
            ref = _image_encoder(catalog, net)
            refs[ref.name] = ref
    return tuple(refs.values())


def _image_encoder(catalog: Catalog, net: ModelRef) -> ModelRef:
    for ref in catalog.refs("image_encoder"):
        if _sees_for(ref.facts.image_features, net):
            return ref
    for widths, (name, folder, size) in _ENCODERS.items():
        if _sees_for(widths, net):
            raise InvalidRequest(
                f"{net.name} sees with {name}, which is not there. Download model.safetensors "
                f"({size}) from {folder} of huggingface.co/h94/IP-Adapter and put it into the "
                "folder clip_vision of the models.",
                "controls",
            )
    raise InvalidRequest(
        f"{net.name} sees with an image encoder that is not there. Its maker says which; put it "
        "into the folder clip_vision of the models.",
        "controls",
    )


def _sees_for(widths: tuple[int, ...], net: ModelRef) -> bool:
    wanted = zip(net.facts.image_features, widths, strict=True)
    return all(want in (0, has) for want, has in wanted)
