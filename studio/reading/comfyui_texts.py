"""The words of a graph of ComfyUI: from a sampler's two conditions back to the texts."""

from __future__ import annotations

import re

from studio.reading.comfyui_graph import BYPASSED, Graph, Link, Node, text
from studio.reading.draft import Draft

_LISTED = ("conditioning_1", "conditioning_2", "conditioning_to", "conditioning_from")
_EMBEDDING = re.compile(r"\bembedding:([^\s,:()\[\]]{1,200})")
_UNKNOWN = "There is no such step here; the words before it were taken."
_PLAIN = ("Reroute", BYPASSED, "InpaintModelConditioning")


def read_texts(graph: Graph, sampler: Node, draft: Draft) -> None:
    """Both prompts of a sampler, or of the guider that stands for them."""
    draft.dialect("comfyui")
    guider = sampler.link("guider")
    of = graph.get(guider.id) if guider else sampler
    if of is None:
        return
    for side, (name, field) in enumerate((("positive", "prompt"), ("negative", "negative_prompt"))):
        link = of.link(name, "conditioning") if side == 0 else of.link(name)
        pieces = _texts(graph, link, side, draft, set()) if link else []
        words = " BREAK ".join(filter(None, pieces))
        for name_of_one in _EMBEDDING.findall(words):
            draft.model(f"embedding:{name_of_one}", "embedding", name_of_one)
        if words or (side == 0 and pieces):
            draft.text(name, words, field)
        elif side == 0:
            draft.ignore(name, "", "Its text cannot be followed to where it is written.")


def _texts(graph: Graph, link: Link, side: int, draft: Draft, seen: set[str]) -> list[str]:
    """The texts that come together at `link`; None of them is looked at twice."""
    node = graph.get(link.id)
    if node is None or link.id in seen or len(seen) > 500:
        return []
    seen.add(link.id)
    if "ZeroOut" in node.kind:
        return []
    own = _own_text(graph, node, side)
    if own is not None:
        return [own]
    several = [node.inputs[name] for name in _LISTED if isinstance(node.inputs.get(name), Link)]
    if several:
        if "Concat" not in node.kind:
            draft.ignore(node.kind, node.id, "Prompts are not mixed here: both texts were taken.")
        return [piece for one in several for piece in _texts(graph, one, side, draft, seen)]
    if "ControlNet" not in node.kind and node.kind not in _PLAIN:
        draft.ignore(node.kind, node.id, _UNKNOWN)
    names = ("conditioning", "input", "CONDITIONING")
    if "positive" in node.inputs:  # it hands on both, each by an output of its own
        names = ("negative",) if link.slot == 1 else ("positive",)
    further = node.link(*names)
    return _texts(graph, further, side, draft, seen) if further else []


def _own_text(graph: Graph, node: Node, side: int) -> str | None:
    """Of a node that encodes one: plain, of SDXL's two encoders, or of loaders that do it too."""
    if "text" in node.inputs:
        return text(graph, node.inputs["text"])
    both = [text(graph, node.inputs[name]) for name in ("text_g", "text_l") if name in node.inputs]
    if any(both):
        return ", ".join(dict.fromkeys(one for one in both if one))
    name = ("positive", "negative")[side]
    if isinstance(node.inputs.get(name), str):
        return node.inputs[name]
    return None
