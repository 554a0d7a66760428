"""The loop against diffusers' example, and what it keeps."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDPMScheduler
from diffusers.optimization import get_scheduler
from diffusers.training_utils import compute_snr
from peft import LoraConfig
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import safe_open
from safetensors.torch import load_file

from studio.domain.errors import EngineError, InvalidRequest, SaveError
from studio.domain.training import Done, LoraTraining, Remark, Stopped, Trained
from studio.families.stable_diffusion.family import SD1
from studio.training import buckets, keeping, optimizers, result, running
from studio.training.dataset import Dataset, TrainingPicture
from studio.training.trainer import Trainer
from studio.weights import lora as weights_lora
from tests.refs import ref_to
from tests.training import tiny


def by_diffusers(training: LoraTraining, predicts: str) -> list[float]:
    """The losses of diffusers' example `train_text_to_image_lora.py`, taken together to what it
    computes."""
    trainee, pictures = tiny.trainee(predicts), tiny.pictures()
    unet, texts = trainee.unet.train(), trainee.read_all(pictures.captions)
    schedule = DDPMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type=predicts
    )
    torch.manual_seed(training.seed)
    targets = ["to_k", "to_q", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2"]
    targets += ["proj_in", "proj_out"]
    unet.add_adapter(LoraConfig(r=training.rank, lora_alpha=2, target_modules=targets))
    weights = [weight for weight in unet.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=training.learning_rate, weight_decay=1e-2)
    rates = get_scheduler(
        "cosine", optimizer, num_warmup_steps=5, num_training_steps=training.steps
    )
    batches = buckets.batches(pictures.sizes, [2, 1, 3], training.batch_size, training.seed)
    torch.manual_seed(training.seed)
    losses = []
    for _, places in zip(range(training.steps), batches, strict=False):
        latents = torch.cat([pictures.latents[place] for place in places])
        noise = torch.randn_like(latents)
        noise += training.noise_offset * torch.randn(*latents.shape[:2], 1, 1)
        timesteps = torch.randint(0, 1000, (len(latents),)).long()
        noisy = schedule.add_noise(latents, noise, timesteps)
        embeds = torch.cat([texts[pictures.captions[place]].embeds for place in places])
        answer = unet(noisy, timesteps, embeds, return_dict=False)[0]
        is_v = predicts == "v_prediction"
        target = schedule.get_velocity(latents, noise, timesteps) if is_v else noise
        snr = compute_snr(schedule, timesteps)
        counts = torch.stack([snr, 5.0 * torch.ones_like(timesteps)], dim=1).min(dim=1)[0]
        counts = counts / (snr + 1 if is_v else snr)
        loss = torch.nn.functional.mse_loss(answer, target, reduction="none")
        loss = (loss.mean(dim=list(range(1, loss.ndim))) * counts).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        rates.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize(
    ("predicts", "steps"),
    [
        ("epsilon", 10),
        ("v_prediction", 6),
        pytest.param("epsilon", 50, marks=pytest.mark.slow),
    ],
)
def test_the_loss_curve_is_that_of_diffusers_example(predicts, steps):
    training = LoraTraining(
        steps=steps,
        batch_size=2,
        rank=4,
        alpha=2,
        learning_rate=3e-3,
        lr_scheduler="cosine",
        lr_warmup_steps=5,
        noise_offset=0.1,
        caption_dropout=0,
        seed=7,
    )
    trainer = tiny.trainer(training, predicts)
    ours = [trainer.learn() for _ in range(steps)]
    theirs = by_diffusers(training, predicts)
    assert ours == pytest.approx(theirs, rel=1e-3)
    assert len(set(ours)) == steps


def test_it_goes_on_bit_for_bit(tmp_path):
    training = LoraTraining(
        steps=3,
        batch_size=2,
        rank=2,
        network="dora",
        learning_rate=1e-2,
        text_encoder_lr=1e-2,
        lr_scheduler="linear",
        gradient_accumulation_steps=2,
        gradient_checkpointing=True,
        ema_decay=0.5,
        caption_dropout=0.5,
        validation_split=0.5,
    )
    whole, first = tiny.trainer(training), tiny.trainer(training)
    losses = [whole.learn() for _ in range(3)]
    first.learn()
    keeping.save(tmp_path / "kept", first.state())
    second = tiny.trainer(training)
    second.load(keeping.load(tmp_path / "kept"))
    assert [second.learn() for _ in range(2)] == losses[1:]
    assert second.test() == whole.test() is not None
    theirs = whole.exported()
    assert {key.partition("_")[2].partition("_")[0] for key in theirs} == {"unet", "te"}
    for key, tensor in second.exported().items():
        assert torch.equal(tensor, theirs[key]), key


@pytest.mark.parametrize("network", ["lora", "dora", "loha", "lokr"])
def test_the_file_is_what_was_learnt(network, tmp_path):
    """Read and merged by us as any LoRA, against peft's own merging."""
    training = LoraTraining(rank=2, conv_rank=4, alpha=3, network=network, text_encoder_lr=1)
    trainer = tiny.trainer(training)
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in trainer.adapter.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    trained = dict(trainer.adapter.modules)
    tensors = trainer.adapter.exported()
    path = tmp_path / "one.safetensors"
    result.save(path, tensors, {})
    originals = tiny.trainee()
    parts = {
        "unet": originals.unet.state_dict(),
        "text_encoder": originals.text_encoders["text_encoder"].state_dict(),
    }
    ref = ref_to("one", "lora", path, SD1)
    found = weights_lora.read(ref, SD1, parts)
    assert not found.warning
    count = 0
    for part, module in trained.items():
        for name, layer in module.named_modules():
            if isinstance(layer, BaseTunerLayer):
                key = f"{name}.weight"
                ours = found.deltas[part, key].add_to(parts[part][key], 1.0)
                layer.merge()
                assert torch.allclose(ours, layer.get_base_layer().weight, atol=2e-3), key
                count += 1
    assert count == len(found.deltas) > 20
    assert ("unet", "down_blocks.0.resnets.0.conv1.weight") in found.deltas


def task_of(tmp_path, training, **more):
    pictures = [TrainingPicture(tmp_path / f"{n}.png", text, (64, 64)) for n, text in
                enumerate(tiny.CAPTIONS)]  # fmt: skip
    return running.Task(
        training,
        Dataset(tmp_path, tuple(pictures)),
        tiny.ref(),
        tmp_path / "loras" / "kites.safetensors",
        tmp_path / "kept",
        **more,
    )


class Stumbling(Trainer):
    """Loses its numbers `times` before it learns its third step."""

    times = 1

    def learn(self):
        if self.step == 2 and self.times:
            self.times -= 1
            return None
        return super().learn()


def stumbling(training, times):
    trainer = tiny.trainer(training)
    trainer.__class__, trainer.times = Stumbling, times
    return trainer


def test_a_loss_that_is_no_number_goes_back_with_half_the_rate(tmp_path):
    training = LoraTraining(
        steps=4, rank=2, learning_rate=0.01, save_every=1, name="kites", trigger="kite"
    )
    task = task_of(tmp_path, training)
    events = list(running.run(task, stumbling(training, 2)))
    remarks = [event.text for event in events if isinstance(event, Remark)]
    assert ["back to step 2" in text for text in remarks] == [True, True]
    assert "0.0025" in remarks[-1]
    assert [event.step for event in events if isinstance(event, Trained)] == [1, 2, 3, 4]
    assert events[-1] == Done(task.target, 4, events[-1].loss)
    assert keeping.load(task.kept_in)["step"] == 4
    with safe_open(task.target, "pt") as file:
        told = file.metadata()
    assert told["ss_network_dim"] == "2" and told["modelspec.trigger_phrase"] == "kite"
    assert '"kite": 1' in told["ss_tag_frequency"] and len(told["sshs_model_hash"]) == 64
    with pytest.raises(EngineError, match="--precision float32"):
        list(running.run(task, stumbling(training, 99)))


def test_it_stops_between_steps_and_a_full_disk_ends_nothing(tmp_path):
    training = LoraTraining(steps=3, rank=2)
    seen = []
    task = task_of(tmp_path, training, stopped=lambda: len(seen) >= 3)
    (tmp_path / "kept").write_text("a file where the folder should be")
    with pytest.raises(SaveError, match="kept"):
        for event in running.run(task, tiny.trainer(training)):
            seen.append(event)
    assert isinstance(seen[0], Remark) and "goes on" in seen[0].text
    (tmp_path / "kept").unlink()
    seen.clear()
    seen += running.run(task, tiny.trainer(training))
    # `stopped` is asked while the list is being filled, so it never says yes: it learns all.
    assert isinstance(seen[-1], Done)
    task = task_of(tmp_path, training, stopped=lambda: True)
    assert list(running.run(task, tiny.trainer(training))) == [Stopped(0)]
    assert load_file(task.target)


def test_in_float16_it_learns_the_same_and_scales_the_loss_by_itself(tmp_path):
    training = LoraTraining(steps=8, rank=2, learning_rate=1e-2, batch_size=2)
    exact, half = tiny.trainer(training), tiny.trainer(training, dtype=torch.float16)
    expected = [exact.learn() for _ in range(6)]
    losses = [half.learn() for _ in range(3)]
    keeping.save(tmp_path / "kept", half.state())
    again = tiny.trainer(training, dtype=torch.float16)
    again.load(keeping.load(tmp_path / "kept"))
    losses += [half.learn() for _ in range(3)]
    assert losses == pytest.approx(expected, rel=0.02) and losses[3] == again.learn()
    assert half.told()["precision"] == "fp16"
    # A scale that leaves float16's range: steps are left out until one fits.
    before, state = half.exported(), half.state()
    half.load(state | {"scaler": state["scaler"] | {"scale": 2.0**30}})
    half.learn()
    assert all(torch.equal(half.exported()[key], before[key]) for key in before)
    assert all(half.learn() for _ in range(20))
    assert half.state()["scaler"]["scale"] < 2.0**30
    learnt = half.exported()
    assert any(not torch.equal(learnt[key], before[key]) for key in before)
    assert all(torch.isfinite(tensor).all() for tensor in learnt.values())


def test_what_was_kept_of_other_pictures_is_refused():
    training = LoraTraining(rank=2)
    state = tiny.trainer(training).state() | {"pictures": 9}
    with pytest.raises(InvalidRequest, match="begun with 9 pictures"):
        tiny.trainer(training).load(state)


def test_prior_pictures_have_a_batch_in_each_step_that_counts_by_its_weight():
    """What the step learns of the new pictures is the same: their noise is drawn first."""
    plain = LoraTraining(rank=2, batch_size=2, caption_dropout=0)
    half, whole = (plain.model_copy(update={"prior_loss_weight": w}) for w in (0.5, 1.0))
    without = tiny.trainer(plain).learn()
    one, two = (tiny.trainer(each, prior=tiny.pictures(9)).learn() for each in (half, whole))
    assert 0 < one - without == pytest.approx((two - without) / 2, rel=1e-4)
    state = tiny.trainer(plain, prior=tiny.pictures(9)).state()
    with pytest.raises(InvalidRequest, match="begun with 6 pictures, and there are 3"):
        tiny.trainer(plain).load(state)


def test_with_prior_pictures_it_goes_on_bit_for_bit(tmp_path):
    """Stopped by its own loop, and begun anew with what that kept."""
    training = LoraTraining(
        steps=3,
        batch_size=2,
        rank=2,
        learning_rate=1e-2,
        text_encoder_lr=1e-2,
        lr_scheduler="cosine",
        gradient_accumulation_steps=2,
        caption_dropout=0.5,
        prior_loss_weight=0.5,
    )
    whole = tiny.trainer(training, prior=tiny.pictures(9))
    losses = [whole.learn() for _ in range(3)]
    task = task_of(tmp_path, training, stopped=lambda: first.step == 1)
    first = tiny.trainer(training, prior=tiny.pictures(9))
    assert list(running.run(task, first))[-1] == Stopped(1)
    task = task_of(tmp_path, training, resumes=True)
    second = tiny.trainer(training, prior=tiny.pictures(9))
    events = list(running.run(task, second))
    assert [each.loss for each in events if isinstance(each, Trained)] == losses[1:]
    theirs = whole.exported()
    for key, tensor in second.exported().items():
        assert torch.equal(tensor, theirs[key]), key
    # The other pictures of what is known would have made another of it.
    other = tiny.trainer(training, prior=tiny.pictures(10))
    other.load(first.state())
    assert other.learn() != losses[1]


def test_a_training_kept_before_there_were_embeddings_goes_on(tmp_path):
    training = LoraTraining(steps=2, rank=2, learning_rate=1e-2)
    first, second = tiny.trainer(training), tiny.trainer(training)
    first.learn()
    state = first.state()
    state["layers"] = state.pop("adapter")
    state["training"].pop("kind")
    keeping.save(tmp_path, state)
    second.load(keeping.load(tmp_path))
    assert second.learn() == first.learn()


def test_what_a_mask_leaves_out_does_not_move_the_loss():
    training = LoraTraining(rank=2, caption_dropout=0)
    losses = []
    for left, counts in ((0.0, 0.0), (5.0, 0.0), (5.0, 1.0)):
        trainer = tiny.trainer(training)
        pictures = trainer._learnt_from
        for latents in pictures.latents:
            mask = torch.ones(1, 1, *latents.shape[2:])
            mask[..., :2] = counts
            pictures.masks.append(mask)
        answer = trainer._trainee.predict
        trainer._trainee.predict = lambda *asked, say=answer, off=left: (
            say(*asked) + off * (torch.arange(asked[0].shape[3]) < 2)
        )
        losses.append(trainer.learn())
    assert losses[0] == losses[1] < losses[2]


def test_prodigy_finds_the_rate_that_adam_is_not_told():
    """A bowl 10 steps of 1 wide, at rates that begin at 1e-6."""
    ends = []
    for make in (optimizers.Prodigy, lambda groups: torch.optim.AdamW(groups, lr=1e-6)):
        place = torch.nn.Parameter(torch.full((4,), 10.0))
        optimizer = make([{"params": [place]}])
        for _ in range(400):
            optimizer.zero_grad()
            (torch.tensor([1.0, 2.0, 3.0, 4.0]) * place**2).sum().backward()
            optimizer.step()
        ends.append(float(place.detach().abs().max()))
    assert ends[0] < 0.5 and ends[1] > 9


def test_prodigy_goes_on_bit_for_bit():
    training = LoraTraining(rank=2, optimizer="prodigy", learning_rate=1)
    whole, first, second = (tiny.trainer(training) for _ in range(3))
    losses = [whole.learn() for _ in range(4)]
    first.learn(), first.learn()
    second.load(first.state())
    assert [second.learn() for _ in range(2)] == losses[2:]
    with pytest.raises(InvalidRequest, match="pip install bitsandbytes"):
        optimizers.check(LoraTraining(optimizer="adamw8bit"))
