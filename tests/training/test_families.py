"""What differs between families: SDXL's two encoders, sizes and original names; bfloat16."""

from __future__ import annotations

import pytest
import torch

from studio.domain.errors import InvalidRequest
from studio.domain.training import LoraTraining
from studio.families.stable_diffusion import tokenizers
from studio.families.stable_diffusion.family import SD1, SDXL
from studio.families.z_image.family import Z_IMAGE
from studio.training import models, result
from studio.training.lessons import Lessons
from studio.training.trainer import Trainer
from studio.weights import lora as weights_lora
from tests.refs import ref_to
from tests.training import tiny
from tests.weights.checkpoints import own_parts_of, parts_of


def test_sdxl_learns_in_bfloat16_and_is_named_as_kohyas_trainer_names_it(tmp_path):
    modules = own_parts_of(SDXL)
    before = {part: dict(module.state_dict()) for part, module in parts_of(SDXL).items()}
    modules = {part: module.to(torch.bfloat16) for part, module in modules.items()}
    ref = ref_to("large", "checkpoint", tmp_path, SDXL)
    trainee = models.Trainee(ref, modules, (tokenizers.clip(), tokenizers.clip("!")))
    pictures = tiny.pictures()
    pictures.captions[:] = ["a kite", "kite " * 90, ""]
    training = LoraTraining(batch_size=3, rank=2, text_encoder_lr=1e-3, learning_rate=1e-2)
    lessons = Lessons(
        training, ref, torch.bfloat16, pictures, [1, 1, 1], models.Pictures([], [], [])
    )
    trainer = Trainer(lessons, trainee)
    assert all(weight.dtype == torch.float32 for weight in trainer.adapter.parameters())
    assert 0 < trainer.learn() < 100
    tensors = trainer.adapter.exported()
    assert {key.partition("_block")[0] for key in tensors if "_block" in key} == {
        "lora_unet_input",
        "lora_unet_middle",
        "lora_unet_output",
    }
    assert {key[:9] for key in tensors} == {"lora_unet", "lora_te1_", "lora_te2_"}
    result.save(tmp_path / "one.safetensors", tensors, {})
    named = ref_to("one", "lora", tmp_path / "one.safetensors", SDXL)
    found = weights_lora.read(named, SDXL, before)
    assert not found.warning and len(found.deltas) == len(tensors) // 3


@pytest.mark.parametrize(
    ("family", "facts", "message"),
    [
        (Z_IMAGE, {}, "no LoRA can be trained here"),
        (SD1, {"task": "inpaint"}, "is for inpaint"),
        (SD1, {"lacks": ("vae",)}, "lacks its vae"),
    ],
)
def test_what_cannot_be_trained_is_told(tmp_path, family, facts, message):
    with pytest.raises(InvalidRequest, match=message):
        models.check(ref_to("one", "checkpoint", tmp_path, family, **facts), "lora")
