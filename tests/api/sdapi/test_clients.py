"""What well-known programs send, and what of the answers they read."""

from __future__ import annotations

import json

import pytest

from tests.api.sdapi.conftest import encoded, opened

SIZE = {"width": 64, "height": 64, "steps": 2}


def post(served, path, body, **more):
    answer = served.http.post(f"/sdapi/v1/{path}", json=body, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def get(served, path, **more):
    return served.http.get(f"/sdapi/v1/{path}", **more).raise_for_status().json()


def test_silly_tavern(swept):
    options = get(swept, "options")
    titles = [model["title"] for model in get(swept, "sd-models")]
    assert options["sd_model_checkpoint"] in titles and "forge_preset" not in options
    assert get(swept, "sd-vae") == []
    post(swept, "options", {"sd_model_checkpoint": titles[0]})
    now = get(swept, "progress")
    assert (now["progress"], now["state"]["job_count"]) == (0, 0)
    drawn = post(
        swept,
        "txt2img",
        SIZE
        | {
            "prompt": "best quality, a cat",
            "negative_prompt": "lowres",
            "sampler_name": get(swept, "samplers")[0]["name"],
            "scheduler": get(swept, "schedulers")[0]["name"],
            "cfg_scale": 7,
            "seed": -1,
            "restore_faces": False,
            "enable_hr": True,
            "hr_upscaler": get(swept, "latent-upscale-modes")[1]["name"],
            "hr_scale": 2,
            "hr_additional_modules": [],
            "denoising_strength": 0.7,
            "hr_second_pass_steps": 0,
            "override_settings": {"CLIP_stop_at_last_layers": 1, "sd_vae": "Automatic"},
            "override_settings_restore_afterwards": True,
            "clip_skip": 1,
            "save_images": True,
            "send_images": True,
            "do_not_save_grid": False,
            "do_not_save_samples": False,
        },
    )
    [image] = drawn["images"]
    assert opened(image).size == (128, 128)
    assert post(swept, "interrupt", {}) == {}


def test_open_webui(swept):
    """It sends an empty login, and all options back."""
    nobody = {"headers": {"Authorization": ""}}
    options = get(swept, "options", **nobody)
    assert options["sd_model_checkpoint"] == get(swept, "sd-models", **nobody)[0]["title"]
    assert post(swept, "options", options, **nobody) is None
    body = SIZE | {"prompt": "a cat", "batch_size": 2, "negative_prompt": None}
    drawn = post(swept, "txt2img", body, **nobody)
    assert [opened(image).format for image in drawn["images"]] == ["PNG", "PNG"]
    assert json.loads(drawn["info"])["all_seeds"][1] == json.loads(drawn["info"])["seed"] + 1
    changed = body | {"init_images": [encoded(opened(drawn["images"][0]))], "steps": None}
    assert len(post(swept, "img2img", changed, **nobody)["images"]) == 2


def test_libre_chat(swept):
    drawn = post(swept, "txt2img", SIZE | {"prompt": "a cat", "cfg_scale": 4.5, "seed": 3})
    uri = f"data:image/png;base64,{drawn['images'][0]}"
    told = post(swept, "png-info", {"image": uri})
    assert told["info"].startswith("a cat\nSteps: 2, Sampler: Euler,")  # the default's default


def test_kobold_lite(swept):
    [model] = get(swept, "sd-models")
    post(swept, "options", {"sd_model_checkpoint": model["title"]})
    body = SIZE | {"prompt": "a cat", "sampler_name": "k_euler_a", "cfg_scale": 7, "seed": 1}
    body |= {"negative_prompt": "ugly", "save_images": False, "enable_hr": "false"}
    [image] = post(swept, "txt2img", body)["images"]
    again = body | {"init_images": [image], "denoising_strength": 0.6}
    [image] = post(swept, "img2img", again)["images"]
    assert opened(image).size == (64, 64)


def test_the_photoshop_plugin(swept, picture, mask):
    assert get(swept, "scripts").keys() == {"txt2img", "img2img"}
    lists = ("samplers", "upscalers", "loras", "embeddings", "prompt-styles", "cmd-flags")
    assert all(get(swept, each) is not None for each in lists)
    models = swept.http.get("/controlnet/model_list").json()["model_list"]
    assert "canny" in swept.http.get("/controlnet/module_list").json()["module_list"]
    assert swept.http.get("/controlnet/control_types").json()["control_types"]["All"]
    unit = {
        "enabled": True,
        "input_image": "",
        "mask": "",
        "module": "none",
        "weight": 1.0,
        "model": models[0],
        "resize_mode": "Scale to Fit (Inner Fit)",
        "lowvram": True,
        "processor_res": 512,
        "threshold_a": 0,
        "threshold_b": 0,
        "guidance": 1,
        "guidance_start": 0,
        "guidance_end": 1,
        "guessmode": False,
        "control_mode": 0,
    }
    body = SIZE | {
        "prompt": "a house",
        "negative_prompt": "",
        "sampler_index": "DPM++ SDE Karras",
        "n_iter": 1,
        "seed": -1,
        "subseed": -1,
        "subseed_strength": 0,
        "batch_size": 1,
        "init_images": [encoded(picture)],
        "mask": encoded(mask),
        "mask_blur": 0,
        "use_sharp_mask": False,
        "inpainting_fill": 1,
        "inpaint_full_res": False,
        "inpaint_full_res_padding": 0,
        "inpainting_mask_invert": False,
        "styles": [""],
        "mode": "inpaint",
        "selection_info": {},
        "script_args": [],
        "script_name": None,
        "alwayson_scripts": {"controlnet": {"args": [unit]}},
        "restore_faces": False,
    }
    drawn = post(swept, "img2img", body)
    assert drawn["parameters"]["init_images"] is None and drawn["parameters"]["mask"] is None
    job = swept.studio.queue.jobs()[-1].request
    assert (job.scheduler, job.noise_schedule) == ("DPM++ SDE", "karras")
    assert (job.task.kind, job.task.masked_content) == ("inpaint", "original")
    assert job.controls[0].resize_mode == "crop_and_resize"
    extras = {"image": encoded(picture), "upscaler_1": "None", "upscaling_resize": 2}
    assert post(swept, "extra-single-image", extras)["image"]


@pytest.mark.parametrize(
    ("sent", "is_told"),
    [
        ({"alwayson_scripts": {"ControlNet": {"args": []}}}, {}),
        (
            {"alwayson_scripts": {"Sampler": {"args": [3, "LMS", "Exponential"]}}, "steps": 9},
            {"steps": 3, "scheduler": "LMS", "noise_schedule": "exponential"},
        ),
        (
            {"alwayson_scripts": {"seed": {"args": [7, True, 8, 0.5, 0, 0]}}},
            {"seed": 7, "variation_seed": 8, "variation_strength": 0.5},
        ),
        ({"script_name": "", "tiling": True}, {"tiling": "both"}),
        (
            {"refiner_checkpoint": "picturebook", "refiner_switch_at": 0.5},
            {"refiner": {"checkpoint": "picturebook", "switch_at": 0.5}},
        ),
        (
            {"alwayson_scripts": {"Refiner": {"args": [True, "picturebook", 0.5]}}},
            {"refiner": {"checkpoint": "picturebook", "switch_at": 0.5}},
        ),
        (
            {"override_settings": {"CLIP_stop_at_last_layers": 2, "emphasis": "No norm"}},
            {"clip_skip": 2, "emphasis": "no_norm"},
        ),
        ({"width": 70, "height": 77}, {"width": 64, "height": 72}),
        ({"sampler_name": "DDIM", "scheduler": "Karras"}, {"noise_schedule": "automatic"}),
        ({"infotext": "a dog\nSteps: 7, Sampler: Euler a, CFG scale: 3"}, {"guidance_scale": 3.0}),
        ({"firstphase_width": 64, "firstphase_height": 96, "enable_hr": True}, {"height": 96}),
        (
            {"styles": ["Picturebook flat"], "prompt": "a cat"},
            {"prompt": "a cat, flat illustration"},
        ),
        ({"prompt": "a cat <lora:nope:1>", "disable_extra_networks": True}, {"prompt": "a cat"}),
    ],
)
def test_what_becomes_of_it(swept, sent, is_told):
    post(swept, "txt2img", {"width": 64, "height": 64, "steps": 4, "seed": 2} | sent)
    request = swept.studio.queue.jobs()[-1].request.model_dump()
    assert {name: request[name] for name in is_told} == is_told


def test_adetailer(swept, picture):
    """As SillyTavern and webuiapi send it."""
    tab = {"ad_model": "picturebook segmenter", "ad_model_classes": "house"}
    tab |= {"ad_mask_k_largest": 2, "ad_denoising_strength": 0.5}
    for args, count in (
        ([True, False, tab, {"ad_model": "None"}], 1),
        ([tab, tab], 2),
        ([False, False, tab], 0),
        ([False], 0),
    ):
        post(swept, "txt2img", SIZE | {"alwayson_scripts": {"ADetailer": {"args": args}}})
        assert len(swept.studio.queue.jobs()[-1].request.detailers) == count
    alone = {"alwayson_scripts": {"ADetailer": {"args": [True, True, tab]}}}
    post(swept, "img2img", SIZE | alone | {"init_images": [encoded(picture)]})
    request = swept.studio.queue.jobs()[-1].request
    [detailer] = request.detailers
    assert request.task.kind == "details"
    assert (detailer.detector, detailer.classes) == ("picturebook segmenter", "house")
    assert detailer.count == 2
    assert (detailer.order, detailer.strength) == ("largest first", 0.5)


def test_a_grid_comes_first_where_pictures_are_saved(swept):
    drawn = post(swept, "txt2img", SIZE | {"batch_size": 3, "save_images": True})
    info = json.loads(drawn["info"])
    assert (len(drawn["images"]), info["index_of_first_image"], len(info["infotexts"])) == (4, 1, 4)
    assert info["comments"] == ""
    none = post(swept, "txt2img", SIZE | {"batch_size": 3, "send_images": False})
    assert none["images"] == [] and len(json.loads(none["info"])["all_seeds"]) == 3
