"""Textual inversion: the vectors that learn, against diffusers' example and its loader."""

from __future__ import annotations

import copy
import re

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, StableDiffusionPipeline
from PIL import Image

from studio.domain.errors import InvalidRequest
from studio.domain.training import Done, EmbeddingTraining, LoraTraining
from studio.families.stable_diffusion import tokenizers
from studio.families.stable_diffusion.family import SD1, SD2, SDXL
from studio.training import buckets, keeping, result, running, starting
from studio.weights import embeddings
from tests.refs import ref_to
from tests.training import tiny
from tests.weights.checkpoints import parts_of, vae_of, write_single

CAPTIONS = ["a zork", "zork, sea, wind", "a dog on a zork"]
PLAIN = {"name": "zork", "initial_text": "kite", "min_snr_gamma": 0, "max_grad_norm": 0}


@pytest.fixture
def trainer(monkeypatch):
    monkeypatch.setattr(tiny, "CAPTIONS", CAPTIONS)
    return lambda **told: tiny.trainer(EmbeddingTraining(**PLAIN | told))


def by_diffusers(training: EmbeddingTraining) -> tuple[list[float], torch.Tensor]:
    """(losses, vector) of diffusers' example `textual_inversion.py`, taken together to what it
    computes: the whole table learns, and all other rows are put back after each step."""
    trainee, pictures = tiny.trainee(), tiny.pictures()
    tokenizer = copy.deepcopy(trainee.tokenizers[0])
    tokenizer.add_tokens("zork")
    encoder, unet = trainee.text_encoders["text_encoder"], trainee.unet
    encoder.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    table = encoder.get_input_embeddings().weight.requires_grad_(True)
    row = tokenizer.convert_tokens_to_ids("zork")
    [begins] = tokenizer("kite", add_special_tokens=False).input_ids
    with torch.no_grad():
        table[row] = table[begins]
    before = table.detach().clone()
    schedule = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    optimizer = torch.optim.AdamW(
        [table], lr=training.learning_rate, weight_decay=training.weight_decay
    )
    batches = buckets.batches(pictures.sizes, [2, 1, 3], training.batch_size, training.seed)
    torch.manual_seed(training.seed)
    losses = []
    for _, places in zip(range(training.steps), batches, strict=False):
        latents = torch.cat([pictures.latents[place] for place in places])
        noise = torch.randn_like(latents)
        timesteps = torch.randint(0, 1000, (len(latents),))
        noisy = schedule.add_noise(latents, noise, timesteps)
        captions = [pictures.captions[place] for place in places]
        ids = tokenizer(captions, padding="max_length", max_length=77, return_tensors="pt")
        embeds = encoder(ids.input_ids)[0]
        loss = torch.nn.functional.mse_loss(unet(noisy, timesteps, embeds).sample, noise)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        others = torch.arange(len(table)) != row
        with torch.no_grad():
            table[others] = before[others]
        losses.append(loss.item())
    return losses, table[row].detach()


def test_it_learns_as_diffusers_example_and_nothing_else_changes(trainer):
    training = {"steps": 4, "batch_size": 2, "learning_rate": 0.05, "weight_decay": 0.01, "seed": 7}
    ours = trainer(**training)
    model = [ours._trainee.unet, *ours._trainee.text_encoders.values()]
    before = [copy.deepcopy(module.state_dict()) for module in model]
    losses = [ours.learn() for _ in range(4)]
    theirs, vector = by_diffusers(EmbeddingTraining(**PLAIN | training))
    assert losses == pytest.approx(theirs, rel=1e-4) and len(set(losses)) == 4
    assert torch.allclose(ours.exported()["emb_params"], vector[None], atol=1e-4)
    for module, old in zip(model, before, strict=True):
        assert all(torch.equal(value, old[key]) for key, value in module.state_dict().items())


def test_it_learns_pictures_by_heart(trainer):
    """Always the same noise, so that the losses can be told from each other."""
    ours = trainer(vectors=4, learning_rate=0.1, batch_size=3, validation_split=0.5)
    before = ours.test()
    for _ in range(12):
        ours.learn()
    assert ours.test() < before


def test_it_goes_on_bit_for_bit(trainer, tmp_path):
    told = {
        "vectors": 3,
        "learning_rate": 0.05,
        "caption_template": "subject",
        "gradient_accumulation_steps": 2,
        "gradient_checkpointing": True,
        "ema_decay": 0.5,
    }
    whole, first, second = (trainer(**told) for _ in range(3))
    for each in (whole, first, second):
        each._learnt_from.captions[0] = "zork"
    losses = [whole.learn() for _ in range(3)]
    first.learn()
    keeping.save(tmp_path, first.state())
    second.load(keeping.load(tmp_path))
    assert [second.learn() for _ in range(2)] == losses[1:]
    ours, theirs = second.exported()["emb_params"], whole.exported()["emb_params"]
    assert torch.equal(ours, theirs) and ours.shape == (3, 32)


@pytest.mark.parametrize(
    ("words", "vectors", "begins"),
    [
        ("kite", 2, [["kite"], ["kite"]]),
        ("a red kite", 2, [["a"], ["red", "kite"]]),
        ("red kite", 3, [["red"], ["red"], ["kite"]]),
    ],
)
def test_vectors_begin_as_their_share_of_the_initial_text(trainer, words, vectors, begins):
    ours = trainer(initial_text=words, vectors=vectors)
    [table] = ours._trainee.token_tables().values()
    ids = tokenizers.clip().convert_tokens_to_ids
    shares = [table[ids([f"{word}</w>" for word in share])].mean(0) for share in begins]
    assert torch.equal(ours.exported()["emb_params"], torch.stack(shares))


def test_without_initial_text_they_begin_as_the_mean_of_all_words(trainer):
    ours = trainer(initial_text="")
    [table] = ours._trainee.token_tables().values()
    assert torch.equal(ours.exported()["emb_params"][0], table.mean(0))


def test_captions_that_are_the_name_alone_are_read_as_templates():
    training = EmbeddingTraining(name="zork", caption_template="style")
    read = {training.read_as("zork", chance) for chance in (0.0, 0.5, 0.999)}
    assert len(read) == 3 and all("zork" in each and "style" in each for each in read)
    assert training.read_as("a red zork", 0.0) == "a red zork"  # never left out


def test_diffusers_reads_the_file_and_draws_from_the_same_words(trainer, tmp_path):
    ours = trainer(vectors=2, learning_rate=0.1)
    ours.learn()
    path = tmp_path / "zork.safetensors"
    result.save(path, ours.exported(), {})
    trainee = tiny.trainee()
    pipe = StableDiffusionPipeline(
        vae=vae_of(SD1),
        text_encoder=trainee.text_encoders["text_encoder"],
        tokenizer=copy.deepcopy(tokenizers.clip()),
        unet=trainee.unet,
        scheduler=DDIMScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.load_textual_inversion(str(path), token="zork")
    theirs, _ = pipe.encode_prompt("a red zork at sea", "cpu", 1, False)
    [text] = ours._trainee.read(["a red zork at sea"])
    assert torch.allclose(text.embeds, theirs, atol=1e-5)
    [plain] = tiny.trainee().read(["a red zork at sea"])
    assert not torch.allclose(text.embeds, plain.embeds, atol=1e-2)


@pytest.mark.parametrize("family", [SD1, SD2, SDXL])
def test_from_a_file_in_the_original_layout_to_one_that_our_loader_reads(family, tmp_path):
    Image.new("RGB", (64, 64), "purple").save(tmp_path / "a.png")
    parts = parts_of(family)
    ref = write_single(parts, family, tmp_path / "one.safetensors")
    training = EmbeddingTraining(name="zork7", vectors=2, steps=1, resolution=64, batch_size=1)
    place = starting.Place(tmp_path / "embeddings", (), tmp_path / "kept", "cpu")
    task = starting.task(tmp_path, training, lambda _: ref, place, False)
    assert task.dataset.pictures[0].caption == "zork7"
    *_, last = running.train(task)
    assert isinstance(last, Done)
    weights = {part: parts[part].state_dict() for part in family.text_parts}
    found = embeddings.read(ref_to("zork7", "embedding", last.path, family), family, weights)
    tables = [parts[part].get_input_embeddings().weight for part in family.text_parts]
    assert [len(vectors) for vectors in found] == [2] * len(family.text_parts)
    for vectors, table in zip(found, tables, strict=True):
        assert (vectors - table.mean(0)).abs().min() > 0  # all of them have learnt


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("kite", "tiny knows the word 'kite' already"),
        ("my kite", "is not one word"),
        ("(kite:2)", "is not one word"),
        ("Zork7", "There is an embedding 'zork7' already"),
    ],
)
def test_names_that_cannot_stand_for_something_new_are_refused(name, message, monkeypatch):
    monkeypatch.setattr(type(SD1), "tokenizers", lambda family, ref: (tokenizers.clip(),))
    with pytest.raises(InvalidRequest, match=re.escape(message)) as refused:
        starting._check_is_no_word(name, tiny.ref(), ["zork7"])
    assert refused.value.field == "name"


def test_a_lora_is_not_gone_on_with_as_an_embedding(tmp_path):
    keeping.save(tmp_path, {"training": LoraTraining(name="zork").model_dump(), "step": 1})
    with pytest.raises(InvalidRequest, match="of another kind"):
        starting._gone_on_with(EmbeddingTraining(), "zork", tmp_path)
    state = {"training": EmbeddingTraining(name="zork", vectors=3).model_dump(), "step": 1}
    keeping.save(tmp_path, state)
    assert starting._gone_on_with(EmbeddingTraining(steps=9), "zork", tmp_path).vectors == 3
    with pytest.raises(InvalidRequest, match="begun with 3, which stays"):
        starting._gone_on_with(EmbeddingTraining(vectors=2), "zork", tmp_path)
