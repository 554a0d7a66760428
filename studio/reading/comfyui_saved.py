"""Graphs as ComfyUI's page saves them ("workflow"): nodes with what is typed in, links, and graphs
that stand for one node ("subgraphs"), which are laid open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from studio.reading.comfyui_graph import BYPASSED, MOST_NODES, Graph, Link, Node

_MUTED, _BYPASSED = 2, 4
_INSIDE_IN, _INSIDE_OUT = "-10", "-20"
"""What stands in a subgraph for the inputs and outputs of the node that it is."""
_MOST_DEPTH, _MOST_OPENED = 8, 200
_AFTER_SEED = ("fixed", "increment", "decrement", "randomize")
"""What the page keeps behind each seed, which is no input of the node."""
_WIDGETS = {
    "KSampler": "seed steps cfg sampler_name scheduler denoise",
    "KSamplerAdvanced": "add_noise noise_seed steps cfg sampler_name scheduler start_at_step "
    "end_at_step return_with_leftover_noise",
    "SamplerCustom": "add_noise noise_seed cfg",
    "KSamplerSelect": "sampler_name",
    "BasicScheduler": "scheduler steps denoise",
    "KarrasScheduler": "steps sigma_max sigma_min rho",
    "ExponentialScheduler": "steps sigma_max sigma_min",
    "SDTurboScheduler": "steps denoise",
    "RandomNoise": "noise_seed",
    "CFGGuider": "cfg",
    "CheckpointLoaderSimple": "ckpt_name",
    "UNETLoader": "unet_name weight_dtype",
    "VAELoader": "vae_name",
    "LoraLoader": "lora_name strength_model strength_clip",
    "LoraLoaderModelOnly": "lora_name strength_model",
    "CLIPSetLastLayer": "stop_at_clip_layer",
    "CLIPTextEncode": "text",
    "EmptyLatentImage": "width height batch_size",
    "EmptySD3LatentImage": "width height batch_size",
    "LatentUpscale": "upscale_method width height crop",
    "LatentUpscaleBy": "upscale_method scale_by",
    "ImageScale": "upscale_method width height crop",
    "ImageScaleBy": "upscale_method scale_by",
    "UpscaleModelLoader": "model_name",
    "ControlNetLoader": "control_net_name",
    "ControlNetApply": "strength",
    "ControlNetApplyAdvanced": "strength start_percent end_percent",
    "LoadImage": "image",
    "RescaleCFG": "multiplier",
    "PrimitiveNode": "value",
}
"""Kind of node -> its inputs that are typed in, in the order in which older pages save them."""


def of_workflow(record: Any) -> Graph | None:
    """The nodes of all graphs in it. Those that are muted are left out. None where it is none."""
    if not isinstance(record, dict) or not isinstance(record.get("nodes"), list):
        return None
    opened = _Opened(dict(_subgraphs(record)))
    opened.add(record, "", (), 0)
    for node in opened.graph.values():
        node.inputs = {name: opened.resolved(value) for name, value in node.inputs.items()}
    return opened.graph or None


def _subgraphs(record: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    definitions = record.get("definitions")
    listed = definitions.get("subgraphs") if isinstance(definitions, dict) else None
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and isinstance(one.get("id"), str):
            yield one["id"], one


@dataclass
class _Opened:
    """`known`: subgraphs by their id; `outputs`: what the outputs of nodes that are such come to;
    `count`: how many were opened."""

    known: Mapping[str, dict[str, Any]]
    graph: Graph = field(default_factory=dict)
    outputs: dict[Link, Any] = field(default_factory=dict)
    count: int = 0

    def add(self, said: Any, prefix: str, given: Sequence[Any], depth: int) -> None:
        """The nodes of a graph, their ids beginning with `prefix`; of a subgraph `given` is what
        its inputs come to."""
        sources: dict[str, Any] = {}
        for id, origin, slot, target, target_slot in _links(said.get("links")):
            if origin == _INSIDE_IN:
                sources[id] = given[slot] if 0 <= slot < len(given) else None
            else:
                sources[id] = Link(prefix + origin, slot)
            if target == _INSIDE_OUT and prefix:
                self.outputs[Link(prefix[:-1], target_slot)] = sources[id]
        nodes = said.get("nodes")
        for one in nodes[:MOST_NODES] if isinstance(nodes, list) else ():
            is_node = isinstance(one, dict) and isinstance(one.get("type"), str) and "id" in one
            if is_node and one.get("mode") != _MUTED and len(self.graph) < MOST_NODES:
                self._add_node(one, prefix, sources, depth)

    def _add_node(
        self, said: dict[str, Any], prefix: str, sources: Mapping[str, Any], depth: int
    ) -> None:
        node = Node(f"{prefix}{said['id']}", said["type"], _inputs(said, sources))
        inner = self.known.get(node.kind)
        if said.get("mode") == _BYPASSED:
            links = {name: v for name, v in node.inputs.items() if isinstance(v, Link)}
            node = Node(node.id, BYPASSED, links)
        elif inner is not None and depth < _MOST_DEPTH and self.count < _MOST_OPENED:
            self.count += 1
            names = [one.get("name") for one in _entries(inner.get("inputs"))]
            given = [node.inputs.get(str(name)) for name in names]
            self.add(inner, f"{node.id}:", given, depth + 1)
            return
        self.graph[node.id] = node

    def resolved(self, value: Any) -> Any:
        """A link to where it really begins."""
        for _ in range(2 * _MOST_DEPTH):
            if not isinstance(value, Link) or value not in self.outputs:
                break
            value = self.outputs[value]
        return value


def _links(links: Any) -> Iterator[tuple[str, str, int, str, int]]:
    """(Id, node and output it comes from, node and input it leads to)."""
    names = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
    for link in links[: 4 * MOST_NODES] if isinstance(links, list) else ():
        values = [link.get(name) for name in names] if isinstance(link, dict) else link
        if isinstance(values, list) and len(values) >= 5:
            id, origin, slot, target, target_slot = values[:5]
            if type(slot) is int and type(target_slot) is int:
                yield str(id), str(origin), slot, str(target), target_slot


def _entries(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _inputs(said: dict[str, Any], sources: Mapping[str, Any]) -> dict[str, Any]:
    """What is typed in, and what is linked, which counts."""
    entries, values = _entries(said.get("inputs")), said.get("widgets_values")
    inputs: dict[str, Any] = {}
    if isinstance(values, dict):
        inputs |= {name: value for name, value in values.items() if isinstance(name, str)}
    elif isinstance(values, list):
        known = _WIDGETS.get(said["type"])
        widgets = [str(one.get("name")) for one in entries if "widget" in one]
        names = known.split() if known else widgets
        inputs |= _named(names, values) if names else {"widgets": values}
    for one in entries:
        source = sources.get(str(one.get("link")))
        if source is not None:
            inputs[str(one.get("name"))] = source
    return inputs


def _named(names: list[str], values: list[Any]) -> dict[str, Any]:
    named, left = {}, list(values[:200])
    for name in names:
        if not left:
            break
        named[name] = left.pop(0)
        if name in ("seed", "noise_seed") and left and left[0] in _AFTER_SEED:
            left.pop(0)
    return named
