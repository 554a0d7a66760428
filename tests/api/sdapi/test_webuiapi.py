"""PyPI's `webuiapi`, a client of AUTOMATIC1111's, drives all that it has against the studio."""

from __future__ import annotations

import io
import json
from urllib.parse import urlsplit

import numpy as np
import pytest
import webuiapi
from PIL import Image, ImageChops

from studio.domain.detailers import Detailer
from studio.domain.detectors import SEGMENTER
from studio.picturebook.world import Scene
from tests.api.sdapi.conftest import encoded

SIDE = {"width": 64, "height": 64, "seed": 5}


@pytest.fixture(scope="module")
def api(drawing):
    return webuiapi.WebUIApi(port=urlsplit(drawing.url).port, sampler="Euler a", steps=2)


def differs(one, other):
    return ImageChops.difference(one.convert("RGB"), other.convert("RGB")).getbbox()


def test_pictures_from_words(api):
    result = api.txt2img(prompt="a red house", batch_size=2, n_iter=2, subseed=3, **SIDE)
    assert [image.size for image in result.images] == [(64, 64)] * 4
    assert result.info["all_seeds"] == [5, 6, 7, 8]
    assert result.info["sampler_name"] == "Euler a"
    assert result.parameters["prompt"] == "a red house" and result.parameters["n_iter"] == 2
    assert [image.info["parameters"] for image in result.images] == result.info["infotexts"]
    assert "Seed: 7" in result.info["infotexts"][2]
    varied = api.txt2img(
        prompt="a red house", subseed=3, subseed_strength=0.5, batch_size=2, **SIDE
    )
    assert (varied.info["all_seeds"], varied.info["all_subseeds"]) == ([5, 5], [3, 4])
    assert differs(varied.images[0], result.images[0])


def test_a_second_drawing(api):
    result = api.txt2img(
        prompt="a red house",
        enable_hr=True,
        hr_scale=1.5,
        hr_upscaler=webuiapi.HiResUpscaler.LatentAntialiased,
        denoising_strength=0.5,
        hr_prompt="a blue house",
        hr_sampler_name="Euler",
        **SIDE,
    )
    assert result.image.size == (96, 96)
    [text] = result.info["infotexts"]
    for said in ("Hires upscale: 1.5", "Hires prompt: a blue house", "Hires sampler: Euler,"):
        assert said in text


def test_a_picture_again_and_only_its_middle(api, picture, mask):
    whole = api.img2img(images=[picture], prompt="a blue house", **SIDE)
    assert differs(whole.image, picture) is not None
    [text] = whole.info["infotexts"]
    assert "Denoising strength: 0.75" in text
    part = api.img2img(
        images=[picture], mask_image=mask, inpainting_fill=1, mask_blur=0, prompt="a sun", **SIDE
    )
    left, top, right, bottom = differs(part.image, picture)
    assert (left, top) >= (24, 24) and (right, bottom) <= (40, 40)
    outside = api.img2img(
        images=[picture],
        mask_image=mask,
        inpainting_mask_invert=1,
        inpaint_full_res=False,
        mask_blur=0,
        prompt="a sun",
        **SIDE,
    )
    middle = (24, 24, 40, 40)
    assert differs(outside.image.crop(middle), picture.crop(middle)) is None
    assert differs(outside.image, picture) is not None


def test_several_pictures_make_a_batch(api, picture):
    other = picture.transpose(Image.Transpose.ROTATE_90).point(lambda value: value // 2)
    both = api.img2img(images=[picture, other], prompt="a house", batch_size=2, **SIDE)
    alone = api.img2img(images=[other], prompt="a house", **SIDE | {"seed": 6})
    assert both.info["all_seeds"] == [5, 6]
    assert both.images[1].tobytes() == alone.image.tobytes()


@pytest.mark.parametrize(
    ("script", "args", "sizes"),
    [
        ("SD upscale", ["", 8, "Lanczos", 1.5], [(96, 96)]),
        ("loopback", [2, 0.5, "Linear", "None"], [(64, 64)] * 2),
        ("outpainting mk2", ["", 32, 8, ["left", "up"], 1.0, 0.05], [(96, 96)]),
        ("poor man's outpainting", [32, 4, 1, ["right"]], [(96, 64)]),
    ],
)
def test_scripts_that_begin_with_a_picture(api, picture, script, args, sizes):
    result = api.img2img(
        images=[picture], prompt="a house", script_name=script, script_args=args, **SIDE
    )
    assert [image.size for image in result.images] == sizes


def test_scripts_that_draw_many(api):
    plot = [4, "1,2", [], "Seed", "", ["5", "6"], 0, "", [], True, True, False, False]
    grid = api.txt2img(prompt="a house", script_name="x/y/z plot", script_args=plot, **SIDE)
    sheet, *cells = grid.images
    assert len(cells) == 4 and sheet.width > 128
    assert grid.info["all_seeds"] == [5, 5, 6, 6] and grid.info["index_of_first_image"] == 1
    assert [("Steps: 2" in text) for text in grid.info["infotexts"][1:]] == [False, True] * 2
    matrix = api.txt2img(
        prompt="a house|night", script_name="prompt matrix", script_args=[True], **SIDE
    )
    assert matrix.info["all_prompts"] == ["a house", "night, a house"]
    lines = '--prompt "a dog" --steps 1\na cat'
    listed = api.txt2img(
        prompt="at night",
        script_name="Prompts from file or textbox",
        script_args=[True, False, "start", lines],
        **SIDE,
    )
    assert listed.info["all_prompts"] == ["a dog at night", "a cat at night"]
    assert listed.info["all_seeds"] == [5, 6]


def test_units_and_their_maps(api, picture):
    [model, *_] = api.controlnet_model_list()
    unit = webuiapi.ControlNetUnit(
        image=picture, module="canny", model=model, processor_res=64, weight=0.8
    )
    result = api.txt2img(prompt="a house", controlnet_units=[unit], **SIDE)
    drawn, map = result.images
    assert set(map.convert("L").tobytes()) == {0, 255}
    [text] = result.info["infotexts"]
    assert "Module: canny" in text and "Weight: 0.8" in text
    unit.image = None
    again = api.img2img(images=[picture], controlnet_units=[unit], prompt="a house", **SIDE)
    assert differs(again.images[1], map) is None
    assert len(api.txt2img(prompt="a house", **SIDE).images) == 1  # the unit is not sent again
    found = api.controlnet_detect([picture], module="canny", processor_res=64)
    assert set(found.image.convert("L").tobytes()) == {0, 255}
    assert api.controlnet_version() == 3 and "canny" in api.controlnet_module_list()


def test_a_unit_as_it_was_sent_before(api, picture):
    [model, *_] = api.controlnet_model_list()
    unit = webuiapi.ControlNetUnit(image=picture, module="canny", model=model, processor_res=64)
    words = {"prompt": "a house", "controlnet_units": [unit], **SIDE}
    now = api.txt2img(**words)
    before = api.txt2img(**words, use_deprecated_controlnet=True)
    assert [image.tobytes() for image in before.images] == [i.tobytes() for i in now.images]
    edited = api.img2img([picture], **words, use_deprecated_controlnet=True)
    assert len(edited.images) == 2 and "ControlNet 0" in edited.info["infotexts"][0]
    alone = {"controlnet_input_image": [encoded(picture)], "controlnet_module": "canny"}
    alone |= {"controlnet_model": model, "controlnet_processor_res": 64}
    body = {"prompt": "a house", "sampler_name": "Euler a", "steps": 2, **SIDE, **alone}
    oldest = api.custom_post("controlnet/txt2img", body)
    assert oldest.image.tobytes() == now.image.tobytes()


def test_details_are_repainted_and_every_other_pixel_stays(api, drawing):
    scene = Scene.random(np.random.default_rng(3)).draw((256, 192))
    tab = webuiapi.ADetailer(
        ad_model=SEGMENTER,
        ad_model_classes="house",
        ad_prompt="a blue house",
        ad_denoising_strength=1.0,
        ad_mask_blur=0,
        ad_dilate_erode=0,
        ad_inpaint_only_masked=False,
    )
    size = {"width": 256, "height": 192, "seed": 5}
    result = api.img2img([scene], denoising_strength=0, adetailer=[tab], **size)
    [house] = drawing.studio.detectors.find(scene, Detailer(detector=SEGMENTER, classes="house"))
    before, after = np.asarray(scene), np.asarray(result.image.convert("RGB"))
    is_house = np.zeros(before.shape[:2], bool)
    left, top, right, bottom = house.box
    is_house[top:bottom, left:right] = np.asarray(house.mask) > 0
    assert (after[~is_house] == before[~is_house]).all()
    assert (after[is_house] != before[is_house]).any(axis=-1).mean() > 0.5
    said = "ADetailer.args.1.ad_inpaint_only_masked was passed over: details always are."
    assert result.info["comments"] == said


def test_larger_pictures(api, picture):
    single = api.extra_single_image(picture, upscaler_1=webuiapi.Upscaler.Lanczos)
    assert single.image.size == (128, 128) and "Lanczos" in single.info
    batch = api.extra_batch_images(
        [picture, picture],
        upscaler_1="Nearest",
        resize_mode=1,
        upscaling_resize_w=100,
        upscaling_resize_h=80,
        upscaling_crop=False,
    )
    assert [image.size for image in batch.images] == [(100, 100)] * 2
    same = api.extra_single_image(picture)
    assert differs(same.image, picture) is None


def test_what_stands_in_a_picture(api, picture):
    drawn = api.txt2img(prompt="a red house", negative_prompt="blur", **SIDE).image
    told = api.png_info(drawn)
    assert told.info == drawn.info["parameters"]
    assert told.parameters["Negative prompt"] == "blur"
    assert (told.parameters["Size-1"], told.parameters["Size-2"]) == (64, 64)
    assert json.loads(told.json["items"]["studio"])["prompt"] == "a red house"
    assert api.png_info(picture).info == ""


def test_options_and_models(api):
    title = api.util_get_current_model()
    assert title in api.util_get_model_names()
    api.util_set_model("picturebok")  # the closest
    assert api.util_get_current_model() == title
    assert api.set_options({"send_seed": False, "no_such_option": 1}) is None
    assert api.get_options()["send_seed"] is False
    api.util_wait_for_ready()
    assert "Euler a" in api.util_get_sampler_names() and "karras" in api.util_get_scheduler_names()
    assert api.custom_get("internal/sysinfo")["Config"]["send_seed"] is False
    assert api.custom_get("artists", baseurl=True)["error"] == "NotFound"  # as long there, too
    assert (api.interrupt(), api.skip(), api.refresh_checkpoints()) == ({}, None, None)
    with pytest.raises(RuntimeError, match="Model not found: clip is not here"):
        api.interrogate(Image.new("RGB", (64, 64)))


def test_everything_that_is_listed(api, drawing):
    assert "k_euler_a" in next(s for s in api.get_samplers() if s["name"] == "Euler a")["aliases"]
    assert {"karras", "automatic"} <= {each["name"] for each in api.get_schedulers()}
    assert [each["name"] for each in api.get_upscalers()][:3] == ["None", "Lanczos", "Nearest"]
    assert {"name": "Latent (bicubic antialiased)"} in api.get_latent_upscale_modes()
    assert "blueprint" in [each["name"] for each in api.get_loras()]
    assert {"x/y/z plot", "controlnet"} <= set(api.get_scripts()["txt2img"])
    assert any(style["prompt"] for style in api.get_prompt_styles())
    assert api.get_realesrgan_models()[0]["scale"] == 4
    assert api.get_embeddings().keys() == {"loaded", "skipped"}
    assert api.get_memory()["ram"]["total"] > 0
    assert api.get_sd_vae() == api.get_hypernetworks() == api.get_face_restorers() == []
    said = json.dumps([api.get_cmd_flags(), api.get_sd_models(), api.get_upscalers()])
    assert str(drawing.studio.settings.data_dir) not in said and "auth" not in said
    progress = api.get_progress()
    assert (progress["progress"], progress["state"]["job_count"]) == (0, 0)


def test_own_api_gives_the_same_pixels(api, drawing, picture, mask):
    words = {"prompt": "a red house, night", "negative_prompt": "snow", "seed": 11, "steps": 3}
    theirs = api.txt2img(
        **words, cfg_scale=5, width=64, height=96, sampler_name="DPM++ 2M Karras", batch_size=2
    )
    ours = {"guidance_scale": 5, "width": 64, "height": 96, "batch_size": 2}
    ours |= {"scheduler": "DPM++ 2M", "noise_schedule": "karras", "clip_skip": 1}
    assert drawn(drawing, words | ours) == [image.tobytes() for image in theirs.images]
    theirs = api.img2img(
        [picture], mask_image=mask, denoising_strength=0.6, inpainting_fill=1, mask_blur=2,
        inpaint_full_res=False, width=64, height=64, sampler_name="Euler", **words,
    )  # fmt: skip
    task = {"kind": "inpaint", "strength": 0.6, "mask_blur": 2}
    task |= {"image": f"data:image/png;base64,{encoded(picture)}"}
    task |= {"mask": f"data:image/png;base64,{encoded(mask)}"}
    ours = {"scheduler": "Euler", "task": task, "width": 64, "height": 64}
    assert drawn(drawing, words | ours) == [theirs.image.tobytes()]


def drawn(served, fields):
    """The pixels that our own API gives."""
    job = served.wait_until(served.submit(**fields), "finished", "failed")
    files = [served.http.get(image["url"]).content for image in job["images"]]
    return [Image.open(io.BytesIO(data)).tobytes() for data in files]
