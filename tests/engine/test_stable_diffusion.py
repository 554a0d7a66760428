"""What a run tells, how it ends, and that nothing of it is left behind."""

import io

import pytest
import torch
from PIL import Image

from studio.domain import events
from studio.domain.errors import UnknownCheckpoint
from tests.engine.running import pictures, run, settled
from tests.models_in_memory import engine, manager, picturebook

FIELDS = {"prompt": "a red house", "seed": 11, "steps": 4, "width": 64, "height": 64}


def kinds(happened) -> list[str]:
    return [type(event).__name__ for event in happened]


def unet():
    with manager("float32").lease(picturebook()) as models:
        return models.backbone


def test_events_come_in_order_and_end_once():
    unet()
    happened = run(engine(), settled(**FIELDS), wants_preview=lambda: True)
    assert kinds(happened) == ["Started", *["Progress", "Preview"] * 3, "Progress", "Finished"]
    steps = [(e.step, e.total) for e in happened if isinstance(e, events.Progress)]
    assert steps == [(k, 4) for k in range(1, 5)]


def test_a_cold_checkpoint_is_loaded_with_rising_fractions():
    manager("float32").release()
    happened = run(engine(), settled(**FIELDS, batch_size=1))
    fractions = [e.fraction for e in happened if isinstance(e, events.Loading)]
    assert len(set(fractions)) > 3
    assert fractions == sorted(fractions)
    assert isinstance(happened[-1], events.Finished)


def test_a_checkpoint_is_loaded_without_drawing_and_a_load_can_be_left():
    manager("float32").release()
    loading = engine()
    left = loading.load(settled())
    [(_, first)] = loading.advance([left])
    assert isinstance(first, events.Loading)
    left.cancel()
    [(_, last)] = loading.advance([left])
    assert last == events.Cancelled(()) and left.done
    assert manager("float32").warm == ()
    whole = loading.load(settled())
    happened = []
    while not whole.done:
        happened += [event for _, event in loading.advance([whole])]
    assert happened[-1] == events.Finished((), 0.0)
    assert manager("float32").warm == ("picturebook",)


def test_previews_come_closer_to_the_picture():
    shown = []
    last = run(
        engine(),
        settled(prompt="a red house on a meadow", seed=4, steps=8),
        wants_preview=lambda: True,
        watch=lambda _, e: shown.append(e) if isinstance(e, events.Preview) else None,
    )[-1]
    final = torch.tensor(bytearray(last.pictures[0].image.tobytes())).float()
    distances = []
    for preview in shown:
        image = Image.open(io.BytesIO(preview.jpeg)).resize((128, 128))
        distances.append(float((torch.tensor(bytearray(image.tobytes())) - final).abs().mean()))
    assert distances[-1] < 0.6 * distances[0]
    assert distances[-1] < 25


def test_no_preview_is_decoded_that_nobody_wants():
    assert "Preview" not in kinds(run(engine(), settled(**FIELDS)))


def test_a_batch_is_previewed_as_a_grid():
    happened = run(engine(), settled(**FIELDS, batch_size=3), wants_preview=lambda: True)
    preview = next(event for event in happened if isinstance(event, events.Preview))
    width, height = Image.open(io.BytesIO(preview.jpeg)).size
    assert width == height
    assert width % 2 == 0


@pytest.mark.parametrize("at_step", [1, 3])
def test_cancel_takes_effect_within_one_step_and_keeps_the_estimate(at_step):
    calls = []
    hook = unet().register_forward_hook(lambda *_: calls.append(1))

    def stop(under_way, event):
        if isinstance(event, events.Progress) and event.step == at_step:
            under_way.cancel()

    try:
        last = run(engine(), settled(**FIELDS), watch=stop)[-1]
    finally:
        hook.remove()
    assert isinstance(last, events.Cancelled)
    assert len(calls) <= at_step + 1
    (picture,) = last.pictures
    assert picture.partial
    assert picture.image.size == (64, 64)


def test_cancel_before_the_first_step_leaves_no_picture():
    def stop(under_way, event):
        if isinstance(event, events.Started):
            under_way.cancel()

    assert run(engine(), settled(**FIELDS), watch=stop)[-1] == events.Cancelled(())


def test_cancel_while_loading_leaves_the_manager_usable():
    manager("float32").release()

    def stop(under_way, event):
        if isinstance(event, events.Loading):
            under_way.cancel()

    assert run(engine(), settled(**FIELDS), watch=stop)[-1] == events.Cancelled(())
    assert manager("float32").state[1] == "cold"
    assert len(pictures(engine(), **FIELDS)) == 1


def test_after_cancel_error_and_out_of_memory_the_next_picture_is_the_same():
    before = pictures(engine(), **FIELDS)[0].tobytes()
    run(engine(), settled(**FIELDS), watch=lambda under_way, _: under_way.cancel())
    for trouble in (RuntimeError("the device stumbled"), torch.OutOfMemoryError("too much")):
        last = failing(unet(), trouble)
        assert isinstance(last, events.Failed)
        assert pictures(engine(), **FIELDS)[0].tobytes() == before


def test_out_of_memory_says_what_to_do():
    last = failing(unet(), torch.OutOfMemoryError("CUDA out of memory"))
    assert last.error == "OutOfMemory"
    assert "smaller" in last.message


def test_a_computer_without_memory_says_what_to_do():
    """In PyTorch's own words, for which it has no class on a CPU."""
    before = pictures(engine(), **FIELDS)[0].tobytes()
    hook = unet().register_forward_pre_hook(lambda *_: torch.empty(2**50))
    try:
        last = run(engine(), settled(**FIELDS))[-1]
    finally:
        hook.remove()
    assert last.error == "OutOfMemory"
    assert "smaller" in last.message and "Allocator" not in last.message
    assert pictures(engine(), **FIELDS)[0].tobytes() == before


def test_a_decode_without_memory_is_tried_again_in_tiles():
    with manager("float32").lease(picturebook()) as models:
        vae = models.vae
    failed = []

    def fail_once(*_):
        if not failed:
            failed.append(vae.use_tiling)
            raise torch.OutOfMemoryError("no room")

    hook = vae.decoder.register_forward_pre_hook(fail_once)
    try:
        assert len(pictures(engine(), **FIELDS)) == 1
    finally:
        hook.remove()
    assert failed == [False]
    assert not vae.use_tiling


def test_numbers_that_overflow_are_no_picture():
    hook = unet().register_forward_hook(lambda m, i, out: (out[0] * float("nan"),))
    try:
        last = run(engine(), settled(**FIELDS))[-1]
    finally:
        hook.remove()
    assert isinstance(last, events.Failed)
    assert "float32" in last.message


def test_an_unknown_checkpoint_fails_that_run_with_the_list_of_known_ones():
    request = settled(**FIELDS).model_copy(update={"checkpoint": "nowhere"})
    last = run(engine(), request)[-1]
    assert last.error == UnknownCheckpoint.__name__
    assert "picturebook" in last.message


def test_long_prompts_are_read_to_their_end():
    start = "a red house on a meadow, " * 30
    one, other = (
        pictures(engine(), prompt=start + end, seed=2, steps=2)[0].tobytes()
        for end in ("at night", "at sunset")
    )
    assert one != other


def test_clip_skip_changes_the_reading():
    first = pictures(engine(), **FIELDS)[0].tobytes()
    assert pictures(engine(), **FIELDS, clip_skip=2)[0].tobytes() != first
    assert pictures(engine(), **FIELDS, clip_skip=12)[0].size == (64, 64)


def failing(module, trouble: Exception) -> events.Event:
    """The last event of a run in whose second step `module` raises `trouble`."""
    calls = []

    def fail(*_):
        calls.append(1)
        if len(calls) == 2:
            raise trouble

    hook = module.register_forward_pre_hook(fail)
    try:
        return run(engine(), settled(**FIELDS))[-1]
    finally:
        hook.remove()
