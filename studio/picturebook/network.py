"""The shapes of picturebook's U-Net and text encoder, and its noise schedule."""

from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

HIDDEN = 192

SCHEDULE = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "steps_offset": 1,
}


def new_unet(native=128):
    """An untrained U-Net: Stable Diffusion 1.x topology, three levels, one layer a block."""
    return UNet2DConditionModel(
        sample_size=native // 8,
        in_channels=4,
        out_channels=4,
        down_block_types=("CrossAttnDownBlock2D",) * 3,
        up_block_types=("CrossAttnUpBlock2D",) * 3,
        block_out_channels=(64, 128, 256),
        layers_per_block=1,
        norm_num_groups=16,
        cross_attention_dim=HIDDEN,
        # In diffusers this is the number of heads of each level; every head is 32 wide.
        attention_head_dim=(2, 4, 8),
    )


def new_text_encoder(tokenizer):
    """An untrained CLIPTextModel of three causal layers for this tokenizer."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=HIDDEN,
            intermediate_size=3 * HIDDEN,
            projection_dim=HIDDEN,
            num_hidden_layers=3,
            num_attention_heads=HIDDEN // 32,
            max_position_embeddings=77,
            hidden_act="quick_gelu",
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def canonical_scheduler():
    """The scheduler that ships in the model's folder."""
    return DDIMScheduler(**SCHEDULE, clip_sample=False, set_alpha_to_one=False)


def fast_scheduler():
    """DPM++ 2M Karras, for sheets and the evaluation."""
    return DPMSolverMultistepScheduler(**SCHEDULE, use_karras_sigmas=True)
