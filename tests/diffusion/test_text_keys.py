"""Keys and values of the texts are made once, and the predictions are the same bytes."""

from __future__ import annotations

import torch

from studio.diffusion.rows import Rows, joined
from studio.families.stable_diffusion.backbone import UNetPredictor
from tests.models_in_memory import manager, picturebook


def test_keys_of_unchanged_texts_are_made_once_and_no_bit_of_a_prediction_is_other():
    generator = torch.Generator().manual_seed(0)
    one, two, three = (torch.randn(1, 77, 192, generator=generator) for _ in range(3))
    sample = torch.randn(3, 4, 8, 8, generator=generator)
    calls = []

    def rows(timestep: float, *texts: tuple[torch.Tensor, int], told: bool = True) -> Rows:
        embeds = torch.cat([text.expand(count, -1, -1) for text, count in texts])
        count = len(embeds)
        time = torch.full((count,), timestep)
        return Rows(sample[:count], time, embeds, texts=texts if told else ())

    with manager("float32").lease(picturebook()) as models, torch.inference_mode():
        unet = models.backbone
        layers = [layer for name, layer in unet.named_modules() if name.endswith("attn2.to_k")]
        predict = UNetPredictor(unet)
        forward = type(layers[0]).forward
        for layer in layers:
            layer.register_forward_hook(lambda *_: calls.append(1))  # those who look still see
        makes = []
        torch.nn.Linear.forward = lambda self, given: (
            makes.append(1) if self in layers else None,
            forward(self, given),
        )[1]
        try:
            for timestep, texts, made in [
                (900.0, [(one, 1), (two, 1)], True),
                (500.0, [(one, 1), (two, 1)], False),
                (500.0, [(one, 1), (three, 1)], True),  # a prompt that changes on the way
                (100.0, [(one, 1), (two, 1)], False),
                (100.0, [(one, 2), (two, 1)], True),
                (100.0, [(one, 1), (two, 2)], True),
            ]:
                makes.clear()
                seen = predict(rows(timestep, *texts))
                assert len(makes) == (len(layers) if made else 0)
                assert torch.equal(seen, predict(rows(timestep, *texts, told=False)))
            assert not any("forward" in vars(layer) for layer in unet.modules())
        finally:
            torch.nn.Linear.forward = forward
            for layer in layers:
                layer._forward_hooks.clear()
    assert len(calls) == 12 * len(layers)


def test_rows_of_which_some_tell_no_texts_tell_none_together():
    text = torch.zeros(1, 77, 192)
    told = Rows(torch.zeros(1, 4, 8, 8), torch.ones(1), text, texts=((text, 1),))
    untold = Rows(torch.zeros(1, 4, 8, 8), torch.ones(1), text)
    assert joined([told, untold]).texts == ()
    assert joined([told, told]).texts == ((text, 1), (text, 1))
