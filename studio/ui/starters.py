"""Well-known models to begin with, which the Models tab offers to download. Plain data: nothing is
asked of anybody until a button is pressed. What is not known for certain is left out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Starter:
    """source   as `studio/v1/models/downloads` takes it
    kind     one of `refs.KINDS`
    uses     what it is good for
    licence  as its page names it; "" where that has to be read there
    size     of the file, in words; "" where it is not known
    """

    name: str
    kind: str
    source: str
    uses: str
    licence: str = ""
    size: str = ""


STARTERS = (
    Starter(
        "Stable Diffusion 1.5",
        "checkpoint",
        "Comfy-Org/stable-diffusion-v1-5-archive/v1-5-pruned-emaonly-fp16.safetensors",
        "Pictures around 512 × 512 on small graphics cards; most LoRAs and ControlNets fit it.",
        "creativeml-openrail-m",
        "2.13 GB",
    ),
    Starter(
        "Stable Diffusion XL base 1.0",
        "checkpoint",
        "stabilityai/stable-diffusion-xl-base-1.0/sd_xl_base_1.0.safetensors",
        "Pictures around 1024 × 1024, with more detail and a better sense of words.",
        "openrail++",
        "6.94 GB",
    ),
    Starter(
        "Stable Diffusion 1.5 inpainting",
        "checkpoint",
        "webui/stable-diffusion-inpainting/sd-v1-5-inpainting.safetensors",
        "Inpaint and Outpaint: what it fills in fits what is around.",
        "creativeml-openrail-m",
        "4.27 GB",
    ),
    Starter(
        "ControlNet scribble, for 1.5",
        "controlnet",
        "comfyanonymous/ControlNet-v1-1_fp16_safetensors/"
        "control_v11p_sd15_scribble_fp16.safetensors",
        "A drawing by hand leads the picture.",
        size="723 MB",
    ),
    Starter(
        "ControlNet Canny, for 1.5",
        "controlnet",
        "comfyanonymous/ControlNet-v1-1_fp16_safetensors/control_v11p_sd15_canny_fp16.safetensors",
        "The edges of a picture lead another.",
        size="723 MB",
    ),
    Starter(
        "ControlNet tile, for 1.5",
        "controlnet",
        "comfyanonymous/ControlNet-v1-1_fp16_safetensors/control_v11f1e_sd15_tile_fp16.safetensors",
        "Details are drawn anew in an enlarged picture, which stays the same.",
        size="723 MB",
    ),
    Starter(
        "ControlNet union, for XL",
        "controlnet",
        "xinsir/controlnet-union-sdxl-1.0/diffusion_pytorch_model_promax.safetensors",
        "One net for scribbles, edges, depth, poses and more.",
        "apache-2.0",
        "2.51 GB",
    ),
    Starter(
        "LCM LoRA, for 1.5",
        "lora",
        "latent-consistency/lcm-lora-sdv1-5/pytorch_lora_weights.safetensors",
        "A picture in 4 to 8 steps, with the sampler LCM and little guidance.",
        "openrail++",
        "135 MB",
    ),
    Starter(
        "VAE for XL in half precision",
        "vae",
        "madebyollin/sdxl-vae-fp16-fix/sdxl_vae.safetensors",
        "Stable Diffusion XL without black pictures where float16 is used.",
        "mit",
    ),
)
