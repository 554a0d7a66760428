"""ComfyUI: which drawings a graph comes to, read from the last picture back to where it began."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from studio.domain.request import declaration
from studio.reading import comfyui_graph, json_text
from studio.reading.comfyui_graph import BYPASSED, Graph, Node, ancestors, number, text, upstream
from studio.reading.comfyui_models import checkpoint_of, read_models, read_units, read_vae
from studio.reading.comfyui_saved import of_workflow
from studio.reading.comfyui_texts import read_texts
from studio.reading.draft import Draft
from studio.reading.hires import hires_side, upscaler
from studio.reading.record import Texts
from studio.reading.upscalers import network

_OUTPUTS = ("SaveImage", "PreviewImage", "Image Save", "Save Image")
_TOWARDS_LATENTS = (
    *("samples", "latent_image", "latent", "LATENT", "optional_latent"),
    *("images", "image", "pixels", "input"),
)
_MASKING = {"SetLatentNoiseMask", "VAEEncodeForInpaint", "InpaintModelConditioning"}
_UNKNOWN = "There is no such step here; what goes through it was followed."
_PASSED = {
    *("VAEDecode", "VAEDecodeTiled", "VAEEncode", "VAEEncodeTiled", "Reroute", BYPASSED),
    *(*_OUTPUTS, "SaveImageWebsocket", "ImageScaleToTotalPixels"),
}
_NETWORK_FACTOR = 4
"""Of nearly all networks that enlarge."""
_LEAST_STRENGTH = 0.01

Settings = dict[str, Any]
"""Of a sampler, as `settings_of` gives them."""

_LATENT_METHODS = {"nearest-exact": "Latent (nearest-exact)", "bicubic": "Latent (bicubic)"}


@dataclass
class Drawing:
    """One sampler of the chain, and what stands between it and the one before."""

    node: Node
    between: list[Node] = field(default_factory=list)
    begins: Node | None = None


def found(texts: Texts) -> Graph | None:
    """Of a picture's chunks, or of a text that is one; one without a sampler only where nothing
    else is told."""
    for read_as, names in (
        (comfyui_graph.of_prompt, ("prompt", "text")),
        (of_workflow, ("workflow", "text")),
    ):
        for name in names:
            graph = read_as(json_text.record(texts.get(name)))
            if graph and (any(map(is_sampler, graph.values())) or "parameters" not in texts):
                return graph
    return None


def is_sampler(node: Node) -> bool:
    inputs, is_there = node.inputs.keys(), node.kind != BYPASSED
    return is_there and ({"positive", "latent_image"} <= inputs or {"guider", "sigmas"} <= inputs)


def read(graph: Graph, draft: Draft) -> str:
    last = _last_sampler(graph, draft)
    if last is None:
        why = "There is no sampler in it that is known here."
        draft.ignore("graph", f"{len(graph)} nodes", why)
        return "comfyui"
    chain = _chain(graph, last)
    first = chain[0]
    told = settings_of(graph, first.node)
    _read_sampling(told, draft)
    read_texts(graph, first.node, draft)
    read_models(graph, first.node, draft)
    read_vae(graph, draft)
    read_units(graph, first.node, draft)
    _read_begin(graph, first, told, draft)
    _read_further(graph, chain, draft)
    return "comfyui"


def _last_sampler(graph: Graph, draft: Draft) -> Node | None:
    """That of the picture that is saved; without any, one that no other begins with. What comes
    after it is told."""
    for kinds in (_OUTPUTS[:1], _OUTPUTS):
        for output in graph.values():
            if not output.kind.startswith(kinds):
                continue
            after = []
            for node, _ in upstream(graph, output.link("images", "image"), *_TOWARDS_LATENTS):
                if is_sampler(node):
                    _tell_passed(after, draft)
                    return node
                after.append(node)
            sampler = next(filter(is_sampler, ancestors(graph, output)), None)
            if sampler:
                return sampler
    samplers = [node for node in graph.values() if is_sampler(node)]
    used = {
        other.id for node in samplers[:64] for other in ancestors(graph, node) if other is not node
    }
    return next((node for node in reversed(samplers) if node.id not in used), None)


def _tell_passed(nodes: list[Node], draft: Draft) -> None:
    for node in nodes:
        if "detailer" in node.kind.lower():
            draft.ignore(node.kind, node.id, "Faces and hands are not drawn once more here.")
        elif node.kind not in _PASSED:
            draft.ignore(node.kind, node.id, _UNKNOWN)


def _chain(graph: Graph, last: Node) -> list[Drawing]:
    """The drawings that led to `last`, the first one first."""
    drawings = [Drawing(last)]
    for node, _ in upstream(graph, last.link("latent_image"), *_TOWARDS_LATENTS):
        if is_sampler(node):
            drawings.insert(0, Drawing(node))
        elif node.link(*_TOWARDS_LATENTS):
            drawings[0].between.insert(0, node)
        else:
            drawings[0].begins = node
    return drawings


def settings_of(graph: Graph, node: Node) -> Settings:
    """Of a sampler, wherever they stand: `seed`, `steps`, `cfg`, `sampler_name`, `scheduler`,
    `denoise`, `start_at_step`; numbers followed to where they come from."""
    told: Settings = {}
    parts = [node]
    for name in ("noise", "guider", "sampler", "sigmas"):
        parts += [part for part, _ in upstream(graph, node.link(name), "sigmas", "sampler")]
    for part in parts:
        for name, value in part.inputs.items():
            if name in ("sampler_name", "scheduler"):
                told.setdefault(name, text(graph, value, name))
            elif name in _NUMBERS:
                told.setdefault(_NUMBERS[name], number(graph, value, name))
        if part.kind in _SCHEDULES:
            told.setdefault("scheduler", _SCHEDULES[part.kind])
        if part.kind in _SAMPLERS:
            told.setdefault("sampler_name", _SAMPLERS[part.kind])
    return {name: value for name, value in told.items() if value is not None}


_NUMBERS = {name: name for name in ("seed", "steps", "cfg", "denoise", "start_at_step")} | {
    "noise_seed": "seed"
}
_SCHEDULES = {
    "KarrasScheduler": "karras",
    "ExponentialScheduler": "exponential",
    "PolyexponentialScheduler": "polyexponential",
    "SDTurboScheduler": "turbo",
    "AlignYourStepsScheduler": "align_your_steps",
    "BetaSamplingScheduler": "beta",
}
_SAMPLERS = {
    "SamplerEulerAncestral": "euler_ancestral",
    "SamplerDPMPP_2M_SDE": "dpmpp_2m_sde",
    "SamplerDPMPP_3M_SDE": "dpmpp_3m_sde",
    "SamplerDPMPP_SDE": "dpmpp_sde",
    "SamplerDPMPP_2S_Ancestral": "dpmpp_2s_ancestral",
    "SamplerLMS": "lms",
    "SamplerLCM": "lcm",
}


def _read_sampling(told: Settings, draft: Draft) -> None:
    if "seed" in told:
        draft.seed("seed", told["seed"])
    for name, of in (("steps", "steps"), ("cfg", "guidance_scale")):
        if name in told:
            draft.number(name, told[name], of)
    draft.sampler("sampler_name", told.get("sampler_name"), told.get("scheduler"), of="scheduler")


def _read_begin(graph: Graph, first: Drawing, told: Settings, draft: Draft) -> None:
    """An empty picture of some size, or a picture that is changed."""
    begins = first.begins
    if begins is not None and begins.kind.startswith("LoadImage"):
        return _read_picture(graph, first, told, draft)
    if begins is None:
        return draft.ignore("latent_image", "", "It cannot be followed to where it begins.")
    sides = [number(graph, begins.inputs.get(name)) for name in ("width", "height")]
    if None in sides:
        return draft.ignore(begins.kind, begins.id, "Its size cannot be followed.")
    draft.size(begins.kind, *sides)
    count = number(graph, begins.inputs.get("batch_size"))
    if count is not None and count > 1:
        why = "A batch shares one seed there, and has seeds counting up here: one is drawn."
        draft.ignore("batch_size", count, why)
    return None


def _read_picture(graph: Graph, first: Drawing, told: Settings, draft: Draft) -> None:
    masked = any(node.kind in _MASKING for node in first.between)
    kind = "inpaint" if masked else "image_to_image"
    draft.task["kind"] = kind
    draft.names["image"] = str(first.begins.inputs.get("image", "image"))
    for node in first.between:
        sides = [number(graph, node.inputs.get(name), name) for name in ("width", "height")]
        if _is_scaling(node) and all(sides):
            draft.size(node.kind, *sides)
        elif node.kind not in _MASKING:
            _tell_passed([node], draft)
    strength, steps, start = (told.get(name) for name in ("denoise", "steps", "start_at_step"))
    if strength is None and steps and start is not None:
        strength = round(1 - start / steps, 4)
    elif steps and strength and _LEAST_STRENGTH <= strength < 1:
        _whole_run(steps, strength, draft)
    if strength is not None:
        draft.number("denoise", strength, "task.strength", kind)


def _whole_run(steps: float, strength: float, draft: Draft) -> None:
    """All steps of a sampler are done there; here the share of them that the strength is."""
    whole = min(math.ceil(steps / strength), int(declaration("steps").maximum))
    draft.request["steps"] = whole
    draft.understood = [name for name in draft.understood if name != "steps"]
    why = f"There all are done, here the share {strength:g} of them: {whole} were taken."
    draft.ignore("steps", steps, why)


def _read_further(graph: Graph, chain: list[Drawing], draft: Draft) -> None:
    """What comes after the first: a refiner, or one drawing more."""
    for drawing in chain[1:]:
        second = settings_of(graph, drawing.node)
        scaling = [node for node in drawing.between if _is_scaling(node)]
        _tell_passed([node for node in drawing.between if node not in scaling], draft)
        start, steps = second.get("start_at_step"), second.get("steps")
        if start and steps and not scaling and "refiner" not in draft.request:
            _refiner(graph, drawing.node, start / steps, draft)
        elif "hires" not in draft.request and not draft.task:
            _hires(graph, scaling, settings_of(graph, chain[0].node), second, draft)
        else:
            why = "There is no further drawing here."
            draft.ignore(drawing.node.kind, drawing.node.id, why)


def _is_scaling(node: Node) -> bool:
    kind = node.kind.lower()
    return "scale" in kind and kind != "imagescaletototalpixels"


def _refiner(graph: Graph, node: Node, share: float, draft: Draft) -> None:
    """The same drawing goes on, with another checkpoint if it is one."""
    found = checkpoint_of(graph, node)
    own = found and draft.model(found[0], "checkpoint", found[1])
    if own and own != draft.request.get("checkpoint"):
        draft.put("refiner.checkpoint", own, "refiner")
        draft.number("start_at_step", round(share, 4), "refiner.switch_at")


def _hires(
    graph: Graph, scaling: list[Node], first: Settings, second: Settings, draft: Draft
) -> None:
    factor, method = 1.0, ""
    for step in scaling:
        by = number(graph, step.inputs.get("scale_by"), "scale_by")
        own = step.inputs.get("upscale_method")
        if own and not method:
            method = _method(step, own if isinstance(own, str) else "")
        if by is not None:
            factor *= by
        elif step.link("upscale_model"):
            method = text(graph, step.link("upscale_model"), "model_name") or ""
            factor *= _network_factor(method, step, draft)
        for name in ("width", "height"):
            side = number(graph, step.inputs.get(name), name)
            if side and side > 0:
                draft.put(f"hires.{name}", hires_side(side), f"{step.kind} {name}")
    draft.request.setdefault("hires", {})["factor"] = 1.0
    if factor != 1:
        draft.number("scale_by", round(factor, 4), "hires.factor")
    if method:
        upscaler(method, draft, "upscale_method")
    if "denoise" in second:
        draft.number("hires denoise", second["denoise"], "hires.strength")
    for name, of in (("steps", "steps"), ("cfg", "guidance_scale")):
        if name in second and second[name] != first.get(name):
            draft.number(f"hires {name}", second[name], f"hires.{of}")
    same = ("sampler_name", "scheduler")
    if any(second.get(name) != first.get(name) for name in same):
        names = (second.get(name) for name in same)
        draft.sampler("hires sampler_name", *names, "hires.", "hires scheduler")


def _network_factor(name: str, step: Node, draft: Draft) -> int:
    found = network(name, draft)
    if found and found.facts.scale:
        return found.facts.scale
    if not found:
        why = f"{name or 'Its network'} is not here, which would tell its factor: "
        draft.ignore(step.kind, step.id, f"{why}by {_NETWORK_FACTOR} was taken.")
    return _NETWORK_FACTOR


def _method(node: Node, own: str) -> str:
    """A way of enlarging, as it is called here."""
    if node.kind.startswith("Latent"):
        return _LATENT_METHODS.get(own, "Latent")
    return "Nearest" if own.startswith("nearest") else "Lanczos"
