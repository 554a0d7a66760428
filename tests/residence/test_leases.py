"""What is lent stays as it is; who wants something else gets a module of its own, or waits."""

from __future__ import annotations

import gc
from dataclasses import replace

import pytest
import torch

from studio.domain.errors import OutOfMemory
from studio.domain.refs import LoraUse, Selection
from studio.residence import memory
from studio.residence.manager import ModelManager
from studio.residence.slot import Slot
from tests.engine import tiny_models
from tests.engine.tiny_models import TinyModels
from tests.residence.leasing import Owner, seated

GIB = memory.GIB


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> TinyModels:
    return tiny_models.write(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
def plain(models) -> Selection:
    return Selection(models.refs["checkpoint"]["one"])


@pytest.fixture
def with_lora(models, plain) -> Selection:
    return replace(plain, loras=(LoraUse(models.refs["lora"]["blueprint"], 1.0, 0.0),))


@pytest.fixture
def manager() -> ModelManager:
    return ModelManager("cpu", "float32")


def weights(lease) -> list[torch.Tensor]:
    held = lease.models
    parts = (held.backbone, held.vae, *held.text_encoders, *held.controlnets, *held.image_encoders)
    return [tensor.data.clone() for module in parts for tensor in module.parameters()]


def unchanged(lease, before) -> bool:
    return all(map(torch.equal, weights(lease), before))


def test_what_is_the_same_is_shared_part_by_part(manager, plain, with_lora, owner):
    first, second = seated(manager, plain, owner), seated(manager, with_lora, owner)
    third = seated(manager, plain, owner)
    assert third.models is first.models
    assert second.models.vae is first.models.vae
    assert second.models.text_encoders == first.models.text_encoders, "the LoRA spares it"
    assert second.models.backbone is not first.models.backbone
    same = [
        a.data_ptr() == b.data_ptr()
        for a, b in zip(
            first.models.backbone.parameters(), second.models.backbone.parameters(), strict=True
        )
    ]
    assert same.count(False) == 1, "but for the layer that the LoRA changes nothing is copied"


def test_after_its_end_a_module_is_filled_anew(manager, plain, with_lora, owner):
    lease = seated(manager, plain, owner)
    unet = lease.models.backbone
    lease.end()
    with pytest.raises(RuntimeError):
        _ = lease.models
    assert seated(manager, with_lora, owner).models.backbone is unet


def test_giving_all_back_leaves_what_is_lent(manager, models, plain, owner):
    full = replace(
        plain,
        vae=models.refs["vae"]["pale"],
        controlnets=(models.refs["controlnet"]["edges"], models.refs["controlnet"]["look"]),
        image_encoders=(models.image_encoder,),
    )
    with manager.lease(replace(plain, checkpoint=models.refs["checkpoint"]["two"])):
        pass
    lease = seated(manager, full, owner)
    before, modules = weights(lease), lease.models
    assert not manager.be_thriftier()
    manager.release()
    assert lease.models is modules and unchanged(lease, before)
    assert manager.warm == ("one", "pale", "edges", "look", "eyes")
    assert seated(manager, full, owner).models is modules, "it is still there for others"


def test_lent_weights_stay_in_host_memory_whatever_is_read(models, plain, owner):
    manager = ModelManager("cpu", "float32", host_bytes=0)
    lease = seated(manager, plain, owner)
    before = weights(lease)
    waiting = manager.borrow(Selection(models.refs["checkpoint"]["two"]), owner)
    stages = manager.prepare(waiting)
    for _ in range(3):
        assert next(stages)[0] == "waiting for one to be given back"
    assert manager.warm == ("one",)
    assert unchanged(lease, before)
    lease.end()
    assert next(stages)[0].startswith("two: ")
    list(stages)
    assert manager.warm == ("two",)


def test_a_lease_that_would_wait_is_refused_where_nobody_could_go_on(models, plain):
    manager = ModelManager("cpu", "float32", host_bytes=0)
    two = Selection(models.refs["checkpoint"]["two"])
    refused = pytest.raises(RuntimeError, match="two waits for one to be given back")
    with manager.lease(plain), refused, manager.lease(two):
        pass
    with manager.lease(two) as held:
        assert held.ref.name == "two"


def test_a_lease_alone_is_alone(manager, plain, owner):
    shared = seated(manager, plain, owner)
    alone = manager.borrow(plain, owner, alone=True)
    stages = manager.prepare(alone)
    assert next(stages)[0].startswith("waiting for ")
    shared.end()
    assert list(stages) == []
    late = manager.borrow(plain, owner)
    assert next(manager.prepare(late))[0].startswith("waiting for ")


def test_a_lease_ends_with_its_owner(manager, plain):
    owner = Owner()
    lease = seated(manager, plain, owner)
    assert manager.is_lent_to_others(None) and not manager.is_lent_to_others(owner)
    del owner
    gc.collect()
    assert lease.ended and not manager.is_lent_to_others(None)


def test_one_that_was_left_while_it_loaded_is_in_nobodys_way(manager, models, plain, owner):
    with manager.borrow(plain, owner) as lease:
        left = manager.prepare(lease)
        next(left)
    other = seated(manager, Selection(models.refs["checkpoint"]["two"]), owner)
    assert other.models.ref.name == "two"


@pytest.fixture
def full(monkeypatch):
    """A computer on which there is no room for another module while `full.error` is set."""

    class Full:
        error: Exception | None = None

    full, fill = Full(), Slot.fill

    def refuse(slot: Slot, *what: object) -> None:
        if full.error:
            raise full.error
        fill(slot, *what)

    monkeypatch.setattr(Slot, "fill", refuse)
    return full


RAN_OUT = (
    torch.OutOfMemoryError("no room"),
    MemoryError(),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    RuntimeError("MPS backend out of memory"),
)


@pytest.mark.parametrize("error", RAN_OUT, ids=lambda error: type(error).__name__)
def test_a_lease_for_which_memory_ran_out_waits_for_others(manager, models, plain, full, error):
    """However the allocator says it; and where there is nobody to wait for, it is refused."""
    two = Selection(models.refs["checkpoint"]["two"])
    owner = Owner()
    first = seated(manager, plain, owner)
    before, full.error = weights(first), error
    waiting = manager.borrow(two, owner)
    stages = [stage for stage, _ in zip(manager.prepare(waiting), range(99), strict=False)]
    assert stages[-1][0] == "waiting for one to be given back"
    assert unchanged(first, before)
    first.end()
    with pytest.raises(OutOfMemory, match="two does not fit into the memory of this computer"):
        list(manager.prepare(manager.borrow(two, owner)))
    full.error = None
    assert seated(manager, two, owner).models.ref.name == "two"


def test_other_errors_of_a_lease_are_left_as_they_are(manager, plain, full):
    full.error = RuntimeError("the device stumbled")
    with pytest.raises(RuntimeError, match="stumbled"), manager.lease(plain):
        pass


@pytest.fixture
def device(monkeypatch):
    """A manager for a device on which there is as much free memory as `device.free` says. It is
    torch's "meta", so slots keep account of what would be there, and copy nothing."""

    class Device:
        free = 100 * GIB

        def manager(self, mode: str = "auto") -> ModelManager:
            return ModelManager("meta", "float32", mode)

    found = Device()
    monkeypatch.setattr("studio.residence.device.choose_device", torch.device)
    monkeypatch.setattr(memory, "free_device_bytes", lambda device: found.free)
    monkeypatch.setattr(Slot, "_write", lambda slot, keys: None)
    monkeypatch.setattr(Slot, "bring", lambda slot: setattr(slot, "resident", True))
    monkeypatch.setattr(Slot, "send_away", lambda slot: setattr(slot, "resident", False))
    return found


def there(lease) -> set[str]:
    """The parts that are on the device."""
    return {part for part, slot in lease.seat.slots.items() if slot.on_device}


ALL = {"unet", "vae", "text_encoder"}


def test_a_second_module_where_the_device_has_room(device, plain, with_lora, owner):
    manager = device.manager()
    first, second = seated(manager, plain, owner), seated(manager, with_lora, owner)
    assert there(first) == there(second) == ALL
    assert second.models.backbone is not first.models.backbone
    assert second.models.vae is first.models.vae


def test_no_second_module_where_it_has_none(device, plain, with_lora, owner):
    manager = device.manager()
    first = seated(manager, plain, owner)
    device.free = 2 * GIB
    waiting = manager.borrow(with_lora, owner)
    stages = manager.prepare(waiting)
    assert next(stages)[0] == "waiting for one to be given back"
    assert there(first) == ALL, "nothing was sent away for it"
    assert seated(manager, plain, owner).models is first.models, "sharing takes none"


def test_modules_that_nobody_holds_make_room(device, models, plain, with_lora, owner):
    manager = device.manager()
    first, second = seated(manager, plain, owner), seated(manager, with_lora, owner)
    kept, gone = first.models.backbone, second.models.backbone
    second.end()
    used = sum(tensor.nbytes for tensor in gone.parameters())
    device.free = 2 * GIB + used // 2
    third = seated(manager, replace(with_lora, loras=()), owner)
    assert third.models is first.models
    net = models.refs["controlnet"]["edges"]
    fourth = seated(manager, replace(plain, controlnets=(net,)), owner)
    assert fourth.models.backbone is kept and there(fourth) == ALL | {"controlnet 1"}
    assert gone not in {slot.module for slot in manager._pool}


def test_where_parts_come_and_go_a_lease_is_alone(device, plain, with_lora, owner):
    manager = device.manager("offload")
    first = seated(manager, plain, owner)
    first.bring("vae")
    for selection in (plain, with_lora):
        waiting = manager.borrow(selection, owner)
        assert next(manager.prepare(waiting))[0].startswith("waiting for ")
    assert there(first) == {"vae"}
    first.end()
    assert seated(manager, with_lora, owner).models.ref is plain.checkpoint


def test_being_thriftier_is_for_those_who_come_later(device, plain, with_lora, owner):
    manager = device.manager()
    first = seated(manager, plain, owner)
    assert manager.be_thriftier()
    first.bring("vae")
    assert there(first) == ALL, "it lives as it did"
    waiting = manager.borrow(with_lora, owner)
    stages = manager.prepare(waiting)
    assert next(stages)[0].startswith("waiting for ")
    first.end()
    list(stages)
    waiting.bring("vae")
    assert there(waiting) == {"vae"}


def test_what_was_made_of_models_is_kept_while_they_stay_as_they_are(manager, plain, with_lora):
    made = []

    def once(selection, key) -> int:
        owner = Owner()
        with seated(manager, selection, owner) as lease:
            return lease.once(key, lambda: made.append(key) or len(made))

    assert [once(plain, key) for key in ("a", "b", "a")] == [1, 2, 1]
    assert once(with_lora, "a") == 3  # of other weights
    assert once(plain, "a") == 4
    assert [once(plain, key) for key in range(8)] == list(range(5, 13))
    assert once(plain, "a") == 13  # the last few alone
