"""Infotext of AUTOMATIC1111, of Forge, and of all who write it as they do; and bare prompts."""

from __future__ import annotations

import re
from collections.abc import Mapping

from studio.domain import infotext_reader, lora_tags
from studio.domain.infotext_reader import Infotext
from studio.domain.prompt_dialects import DIALECTS
from studio.domain.prompt_emphasis import EMPHASES
from studio.reading import control_units, json_text
from studio.reading.detailers import read_detailers
from studio.reading.draft import SWITCHED, Draft
from studio.reading.hires import read_hires
from studio.reading.loras import Hashes, exact_loras, read_tag
from studio.reading.picture_tasks import read_task
from studio.reading.record import Texts
from studio.reading.seeds import read_seeds

NAMES = ("parameters", "UserComment", "comment", "ImageDescription", "stealth", "text")
"""Where it stands, the first that is there counting."""
OURS = "Latent Studio"

_NONE = ("", "None", "Automatic", "none", "Default", "baked")
_NUMBERS = {
    "Steps": "steps",
    "CFG scale": "guidance_scale",
    "CFG Rescale": "guidance_rescale",
    "CFG rescale": "guidance_rescale",
    "Clip skip": "clip_skip",
    "Eta": "eta",
    "Eta DDIM": "eta",
    "Sigma churn": "s_churn",
    "Sigma tmin": "s_tmin",
    "Sigma tmax": "s_tmax",
    "Sigma noise": "s_noise",
}
_TEMPLATES = {"Template": "prompt_template", "Negative Template": "negative_prompt_template"}
_NEUTRAL = {
    "RNG": ("CPU",),
    "ENSD": ("0",),
    "Token merging ratio": ("0",),
    "Conditional mask weight": ("1.0", "1"),
    "VAE Encoder": ("Full",),
    "VAE Decoder": ("Full",),
    "NGMS": ("0",),
}
"""Values that say what is done here anyway."""
_ENLARGED = "It was enlarged after it was made: Enlarge does that."
_WHY = {
    "RNG": "Noise is drawn by the CPU here: the same seed gives another picture.",
    "ENSD": "The noise of ancestral samplers follows the seed itself here.",
    "Face restoration": "Faces are not restored here.",
    "Token merging ratio": "Tokens are never merged here.",
    "Token merging ratio hr": "Tokens are never merged here.",
    "NGMS": "Approximate leaves the negative prompt out here, in the last third of the steps.",
    "Distilled CFG Scale": "It is for models that cannot be run here.",
    "Script": "There are no scripts here.",
    "Postprocess upscale by": _ENLARGED,
    "Postprocess upscale to": _ENLARGED,
    "Batch size": "Each picture of a batch has its own seed: it is drawn alone.",
    "Batch pos": "Each picture of a batch has its own seed: it is drawn alone.",
}
_TILINGS = {"none": "False", "both": "True", "x": "x", "y": "y"}
_UNKNOWN = "There is no such setting here."
_NO_SETTINGS = {
    *("Version", "User", "App", "Created Date"),
    *("Exact prompt", "Exact negative prompt", "Exact LoRAs"),
    *("Styles", "Template", "Negative Template"),
}
"""What says nothing about the picture, or has been read already."""


def found(texts: Texts) -> Infotext | None:
    """What there is of it; a text with nothing else in it is a prompt."""
    for name in NAMES:
        text = texts.get(name, "")
        if text.strip() and (infotext := infotext_reader.read(text)).settings:
            return infotext
    plain = texts.get("text", "").strip()
    is_json = plain[:1] in ("{", "[") and json_text.loads(plain) is not None
    return infotext_reader.read(plain) if plain and not is_json else None


def read(infotext: Infotext, draft: Draft) -> str:
    """Take all of it into `draft`; returns whose it is."""
    left = dict(infotext.settings)
    ours = OURS in left.get("Version", "")
    read_into(infotext, left, draft, ours)
    return "studio" if ours else "automatic1111"


def read_into(infotext: Infotext, left: dict[str, str], draft: Draft, ours: bool = False) -> None:
    """`left` are the settings that nobody has read yet."""
    hashes = _all_hashes(left)
    tags = _prompts(infotext, left, draft)
    if "Exact LoRAs" in left:
        exact_loras(left["Exact LoRAs"], hashes, draft)
    else:
        for tag in tags:
            read_tag(tag, hashes, draft)
    if left.pop("Lora hashes", None):
        draft.understood.append("Lora hashes")
    _embeddings(left, draft)
    for label in [label for label in _NUMBERS if label in left]:
        draft.number(label, left.pop(label), _NUMBERS[label])
    if "Sampler" in left or "Schedule type" in left:
        sampler, schedule = left.pop("Sampler", None), left.pop("Schedule type", None)
        draft.sampler("Sampler", sampler, schedule, of="Schedule type")
    if "Emphasis" in left:
        draft.choice("Emphasis", left.pop("Emphasis"), "emphasis", EMPHASES)
    if "Prompt dialect" in left:
        draft.choice("Prompt dialect", left.pop("Prompt dialect"), "prompt_dialect", DIALECTS)
    if "Approximate" in left:
        draft.choice("Approximate", left.pop("Approximate"), "approximate", SWITCHED)
    if "Tiling" in left:
        draft.choice("Tiling", left.pop("Tiling"), "tiling", _TILINGS)
    read_seeds(left, draft, ours)
    if "Size" in left:
        draft.size("Size", *_sides(left.pop("Size")))
    _models(left, hashes, draft)
    read_hires(left, draft)
    read_detailers(left, hashes, draft)
    read_task(left, draft, ours)
    for label in sorted(name for name in left if re.fullmatch(r"ControlNet \d+", name)):
        control_units.read(label, infotext_reader.pairs(left.pop(label)), draft)
    read_rest(left, draft)


def read_rest(left: Mapping[str, str], draft: Draft, why: Mapping[str, str] = _WHY) -> None:
    """What nobody has read."""
    for label, value in left.items():
        if value in _NEUTRAL.get(label, ()):
            draft.understood.append(label)
        elif label not in _NO_SETTINGS:
            draft.ignore(label, value, why.get(label, _UNKNOWN))


def _prompts(infotext: Infotext, left: Mapping[str, str], draft: Draft) -> list[lora_tags.Tag]:
    """Both prompts, as they stand once more where the lines cannot hold them; returns the LoRAs of
    the first."""
    prompt, tags = lora_tags.cut(infotext.prompt)
    draft.text("Prompt", left.get("Exact prompt", prompt), "prompt")
    negative = left.get("Exact negative prompt", infotext.negative_prompt)
    if negative:
        draft.text("Negative prompt", negative, "negative_prompt")
    names = json_text.loads(left.get("Styles", ""))
    if isinstance(names, list) and names and all(isinstance(name, str) for name in names):
        draft.put("applied_styles", names, "Styles")
    for label, field in _TEMPLATES.items():
        if label in left:
            draft.put(field, left[label], label)
    return tags


def _sides(text: str) -> tuple[str, str]:
    width, _, height = text.partition("x")
    return width, height


def _all_hashes(left: dict[str, str]) -> Hashes:
    hashes = {
        ("lora", name): digits
        for name, digits in infotext_reader.hashes(left.get("Lora hashes", "")).items()
    }
    civitai = json_text.record(left.pop("Hashes", "")) or {}
    for name, digits in civitai.items():
        kind, _, own = name.partition(":")
        if isinstance(digits, str):
            kind = {"model": "checkpoint", "embed": "embedding"}.get(kind, kind)
            hashes.setdefault((kind, own), digits)
    return hashes


def _embeddings(left: dict[str, str], draft: Draft) -> None:
    """They stand in the prompt by their names; told are those that are not here."""
    if "TI hashes" not in left:
        return
    draft.understood.append("TI hashes")
    for name, digits in infotext_reader.hashes(left.pop("TI hashes")).items():
        own = draft.model(f"Embedding {name}", "embedding", name, digits)
        if own is not None and own != name:
            draft.ignore("TI hashes", name, f"It is called {own} here: write that instead.")


def _models(left: dict[str, str], hashes: Hashes, draft: Draft) -> None:
    for kind, label in (("checkpoint", "Model"), ("vae", "VAE")):
        named, digits = left.pop(label, ""), left.pop(f"{label} hash", None)
        digits = digits or hashes.get((kind, ""))
        if (named in _NONE and kind == "vae") or not (named or digits):
            continue
        name = draft.model(label, kind, named, digits)
        if name is not None:
            draft.put(kind, name, label)
    if "Refiner" in left:
        refiner = draft.model(
            "Refiner", "checkpoint", left.pop("Refiner"), left.pop("Refiner hash", None)
        )
        switch = left.pop("Refiner switch at", None)
        left.pop("Refiner switch by sampling steps", None)
        if refiner is not None:
            draft.put("refiner.checkpoint", refiner, "Refiner")
            if switch is not None:
                draft.number("Refiner switch at", switch, "refiner.switch_at")
