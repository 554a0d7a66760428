"""Z-Image in the studio: previews, memory, other families beside it, and what is refused."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from studio.catalog.catalog import Catalog
from studio.catalog.select import select
from studio.diffusion.interruption import Interrupted, interrupted_when
from studio.diffusion.rows import Rows
from studio.domain.errors import CheckpointError, InvalidRequest
from studio.domain.events import Failed, Loading, Preview
from studio.domain.request import GenerationRequest
from studio.families.stable_diffusion.family import SD1
from studio.families.z_image.backbone import TransformerPredictor
from studio.families.z_image.family import Z_IMAGE
from studio.residence.manager import ModelManager
from studio.residence.slot import Slot
from studio.settings import assets_dir
from tests.engine.running import run
from tests.families import z_images
from tests.families.bench import FIELDS, SIZE, Bench
from tests.refs import ref_to
from tests.weights import checkpoints

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def mixed(catalog) -> Catalog:
    """With what comes with the studio."""
    return Catalog([assets_dir() / "models", *catalog.roots])


def test_files_are_what_their_headers_say(catalog):
    told = {ref.name: (ref.family, ref.facts.lacks) for ref in catalog.refs()}
    assert told == {
        "z": (Z_IMAGE, ()),
        "whole": (Z_IMAGE, ()),
        "z_image": (Z_IMAGE, ("text_encoder", "vae")),
    }
    assert [ref.name for ref in catalog.refs("text_encoder")] == ["qwen_3_4b"]
    assert [ref.name for ref in catalog.refs("vae")] == ["ae"]
    assert catalog.broken == {}


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"diffusion_model.layers.0.attention.to_q.lora_A.weight": (4, 8)}, "a LoRA for Z-Image"),
        (
            {"model.layers.0.self_attn.q_norm.weight": (8,), "model.embed_tokens.weight": (9, 64)},
            "language model of width 64",
        ),
        (
            {
                "cap_embedder.1.weight": (8, 2560),
                "context_refiner.0.attention.qkv.weight": (8, 8),
                "siglip_embedder.1.weight": (8, 8),
            },
            "Omni",
        ),
    ],
    ids=["lora", "another language model", "omni"],
)
def test_what_cannot_be_used_is_named(tmp_path, tensors, message):
    path = tmp_path / "a.safetensors"
    save_file({name: torch.zeros(shape) for name, shape in tensors.items()}, path)
    assert message in Catalog([tmp_path]).broken[path]


def test_pictures_lie_between_two_seeds(bench):
    varied = {"variation_seed": 40, "variation_strength": 0.3}
    *_, between = bench.draw(**varied)
    *_, batch = bench.draw(**varied | {"variation_seed": 39}, batch_size=2)
    assert torch.allclose(batch[1:], between, atol=1e-4)
    *_, end = bench.draw(**varied | {"variation_strength": 1})
    *_, other = bench.draw(seed=40)
    assert torch.equal(end, other) and not torch.allclose(between, other, atol=0.1)


@pytest.mark.parametrize("scheduler", ["DPM++ 2M", pytest.param("Heun", marks=pytest.mark.slow)])
def test_other_samplers_go_to_where_euler_goes_with_many_steps(bench, scheduler):
    """The weights are random, so what they lead to is rough; more steps come nearer."""
    _, expected = bench.draw(steps=64)
    off = [float((bench.draw(scheduler=scheduler, steps=n)[1] - expected).std()) for n in (4, 32)]
    assert off[1] < off[0] / 2


def test_sides_that_are_no_multiple_of_16(bench):
    """The transformer takes cells in twos; what is drawn has the size that was asked for."""
    events, z = bench.draw(width=88, height=72)
    assert z.shape[2:] == (9, 11)
    assert events[-1].pictures[0].image.size == (88, 72)


def test_previews_show_the_picture_that_forms(bench):
    events, z = bench.draw(lambda: True)
    previews = [event for event in events if isinstance(event, Preview)]
    assert len(previews) == FIELDS["steps"] - 1
    last = Image.open(io.BytesIO(previews[-1].jpeg))
    assert last.size == (SIZE[0] // 8, SIZE[1] // 8)
    latents = (z - Z_IMAGE.latent_shift) * Z_IMAGE.latent_scale
    factors, bias = torch.tensor(Z_IMAGE.preview_factors), torch.tensor(Z_IMAGE.preview_bias)
    colours = torch.einsum("bchw,cr->bhwr", latents, factors)[0] + bias
    expected = ((colours.clamp(-1, 1) + 1) * 127.5).numpy()
    assert np.corrcoef(expected.ravel(), np.asarray(last, np.float32).ravel())[0, 1] > 0.6


def test_the_transformer_in_eight_bits_draws_nearly_the_same(catalog, bench):
    _, small = Bench(catalog, mode="fp8").draw()
    _, whole = bench.draw()
    assert 0 < float((small - whole).std()) < 0.3 * float(whole.std())


@torch.inference_mode()
def test_a_streamed_transformer_predicts_the_same():
    """Its blocks come to the device one by one; here the device is host memory again."""
    whole = z_images.parts()["transformer"]
    slot = Slot("transformer", dict(whole.config), torch.device("cpu"), room=lambda: 0)
    slot.fill({name: tensor.clone() for name, tensor in whole.state_dict().items()})
    slot.bring()
    given = [torch.randn(16, 1, 8, 8)], torch.tensor([0.3]), [torch.randn(9, 2560)]
    told = [each(*given, return_dict=False)[0][0] for each in (whole, slot.module)]
    assert torch.equal(*told)


def test_half_precision_draws_nearly_the_same(catalog, bench):
    _, small = Bench(catalog, "bfloat16").draw()
    _, whole = bench.draw()
    assert 0 < float((small.float() - whole).std()) < 0.3 * float(whole.std())


def test_a_call_ends_between_two_blocks():
    """Once nobody waits for it; and the next call is as it would have been."""
    transformer = z_images.parts()["transformer"]
    predict, looks = TransformerPredictor(transformer), []
    words = torch.randn(1, 9, z_images.TEXT_WIDTH)
    ask = Rows(torch.randn(1, 16, 8, 8), torch.tensor([700.0]), words, prompt_lengths=(9,))
    blocks = len(transformer.layers) + len(transformer.noise_refiner)
    blocks += len(transformer.context_refiner)

    def gone() -> bool:
        looks.append(None)
        return len(looks) > 2

    with torch.inference_mode():
        expected = predict(ask)
        with pytest.raises(Interrupted), interrupted_when(gone):
            predict(ask)
        assert len(looks) == 3 < blocks
        assert torch.equal(predict(ask), expected)


def test_families_take_turns_in_one_manager(mixed):
    """Stable Diffusion in between changes nothing, and nothing of either is read twice."""
    bench = Bench(mixed)
    fields = {"checkpoint": "picturebook", "prompt": "a red house", "steps": 2, "width": 64}
    _, first = bench.draw()
    _, house = bench.draw(**fields)
    events, again = bench.draw()
    _, house_again = bench.draw(**fields)
    assert torch.equal(first, again)
    assert torch.equal(house, house_again)
    assert not any(isinstance(event, Loading) for event in events)
    assert {"z", "picturebook"} <= set(bench.manager.warm)


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"scheduler": "Euler a"}, "scheduler", "flow matching. Choose one of: Euler, DPM"),
        ({"noise_schedule": "karras"}, "noise_schedule", "of its own. Choose Automatic"),
        ({"loras": ["blueprint:1"]}, "loras.0", "cannot add LoRAs yet"),
        (
            {"controls": [{"controlnet": "picturebook-controlnet-canny", "image": "image"}]},
            "controls.0",
            "cannot add ControlNets yet",
        ),
    ],
    ids=["sampler", "noise schedule", "lora", "controlnet"],
)
def test_what_it_cannot_do_is_refused(mixed, fields, field, message):
    with pytest.raises(InvalidRequest, match=message) as refused:
        Bench(mixed).settled(**fields)
    assert refused.value.field == field


def test_without_a_unet_only_the_negative_prompt_can_be_left_out(bench):
    fields = {"guidance_scale": 3.0, "negative_prompt": "rain"}
    _, exact = bench.draw(**fields)
    happened, found = bench.draw(**fields, approximate=True)
    assert "has no U-Net" in happened[-1].warnings[0] and not torch.equal(found, exact)


def test_an_embedding_of_another_family_stays_a_word(catalog, tmp_path):
    save_file({"emb_params": torch.zeros(2, 768)}, tmp_path / "mood.safetensors")
    request = GenerationRequest.parse({**FIELDS, "prompt": "mood, a fox"})
    chosen = select(Catalog([tmp_path, *catalog.roots]), request)
    assert chosen.embeddings == ()
    assert "it is for SD 1.x, z is Z-Image" in chosen.warnings[0]


def test_a_vae_of_another_family_is_refused(bench, tmp_path):
    checkpoints.vae_of(SD1).save_pretrained(tmp_path / "plain")
    ref = ref_to("plain", "vae", tmp_path / "plain", SD1)
    selection = replace(select(bench.catalog, bench.settled()), vae=ref)
    with (
        pytest.raises(InvalidRequest, match="plain has latents of 4 channels, z works on 16"),
        bench.manager.lease(selection),
    ):
        pass


def test_a_prompt_that_it_cannot_read_to_the_end(bench):
    failed = run(bench.engine, bench.settled(prompt="a fox, " * 80))[-1]
    assert isinstance(failed, Failed)
    assert "reads at most 512" in failed.message
    assert failed.field == "prompt"


@pytest.mark.parametrize("part", ["text_encoder", "vae"])
def test_a_part_that_is_nowhere_is_named(tmp_path, part):
    files = z_images.write_apart(tmp_path)
    files[part].unlink()
    with pytest.raises(InvalidRequest, match=f"without its {part.replace('_', ' ')}.*Download"):
        select(Catalog([tmp_path]), GenerationRequest(checkpoint="z_image", scheduler="Euler"))


def test_a_vocabulary_that_is_nowhere_is_named(tmp_path):
    z_images.write_whole(tmp_path / "whole.safetensors")
    (tmp_path / "whole.tokenizer.json").unlink()
    request = GenerationRequest(checkpoint="whole", scheduler="Euler")
    selection = select(Catalog([tmp_path]), request)
    with (
        pytest.raises(CheckpointError, match=r"whole: Qwen3's vocabulary is missing.*tokenizer\.j"),
        ModelManager("cpu", "float32").lease(selection),
    ):
        pass
