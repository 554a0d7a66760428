"""Pictures enlarged by networks: seamless whatever the tiles, of any size and factor, told and
cancelled as every job."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFilter
from spandrel.architectures.Compact import Compact
from spandrel.architectures.ESRGAN import ESRGAN
from torch import nn
from torch.nn import functional

from studio.catalog.catalog import Catalog
from studio.catalog.settle import settle
from studio.catalog.shipped import shipped_upscalers
from studio.diffusion import enlarging
from studio.domain import events
from studio.domain.errors import CheckpointError, InvalidRequest, OutOfMemory
from studio.domain.request import GenerationRequest
from studio.residence.networks import upscaler
from studio.settings import assets_dir
from studio.weights.upscaler import Upscaler
from tests.engine.pictures import scene
from tests.engine.running import run, step
from tests.engine.upscaling import FAST, Table

SLOW = "Real-ESRGAN x4plus anime"


def drawn(size: tuple[int, int]) -> Image.Image:
    """Shapes with sharp edges, and a little noise."""
    image = Image.new("RGB", size, "skyblue")
    width, height = size
    pen = ImageDraw.Draw(image)
    for place in range(0, max(size), 40):
        pen.ellipse((place, height // 4, place + 30, height // 4 + 30), "tomato", "black", 2)
        pen.line((0, place, width, height - place), "darkgreen", 3)
    noise = np.random.default_rng(0).normal(0, 4, (height, width, 3))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def table() -> Table:
    return Table(Catalog([assets_dir() / "models"], shipped=shipped_upscalers()))


def apart(one: Image.Image, other: Image.Image) -> int:
    """The largest difference of a channel."""
    return int(np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).max())


@pytest.mark.parametrize(
    ("upscaler", "size"),
    [(FAST, (260, 201)), pytest.param(SLOW, (400, 64), marks=pytest.mark.slow)],
)
def test_tiles_leave_no_seam(table, monkeypatch, upscaler, size):
    image = drawn(size)
    whole = table.enlarge(image, upscaler, factor=4)
    monkeypatch.setattr(enlarging, "MOST_PIXELS", 192**2)
    happened = run(table.engine, table.request(image, upscaler, factor=4))
    counts = [event.total for event in happened if isinstance(event, events.Progress)]
    assert counts and set(counts) == {len(counts)} and len(counts) > 1, "progress tile by tile"
    assert apart(happened[-1].pictures[0].image, whole) <= 2


def test_the_picture_is_that_of_the_network_alone(table):
    image = drawn((40, 30))
    ref = table.catalog.find(FAST, "upscaler")
    with table.manager.networks.lend(upscaler(ref)) as network, torch.inference_mode():
        given = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255
        larger = network.module(given)[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0)
    assert apart(table.enlarge(image, factor=4), Image.fromarray(larger.numpy())) <= 1


def test_any_size_and_factor(table):
    image = drawn((33, 20))
    for task, size in (
        ({"factor": 1.0}, (33, 20)),
        ({"factor": 2.5}, (82, 50)),
        ({"factor": 8.0}, (264, 160)),
        ({"resize_width": 100}, (100, 61)),
        ({"resize_height": 100}, (165, 100)),
        ({"resize_width": 90, "resize_height": 90}, (90, 90)),
    ):
        larger = table.enlarge(image, **task)
        assert larger.size == size
        if "resize_height" not in task or "resize_width" not in task:
            smaller = np.asarray(larger.resize(image.size, Image.Resampling.BOX), np.float32)
            assert np.abs(smaller - np.asarray(image, np.float32)).mean() < 16
    assert table.enlarge(Image.new("RGB", (1, 1), "tomato"), factor=4).size == (4, 4)
    assert table.enlarge(image.crop((0, 0, 12, 9)), SLOW, factor=1.5).size == (18, 14)
    assert table.enlarge(Image.new("RGB", (3000, 1)), factor=1).size == (3000, 1)


def test_two_are_mixed_and_one_needs_no_network(table):
    image = drawn((30, 30))
    first, second = (table.enlarge(image, name, factor=2) for name in (FAST, "Nearest"))
    blend = {"upscaler_2": "Nearest", "factor": 2}
    mixed = table.enlarge(image, FAST, upscaler_2_visibility=0.25, **blend)
    assert apart(mixed, Image.blend(first, second, 0.25)) <= 1
    assert table.enlarge(image, FAST, upscaler_2_visibility=0, **blend).tobytes() == first.tobytes()
    assert (
        table.enlarge(image, FAST, upscaler_2_visibility=1, **blend).tobytes() == second.tobytes()
    )
    assert second.tobytes() == image.resize((60, 60), Image.Resampling.NEAREST).tobytes()


def test_a_seamless_picture_stays_seamless(table):
    image = drawn((48, 40))
    turned = Image.fromarray(np.roll(np.asarray(image), (17, 21), (0, 1)))
    larger, other = (table.enlarge(each, factor=4, tiling="both") for each in (image, turned))
    back = Image.fromarray(np.roll(np.asarray(other), (-17 * 4, -21 * 4), (0, 1)))
    assert apart(larger, back) <= 2, "where its border lies makes no difference"


def test_it_is_told_in_the_picture_and_draws_nothing(table):
    table.manager.release()
    request = table.request(drawn((24, 24)), None, factor=2, prompt="a fox")
    assert request.task.upscaler == FAST, "the first there is"
    happened = run(table.engine, request)
    kinds = [type(event) for event in happened]
    assert kinds == [events.Loading, events.Started, events.Progress, events.Finished]
    [picture] = happened[-1].pictures
    assert picture.infotext.splitlines()[0] == "a fox"
    told = picture.infotext.splitlines()[1]
    assert told.startswith(f"Postprocess upscale by: 2, Postprocess upscaler: {FAST}, Version:")
    assert table.manager.warm == (), "no checkpoint was read"


def test_a_cancel_takes_effect_within_a_tile(table):
    calls = []

    class Watched(nn.Module):
        def forward(self, x):
            for _ in range(50):
                x = functional.conv2d(x, torch.eye(3)[..., None, None])
                calls.append(x)
                if len(calls) == 3:
                    under_way.cancel()
            return x

    request = table.request(drawn((80, 80)), factor=1)
    ref = table.catalog.find(FAST, "upscaler")
    with table.manager.networks.lend(upscaler(ref)) as network:
        own = network.module
        object.__setattr__(network, "module", Watched())
        try:
            under_way = table.engine.open(request)
            while not under_way.done:
                last = step(table.engine, under_way)
        finally:
            object.__setattr__(network, "module", own)
    assert last == events.Cancelled(()) and len(calls) == 3
    assert table.enlarge(drawn((20, 20))).size == (40, 40), "the next job is whole"


def test_out_of_memory_is_answered_by_smaller_tiles(table, monkeypatch):
    image = drawn((200, 90))
    whole = table.enlarge(image, factor=4)
    enlarge, sizes = enlarging.enlarge, []

    def short(network, picture):
        sizes.append(picture.shape[:2])
        if picture.shape[1] > 190:
            raise MemoryError
        return enlarge(network, picture)

    monkeypatch.setattr(enlarging, "enlarge", short)
    assert apart(table.enlarge(image, factor=4), whole) <= 2
    assert len(sizes) > 2 and sizes[0] == (90, 200)


def test_what_fits_nowhere_is_refused(table, monkeypatch):
    monkeypatch.setattr(table.manager, "room", lambda needed: 0)
    table.manager.networks.clear()
    last = run(table.engine, table.request(drawn((20, 20))))[-1]
    assert isinstance(last.cause, OutOfMemory) and "choose a smaller network" in str(last.cause)


def test_what_cannot_be_is_told_before(table):
    image = drawn((64, 64))
    for task, message in (
        (
            {"upscaler": "4x-Unheard"},
            "'4x-Unheard' is no upscaler that is known. There are: Lan",
        ),
        ({"upscaler": "picturebook"}, "picturebook is no upscaler, but a model of the kind check"),
        ({"upscaler_2": "picturebook"}, "upscaler_2: picturebook is no upscaler"),
        ({"resize_width": 32}, "less than the 64×64 of the picture"),
        ({"resize_width": 32_768}, "too many: 64 megapixels are possible"),
        (
            {"refine": True, "tile_size": 64, "tile_overlap": 40},
            "more than half a tile of 64. Choose at most 32",
        ),
    ):
        with pytest.raises(InvalidRequest) as refused:
            table.request(image, **{"upscaler": FAST, **task})
        assert message in str(refused.value)
    with pytest.raises(InvalidRequest, match=f"{FAST} is no checkpoint, but an upscaler"):
        settle(table.catalog, GenerationRequest(checkpoint=FAST))
    with pytest.raises(InvalidRequest, match="hires.upscaler: 'ESRGAN' is no upscaler"):
        settle(table.catalog, GenerationRequest(hires={"upscaler": "ESRGAN"}))
    with pytest.raises(InvalidRequest, match="Choose a factor of at most 7.95"):
        GenerationRequest(task={"kind": "upscale", "image": "x", "factor": 8}).task.size(
            (1002, 1003)
        )
    for factor in (0, 0.99, float("nan"), 100, "many"):
        with pytest.raises(InvalidRequest, match="factor"):
            GenerationRequest.parse({"task": {"kind": "upscale", "image": "x", "factor": factor}})


def test_a_network_that_is_gone_is_told(table, tmp_path):
    catalog = Catalog([assets_dir() / "models", tmp_path])
    torch.save(ESRGAN(num_filters=4, num_blocks=1).state_dict(), tmp_path / "mine.pth")
    catalog.refresh()
    own = Table(catalog)
    request = own.request(drawn((20, 20)), "mine.pth", factor=2)
    assert request.task.upscaler == "mine"
    (tmp_path / "mine.pth").unlink()
    last = run(own.engine, request)[-1]
    assert isinstance(last.cause, CheckpointError) and "no longer there" in str(last.cause)


def test_how_far_a_tile_looks():
    for net, margin in (
        (Compact(num_feat=4, num_conv=3), 8),
        (ESRGAN(num_filters=4, num_blocks=23), 64),
        (nn.Sequential(nn.Conv2d(3, 3, 3), nn.Linear(3, 3)), 64),
    ):
        assert enlarging.margin(net) == margin
        assert enlarging.tile_for(net, (500, 300), 1e9) == (500, 300)
        least = 2 * margin + enlarging.FADE + 128
        assert enlarging.tile_for(net, (5000, 3000), 4096) == (least, least)


def test_networks_that_want_certain_sizes_get_them():
    seen = []

    class Picky(nn.Module):
        def forward(self, x):
            seen.append(tuple(x.shape[2:]))
            return functional.interpolate(x, scale_factor=2)

    cpu = torch.device("cpu")
    network = Upscaler("picky", Picky(), 2, 16, 8, cpu, torch.float32)
    image = np.asarray(drawn((19, 3)))
    larger = enlarging.enlarge(network, image)
    assert seen == [(16, 24)]
    assert larger.tobytes() == image.repeat(2, 0).repeat(2, 1).tobytes()


def test_a_refined_picture_has_no_seam_where_tiles_meet(table):
    image = scene((96, 96)).filter(ImageFilter.GaussianBlur(12))  # what is sharp in it is a seam
    task = {"upscaler": "Lanczos", "factor": 2, "refine": True, "tile_size": 128, "steps": 4}
    larger = table.enlarge(image, strength=0, **task)
    assert larger.tobytes() == table.enlarge(image, "Lanczos", factor=2).tobytes()
    request = table.request(image, **task, prompt="a red house")
    assert (request.width, request.height) == (128, 128), "the size of a tile"
    happened = run(table.engine, request)
    progress = [event for event in happened if isinstance(event, events.Progress)]
    assert progress[-1].passes == 4 and progress[-1].step == progress[-1].total
    [picture] = happened[-1].pictures
    assert "SD upscale overlap: 32, SD upscale upscaler: Lanczos" in picture.infotext
    assert picture.image.size == (192, 192) and apart(picture.image, larger) > 4
    change = np.asarray(picture.image, np.float32) - np.asarray(larger, np.float32)
    for across in (change, change.transpose(1, 0, 2)):
        steps = np.abs(np.diff(across, axis=1)).mean((0, 2))
        borders = [at + offset for at in (64, 128) for offset in (-2, -1, 0)]
        assert max(steps[borders]) < 2 * np.median(steps) + 0.8, "as smooth as elsewhere"


def test_a_second_drawing_begins_with_what_a_network_enlarged(table):
    fields = {"prompt": "a fox", "steps": 2, "seed": 3, "width": 64, "height": 64}
    hires = {"factor": 1.5, "strength": 0, "upscaler": f"{FAST.upper()}"}
    first = run(table.engine, settle(table.catalog, GenerationRequest(**fields)))[-1]
    request = settle(table.catalog, GenerationRequest(**fields, hires=hires))
    assert request.hires.upscaler == FAST
    last = run(table.engine, request)[-1]
    wanted = table.enlarge(first.pictures[0].image, FAST, factor=1.5)
    assert apart(last.pictures[0].image, wanted) <= 1
    assert f"Hires upscaler: {FAST}" in last.pictures[0].infotext
