"""The models of a graph of ComfyUI: from a sampler back through what is added, to the loaders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from studio.domain.errors import InvalidRequest
from studio.domain.preprocessors import find
from studio.reading.comfyui_graph import BYPASSED, Graph, Link, Node, number, text, upstream
from studio.reading.draft import Draft, as_number
from studio.reading.loras import add_lora

_CHECKPOINTS = ("ckpt_name", "unet_name", "model_name", "base_ckpt_name", "checkpoint")
_TOWARDS_MODELS = ("model", "MODEL", "model1", "base_model")
_PLAIN = ("ModelSampling", "Reroute", BYPASSED)
_MOST_IN_A_STACK = 50

Lora = tuple[str, float | None, float | None]
"""File, weight for the U-Net, weight for the text encoders."""


def read_models(graph: Graph, sampler: Node, draft: Draft) -> None:
    """The checkpoint of a sampler, and what lies on the way to it: LoRAs, a guidance rescale; then
    the clip skip of its prompt."""
    loras: list[Lora] = []
    for node, _ in _towards_models(graph, sampler):
        loras = [*_loras(graph, node), *loras]  # those nearest to the checkpoint first
        _other(graph, node, draft)
        if name := _named(graph, node):
            own = draft.model(node.kind, "checkpoint", name)
            if own is not None:
                draft.put("checkpoint", own, node.kind)
            break
    for lora in loras:
        add_lora(draft, lora[0], {}, *lora[1:])
    _clip_skip(graph, sampler, draft)


def checkpoint_of(graph: Graph, sampler: Node) -> tuple[str, str] | None:
    """(Kind of the loader, file) of the checkpoint that a sampler draws with."""
    nodes = (node for node, _ in _towards_models(graph, sampler))
    return next(((node.kind, name) for node in nodes if (name := _named(graph, node))), None)


def _towards_models(graph: Graph, sampler: Node) -> Iterator[tuple[Node, int]]:
    guider = sampler.link("guider")
    asking = graph.get(guider.id, sampler) if guider else sampler
    return upstream(graph, asking.link("model"), *_TOWARDS_MODELS)


def _named(graph: Graph, node: Node) -> str | None:
    """The file that a loader loads."""
    if node.link(*_TOWARDS_MODELS):
        return None
    for name in _CHECKPOINTS:
        value = node.inputs.get(name)
        value = value.get("content") if isinstance(value, dict) else value
        found = text(graph, value)
        if found:
            return found
    return None


def _loras(graph: Graph, node: Node) -> Iterator[Lora]:
    """Those that a node adds, itself or from a stack."""
    stacks = upstream(graph, node.link("lora_stack", "LORA_STACK"), "lora_stack")
    for one in (node, *(stack for stack, _ in stacks)):
        for name, weight, on_text in _own_loras(one.inputs, "ModelOnly" in one.kind):
            if name not in ("", "None"):
                yield name, number(graph, weight), number(graph, on_text)


def _own_loras(inputs: dict[str, Any], only_model: bool) -> Iterator[tuple[str, Any, Any]]:
    widgets = inputs.get("widgets")
    for value in (*inputs.values(), *(widgets if isinstance(widgets, list) else ())):
        if isinstance(value, dict) and isinstance(value.get("lora"), str) and value.get("on", True):
            yield value["lora"], value.get("strength"), value.get("strengthTwo")  # rgthree's
    name = inputs.get("lora_name")
    name = name.get("content") if isinstance(name, dict) else name
    if isinstance(name, str):
        on_text = 0.0 if only_model else _first(inputs, "strength_clip", "lora_clip_strength")
        yield name, _first(inputs, "strength_model", "lora_model_strength", "strength"), on_text
    for place in range(1, _MOST_IN_A_STACK + 1):
        name = _first(inputs, f"lora_name_{place}", f"lora_{place}_name")
        if isinstance(name, str) and inputs.get(f"switch_{place}", "On") == "On":
            weights = (f"model_weight_{place}", f"model_str_{place}", f"lora_wt_{place}")
            on_text = _first(inputs, f"clip_weight_{place}", f"clip_str_{place}")
            yield name, _first(inputs, *weights), on_text


def _first(inputs: dict[str, Any], *names: str) -> Any:
    return next((inputs[name] for name in names if name in inputs), None)


def _other(graph: Graph, node: Node, draft: Draft) -> None:
    """What else lies on the way."""
    if node.kind == "RescaleCFG":
        multiplier = number(graph, node.inputs.get("multiplier"))
        draft.number("RescaleCFG", multiplier, "guidance_rescale")
    elif not (node.kind.startswith(_PLAIN) or "ora" in node.kind or _named(graph, node)):
        draft.ignore(node.kind, node.id, "The model is not changed in this way here.")


def _clip_skip(graph: Graph, sampler: Node, draft: Draft) -> None:
    for node, _ in upstream(graph, _encoder(graph, sampler), "clip", "CLIP"):
        layer = as_number(node.inputs.get("stop_at_clip_layer", node.inputs.get("clip_skip")))
        if layer is not None and layer < -1:
            return draft.number(node.kind, -layer, "clip_skip")
    return None


def _encoder(graph: Graph, sampler: Node) -> Link | None:
    """What reads the positive prompt."""
    names = ("positive", "conditioning", "conditioning_1", "conditioning_to")
    start = sampler.link("positive", "guider")
    return next((n.link("clip") for n, _ in upstream(graph, start, *names) if n.link("clip")), None)


def read_vae(graph: Graph, draft: Draft) -> None:
    """One that is loaded for itself."""
    for node in graph.values():
        if node.kind.startswith("VAEDecode"):
            for loader, _ in upstream(graph, node.link("vae"), "vae"):
                name = loader.inputs.get("vae_name")
                if isinstance(name, str) and name not in ("Baked VAE", "None"):
                    own = draft.model(loader.kind, "vae", name)
                    if own is not None:
                        draft.put("vae", own, loader.kind)
                    return


def read_units(graph: Graph, sampler: Node, draft: Draft) -> None:
    """ControlNets on the way to the positive prompt; their pictures are not in the graph."""
    names = ("positive", "conditioning", "conditioning_1", "conditioning_to")
    for node, _ in upstream(graph, sampler.link("positive", "guider"), *names):
        net = None if node.kind == BYPASSED else node.link("control_net")
        loader = next((n for n, _ in upstream(graph, net, "control_net") if _net_name(n)), None)
        if loader is None:
            continue
        own = draft.model(loader.kind, "controlnet", _net_name(loader))
        if own is None:
            continue
        unit: dict[str, Any] = {"controlnet": own}
        for name, of in (("strength", "scale"), ("start_percent", "start"), ("end_percent", "end")):
            value = number(graph, node.inputs.get(name))
            if value is not None and 0 <= value <= (2 if of == "scale" else 1):
                unit[of] = float(value)
        if unit.get("scale") == 0 or unit.get("start", 0.0) >= unit.get("end", 1.0):
            continue  # it does nothing
        preprocessor = _preprocessor(graph, node)
        if preprocessor:
            unit["preprocessor"] = preprocessor
        draft.unit(unit, node.kind)


def _preprocessor(graph: Graph, node: Node) -> str:
    """What makes the map of a unit, by its name here; "" where that is not known."""
    for step, _ in upstream(graph, node.link("image"), "image"):
        name = step.inputs.get("preprocessor", step.kind)
        if isinstance(name, str) and (own := _PREPROCESSORS.get(name)):
            try:
                return find(own).name
            except InvalidRequest:
                return ""
    return ""


_PREPROCESSORS = {
    "Canny": "canny",
    "CannyEdgePreprocessor": "canny",
    "DWPreprocessor": "dw_openpose_full",
    "DepthAnythingPreprocessor": "depth_anything",
    "DepthAnythingV2Preprocessor": "depth_anything_v2",
    "HEDPreprocessor": "softedge_hed",
    "LineArtPreprocessor": "lineart_realistic",
    "MiDaS-DepthMapPreprocessor": "depth_midas",
    "OpenposePreprocessor": "openpose_full",
    "PiDiNetPreprocessor": "softedge_pidinet",
    "TilePreprocessor": "tile_resample",
}


def _net_name(node: Node) -> str:
    name = node.inputs.get("control_net_name", "")
    return name if isinstance(name, str) else ""
