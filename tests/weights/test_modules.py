"""Modules without weights, made beside others that have theirs."""

from __future__ import annotations

import threading

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from studio.families.stable_diffusion.family import SD1
from studio.weights import modules
from tests.weights import checkpoints


def test_a_network_that_another_thread_makes_meanwhile_has_its_weights():
    text_encoder = checkpoints.parts_of(SD1)["text_encoder"]
    half_there, may_go_on, built = threading.Event(), threading.Event(), []

    def build():
        built.append(modules.build("text_encoder", text_encoder.config.to_dict()))

    def wait(*_):
        if threading.current_thread() is builder and not half_there.is_set():
            half_there.set()
            assert may_go_on.wait(20)

    builder = threading.Thread(target=build)
    handle = register_module_parameter_registration_hook(wait)
    try:
        builder.start()
        assert half_there.wait(20)
        network = nn.Linear(3, 2)
        may_go_on.set()
        builder.join(20)
    finally:
        may_go_on.set()
        handle.remove()
    assert network(torch.ones(3)).shape == (2,)
    assert {parameter.device.type for parameter in built[0].parameters()} == {"meta"}
    found = {name: buffer.tolist() for name, buffer in built[0].named_buffers()}
    assert found == {name: buffer.tolist() for name, buffer in text_encoder.named_buffers()}
    assert found, "position ids, which no checkpoint has"
