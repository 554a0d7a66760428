"""Models so small that hundreds of pictures are drawn in seconds, and of every kind that a run
borrows: what a run draws with each differs from what it draws without."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

from studio.diffusion.execution import Execution
from studio.domain import embedding_names
from studio.domain.refs import LoraUse, ModelRef, Selection
from studio.domain.request import GenerationRequest
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.families.stable_diffusion.family import SD1
from studio.residence.manager import ModelManager
from tests.engine.pictures import scene
from tests.refs import ref_to
from tests.weights import checkpoints, nets

SIDE = 64
FIELDS = {"prompt": "a red house on a meadow", "seed": 7, "steps": 2, "width": SIDE, "height": SIDE}
WORDS = {"cross_attention_dim": 64}
UNET = {
    **WORDS,
    "block_out_channels": [32],
    "layers_per_block": 1,
    "attention_head_dim": 8,
    "down_block_types": ["CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D"],
    "sample_size": 8,
}
LAYER = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k"


@dataclass(frozen=True)
class TinyModels:
    """`refs`: kind -> name -> ref. Image prompts are controlnets too and have
    the `image_encoder`."""

    refs: dict[str, dict[str, ModelRef]]
    image_encoder: ModelRef

    def select(self, request: GenerationRequest) -> Selection:
        """As the catalog would."""
        nets = tuple(self.refs["controlnet"][unit.controlnet] for unit in request.controls)
        named = embedding_names.named_in(request.prompt, self.refs["embedding"])
        return Selection(
            self.refs["checkpoint"][request.checkpoint],
            self.refs["vae"][request.vae] if request.vae else None,
            tuple(
                LoraUse(self.refs["lora"][use.name], use.weight, use.weight)
                for use in request.loras
            ),
            tuple(self.refs["embedding"][name] for name in sorted(named)),
            controlnets=nets,
            image_encoders=(
                (self.image_encoder,)
                if any(net.facts.architecture == "ip_adapter" for net in nets)
                else ()
            ),
        )

    def engine(
        self,
        read: Callable[[str], bytes] = lambda name: picture(),
        together: int | None = None,
        dtype: str = "float32",
        device: str = "cpu",
        execution: Execution | None = None,
        **options,
    ) -> StableDiffusionEngine:
        """With a `ModelManager` of its own, made with `options`; `read` gives the pictures."""
        return StableDiffusionEngine(
            ModelManager(device, dtype, **options),
            self.select,
            read=read,
            map_of=lambda unit, image, size, mask: image.resize(size),
            together=together,
            execution=execution,
        )


def settled(**fields) -> GenerationRequest:
    """A request for the checkpoint "one", if none is named."""
    given = {**FIELDS, "checkpoint": "one", **fields}
    return GenerationRequest.parse(given).settled(given["checkpoint"], SD1)


def picture() -> bytes:
    return as_png(scene((SIDE, SIDE), 3))


def as_png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def write(folder: Path) -> TinyModels:
    torch.manual_seed(0)
    unet = UNet2DConditionModel(**UNET)
    refs: dict[str, dict[str, ModelRef]] = {}
    for name, much in (("one", 0.02), ("two", 0.05)):
        parts = {"unet": nets.shaken(unet, much), "vae": small_vae(), "text_encoder": small_clip()}
        ref = checkpoints.write_folder(parts, SD1, folder / name)
        refs.setdefault("checkpoint", {})[name] = ref
    for name in ("pale", "deep"):
        small_vae().save_pretrained(folder / name)
        refs.setdefault("vae", {})[name] = ref_to(name, "vae", folder / name, SD1)
    for name in ("blueprint", "pastel"):
        path = folder / f"{name}.safetensors"
        save_file(lora_tensors(), path)
        refs.setdefault("lora", {})[name] = ref_to(name, "lora", path, SD1, layout="kohya", rank=4)
    for name in ("mood", "calm"):
        path = folder / f"{name}.safetensors"
        save_file({"emb_params": torch.randn(2, WORDS["cross_attention_dim"])}, path)
        refs.setdefault("embedding", {})[name] = ref_to(name, "embedding", path, SD1, vectors=2)
    refs["controlnet"] = dict(written_nets(unet, folder))
    nets.image_encoder().save_pretrained(folder / "eyes")
    return TinyModels(refs, ref_to("eyes", "image_encoder", folder / "eyes"))


def written_nets(unet: UNet2DConditionModel, folder: Path) -> Iterable[tuple[str, ModelRef]]:
    """Two ControlNets of one shape, and an IP-Adapter."""
    for name in ("edges", "depth"):
        net = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 8, 8, 8))
        nets.shaken(net, 0.05).save_pretrained(folder / name)
        yield name, ref_to(name, "controlnet", folder / name, SD1)
    path = folder / "look.safetensors"
    save_file(nets.ip_adapter(unet, "plain"), path)
    yield "look", ref_to("look", "controlnet", path, SD1, architecture="ip_adapter")


def small_vae() -> AutoencoderKL:
    vae = AutoencoderKL(
        block_out_channels=[8] * 4,
        norm_num_groups=4,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        layers_per_block=1,
        scaling_factor=SD1.latent_scale,
    )
    return nets.shaken(vae, 0.05)


def small_clip() -> CLIPTextModel:
    config = CLIPTextConfig(
        **checkpoints.TOKENS,
        hidden_size=64,
        intermediate_size=64,
        num_attention_heads=1,
        num_hidden_layers=1,
    )
    return nets.shaken(CLIPTextModel(config))


def lora_tensors(rank: int = 4) -> dict[str, torch.Tensor]:
    """For one layer of the U-Net and one of the text encoder."""
    te = "lora_te_text_model_encoder_layers_0_self_attn_q_proj"
    tensors = {}
    for layer, width, out in ((LAYER, 64, 32), (te, 64, 64)):
        tensors[f"{layer}.lora_down.weight"] = torch.randn(rank, width)
        tensors[f"{layer}.lora_up.weight"] = torch.randn(out, rank)
        tensors[f"{layer}.alpha"] = torch.tensor(float(rank))
    return tensors
