"""LoRAs that cannot be used: refused in words, before anything is changed."""

from __future__ import annotations

import pytest
import torch

from studio.domain.errors import CheckpointError, InvalidRequest
from studio.families.stable_diffusion.family import PICTUREBOOK, SD1, SDXL
from studio.weights import lora
from tests.refs import ref_to
from tests.weights.loras import (
    CONV,
    TO_K,
    assert_same,
    dotted,
    kohya,
    kohya_layer,
    layers,
    merged,
    parts,
    random,
    unet_of,
)


def refuse(ref, *errors, family=PICTUREBOOK, of=None):
    """The message with which `ref` is refused."""
    with pytest.raises(errors or CheckpointError) as refused:
        lora.read(ref, family, of or parts())
    message = str(refused.value)
    assert ref.name in message and "\n" not in message and len(message) < 500
    return message


def test_another_family_is_named_with_both_names(save_lora):
    pair = {"lora_down__weight": random(2, 768), "lora_up__weight": random(320, 2)}
    made = kohya_layer(TO_K, **pair)
    message = refuse(save_lora(made, family=SD1), InvalidRequest)
    assert "is for SD 1.x, the checkpoint is picturebook" in message
    message = refuse(save_lora(made), InvalidRequest)
    assert "text of width 768" in message and "text has width 192" in message
    sdxl = {"unet": unet_of("SDXL").state_dict()}
    message = refuse(save_lora(made, family=SD1), InvalidRequest, family=SDXL, of=sdxl)
    assert "is for SD 1.x, the checkpoint is SDXL" in message
    # A LoRA without cross attention, told by its file's header alone.
    made = kohya_layer(CONV, lora_down__weight=random(2, 64, 3, 3), lora_up__weight=random(64, 2))
    assert "is for SDXL" in refuse(save_lora(made, family=SDXL), InvalidRequest)


def test_a_layer_of_another_size_is_named(save_lora):
    made = kohya_layer(CONV, lora_down__weight=random(2, 320, 3, 3), lora_up__weight=random(320, 2))
    message = refuse(save_lora(made), InvalidRequest)
    assert f"{CONV} is 320×320×3×3 in the LoRA, 64×64×3×3 in the checkpoint" in message


def test_where_next_to_nothing_fits_the_keys_are_counted_and_the_first_named(save_lora):
    made = kohya_layer(TO_K, lora_down__weight=random(2, 192), lora_up__weight=random(64, 2))
    strange = {f"transformer.blocks.{n}.lora_A.weight": random(2, 2) for n in range(40)}
    message = refuse(save_lora(made | strange), InvalidRequest)
    assert f"40 of its {len(made) + 40} keys" in message
    assert message.count("transformer.blocks.") == 3
    assert "conv_in" in refuse(save_lora({"unet.conv_in.weight": random(4, 4)}, name="plain"))
    refuse(
        save_lora({"": random(2), ".": random(2), "weight": random(2)}, name="odd"), InvalidRequest
    )
    refuse(save_lora({}, name="none"), InvalidRequest)


def test_keys_that_are_known_to_do_nothing_are_no_error(save_lora):
    made = kohya(layers(text_encoder=(), alpha=2))
    idle = {
        "bundle_emb.word.string_to_param.*": random(2, 192),
        "lora_unet_that_was_never_trained.alpha": torch.tensor(1.0),
    }
    ref = save_lora(made | idle)
    found = lora.read(ref, PICTUREBOOK, parts())
    assert set(found.ignored) == set(idle)
    assert_same(merged(ref), merged(save_lora(made, name="bare")), 0)


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        (
            {"lora_down__weight": random(2, 192)},
            "has no up",
        ),
        (
            {"lora_up__weight": random(64, 2)},
            "has no down",
        ),
        (
            {"lora_down__weight": random(3, 192), "lora_up__weight": random(64, 2)},
            r"factors of shapes (64, 2) and (3, 192)",
        ),
        (
            {"lora_down__weight": random(0, 192), "lora_up__weight": random(64, 0)},
            "rank 0",
        ),
        (
            {"lora_down__weight": random(2, 192) / 0, "lora_up__weight": random(64, 2)},
            "not finite",
        ),
        (
            {
                "lora_down__weight": random(2, 192),
                "lora_up__weight": random(64, 2),
                "alpha": torch.tensor(torch.nan),
            },
            "not finite",
        ),
        (
            {
                "lora_down__weight": random(2, 192),
                "lora_up__weight": random(64, 2),
                "alpha": random(5),
            },
            "not one number",
        ),
        ({"lora_down__weight": random(2), "lora_up__weight": random(64)}, "a vector"),
        ({"hada_w1_a": random(64, 2), "hada_w1_b": random(2, 192)}, "has no w2_a and no w2_b"),
        ({"lokr_w1": random(4, 4)}, "has no w2_a and no w2_b"),
        ({"dora_scale": random(64, 1)}, "magnitude alone"),
        ({"on_input": torch.tensor(True)}, "without what belongs to it"),
        ({"lokr_t2": random(2, 2, 3, 3), "lokr_w1": random(4), "lokr_w2": random(4)}, "vector"),
    ],
)
def test_what_is_broken_is_named(tensors, words, save_lora):
    assert words in refuse(save_lora(kohya_layer(TO_K, **tensors)))


def test_one_layer_under_two_names_is_refused(save_lora):
    made = layers(text_encoder=())
    both = kohya(made) | dotted(made, "lora_A", "lora_B")
    assert "under two names" in refuse(save_lora(both))


def test_files_that_are_gone_short_empty_or_no_safetensors(save_lora):
    ref = save_lora(kohya(layers()))
    whole = ref.path.read_bytes()
    for content, words in (
        (whole[: len(whole) // 2], "cut short"),
        (whole[:100], "cut short"),
        (b"", "is empty"),
        (b"<!doctype html><html>", "web page"),
        (b"PK\x03\x04" + b"\0" * 100, "pickle"),
    ):
        ref.path.write_bytes(content)
        assert words in refuse(ref)
    ref.path.unlink()
    assert "is gone" in refuse(ref)


def test_settings_that_are_no_json_are_refused(save_lora):
    made = dotted(layers(text_encoder=()), "lora_A", "lora_B")
    for text in ("{", "[]", "[" * 100_000):
        assert "settings" in refuse(save_lora(made, {"lora_adapter_metadata": text}))
    odd = '{"unet.lora_alpha": "much", "unet.r": -1, "unet.alpha_pattern": 3}'
    ref = save_lora(made, {"lora_adapter_metadata": odd})
    assert_same(merged(ref), merged(save_lora(made, name="bare")), 0)


class Harm:
    def __reduce__(self):
        return print, ("harm done",)


def test_a_pickle_is_read_by_the_restricted_reader_alone(tmp_path, capsys, save_lora):
    made = kohya(layers())
    path = tmp_path / "old.pt"
    torch.save(made, path)
    ref = ref_to(name="old", kind="lora", path=path)
    assert_same(merged(ref), merged(save_lora(made)), 0)
    torch.save(made | {"extra": Harm()}, path)
    assert_same(merged(ref), merged(save_lora(made)), 0)
    torch.save({"extra": Harm()}, path)
    assert "None of it was run" in refuse(ref)
    assert "harm done" not in capsys.readouterr().out


def test_a_file_that_is_changed_afterwards_changes_nothing(save_lora):
    ref = save_lora(kohya(layers()))
    before = merged(ref)
    found = lora.read(ref, PICTUREBOOK, parts())
    ref.path.write_bytes(b"\xff" * ref.path.stat().st_size)
    for (part, key), delta in found.deltas.items():
        assert torch.equal(delta.add_to(parts()[part][key], 1.0), before[part][key])
