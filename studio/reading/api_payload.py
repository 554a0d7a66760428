"""What programs send to AUTOMATIC1111's API, or what it answers with, as a file."""

from __future__ import annotations

from typing import Any

from studio.domain import infotext_reader
from studio.domain.infotext_reader import Infotext
from studio.reading import automatic1111, json_text
from studio.reading.draft import Draft, as_number
from studio.reading.record import Texts

_CALLED = {
    "steps": "Steps",
    "sampler_index": "Sampler",
    "sampler_name": "Sampler",
    "scheduler": "Schedule type",
    "cfg_scale": "CFG scale",
    "seed": "Seed",
    "subseed": "Variation seed",
    "subseed_strength": "Variation seed strength",
    "eta": "Eta",
    "s_churn": "Sigma churn",
    "s_tmin": "Sigma tmin",
    "s_tmax": "Sigma tmax",
    "s_noise": "Sigma noise",
    "denoising_strength": "Denoising strength",
    "refiner_checkpoint": "Refiner",
    "refiner_switch_at": "Refiner switch at",
    "mask_blur": "Mask blur",
    "inpaint_full_res_padding": "Masked area padding",
    "sd_model_checkpoint": "Model",
    "sd_vae": "VAE",
    "CLIP_stop_at_last_layers": "Clip skip",
}
_OF_HIRES = {
    "hr_scale": "Hires upscale",
    "hr_upscaler": "Hires upscaler",
    "hr_second_pass_steps": "Hires steps",
    "hr_checkpoint_name": "Hires checkpoint",
    "hr_sampler_name": "Hires sampler",
    "hr_scheduler": "Hires schedule type",
    "hr_prompt": "Hires prompt",
    "hr_negative_prompt": "Hires negative prompt",
    "hr_cfg": "Hires CFG Scale",
}
"""Field of the API -> what infotext calls it."""
_TELLING = {"sampler_name", "sampler_index", "cfg_scale", "enable_hr", "override_settings"}
_NEUTRAL = {("n_iter", "1"), ("batch_size", "1")}
_ELSEWHERE = {
    *("prompt", "negative_prompt", "width", "height", "override_settings", "enable_hr"),
    *("hr_resize_x", "hr_resize_y", "init_images", "mask", "save_images", "send_images"),
    *("seed_resize_from_w", "seed_resize_from_h"),
}


def found(texts: Texts) -> dict[str, Any] | None:
    record = json_text.record(texts.get("text", ""))
    if record and isinstance(record.get("info"), str):  # an answer
        record = json_text.record(record["info"]) or record
    told = record and (_TELLING & record.keys() or isinstance(record.get("infotexts"), list))
    return record if told else None


def read(fields: dict[str, Any], draft: Draft) -> str:
    infotexts = fields.get("infotexts")
    if isinstance(infotexts, list) and infotexts and isinstance(infotexts[0], str):
        return automatic1111.read(infotext_reader.read(infotexts[0]), draft)
    overrides = fields.get("override_settings")
    fields = (overrides if isinstance(overrides, dict) else {}) | fields
    has_hires = bool(fields.get("enable_hr"))
    if not fields.get("init_images"):
        dropped = () if has_hires else ("denoising_strength",)
        for name in (*dropped, "mask_blur", "inpaint_full_res_padding"):
            fields.pop(name, None)
    called = _CALLED | (_OF_HIRES if has_hires else {})
    left = {called.get(k, k): _as_text(v) for k, v in fields.items() if k not in _ELSEWHERE}
    left = {name: value for name, value in left.items() if value not in ("", "-1")}
    left = {n: v for n, v in left.items() if (n, v) not in _NEUTRAL and not n.startswith("hr_")}
    left |= _sizes(fields, has_hires)
    prompts = (fields.get(name) for name in ("prompt", "negative_prompt"))
    infotext = Infotext(*(one if isinstance(one, str) else "" for one in prompts), left)
    automatic1111.read_into(infotext, left, draft)
    return "automatic1111"


def _as_text(value: object) -> str:
    """As infotext has it; "" for what is nothing."""
    if value is None or value == [] or value == {} or isinstance(value, bool) and not value:
        return ""
    return value if isinstance(value, str) else json_text.dumps(value)


def _sizes(fields: dict[str, Any], has_hires: bool) -> dict[str, str]:
    sizes = {}
    sides = [as_number(fields.get(name)) for name in ("width", "height")]
    if all(sides):
        sizes["Size"] = f"{sides[0]}x{sides[1]}"
    first = [as_number(fields.get(f"seed_resize_from_{side}")) or 0 for side in "wh"]
    if min(first) > 0:
        sizes["Seed resize from"] = f"{first[0]}x{first[1]}"
    resize = [as_number(fields.get(name)) or 0 for name in ("hr_resize_x", "hr_resize_y")]
    if has_hires and any(resize):
        sizes["Hires resize"] = f"{resize[0]}x{resize[1]}"
    elif has_hires:
        sizes["Hires upscale"] = str(as_number(fields.get("hr_scale")) or 2)
    return sizes
