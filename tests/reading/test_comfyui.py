"""Graphs of ComfyUI, as its "prompt" and "workflow" chunks have them."""

from __future__ import annotations

import json

import pytest

from tests.reading.files import png, with_exif
from tests.reading.shelf import read, why

MODELS = (
    *(("checkpoint", "dream"), ("checkpoint", "refiner"), ("lora", "ink"), ("lora", "wash")),
    *(("vae", "soft"), ("controlnet", "control_canny"), ("embedding", "bad")),
)


def node(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


def simple(**changed):
    """Text to image with a LoRA, a clip skip and a VAE of its own; `changed` nodes by their ids."""
    graph = {
        "1": node("CheckpointLoaderSimple", ckpt_name="sd15\\dream.safetensors"),
        "2": node(
            "LoraLoader",
            model=["1", 0],
            clip=["1", 1],
            lora_name="ink.safetensors",
            strength_model=0.8,
            strength_clip=0.5,
        ),
        "3": node("CLIPSetLastLayer", clip=["2", 1], stop_at_clip_layer=-2),
        "4": node("CLIPTextEncode", clip=["3", 0], text="a fox (red:1.2)"),
        "5": node("CLIPTextEncode", clip=["3", 0], text="blur, embedding:bad"),
        "6": node("EmptyLatentImage", width=512, height=768, batch_size=1),
        "7": node(
            "KSampler",
            model=["2", 0],
            positive=["4", 0],
            negative=["5", 0],
            latent_image=["6", 0],
            seed=77,
            steps=24,
            cfg=6.5,
            sampler_name="dpmpp_2m",
            scheduler="karras",
            denoise=1.0,
        ),
        "8": node("VAELoader", vae_name="soft.safetensors"),
        "9": node("VAEDecode", samples=["7", 0], vae=["8", 0]),
        "10": node("SaveImage", images=["9", 0], filename_prefix="x"),
    }
    return graph | {id.removeprefix("n"): changed[id] for id in changed}


def of(graph, *models):
    return read(png(prompt=json.dumps(graph)), *(models or MODELS))


EXPECTED = {
    "prompt": "a fox (red:1.2)",
    "negative_prompt": "blur, embedding:bad",
    "seed": 77,
    "steps": 24,
    "guidance_scale": 6.5,
    "scheduler": "DPM++ 2M",
    "noise_schedule": "karras",
    "width": 512,
    "height": 768,
    "checkpoint": "dream",
    "vae": "soft",
    "clip_skip": 2,
    "loras": [{"name": "ink", "weight": 0.8, "text_encoder_weight": 0.5}],
}


def test_a_simple_graph():
    reading = of(simple())
    assert reading.source == "comfyui"
    assert {**reading.request, "prompt_dialect": None} == {**EXPECTED, "prompt_dialect": None}
    assert not reading.ignored and not reading.missing


def test_wherever_it_lies():
    text = json.dumps(simple())
    for data in (
        text,
        with_exif("WEBP", b"", Model=f"prompt:{text}"),
        with_exif("JPEG", b"", Make=f"Prompt: {text}", ImageDescription="Workflow:{}"),
        with_exif("WEBP", b"ASCII\0\0\0" + f"prompt:{text}".encode()),
    ):
        reading = read(data, *MODELS)
        assert reading.source == "comfyui" and reading.request["seed"] == 77


def test_what_is_not_here_is_missing():
    reading = of(simple(), ("checkpoint", "other"))
    assert [(entry.kind, entry.name) for entry in reading.missing] == [
        ("embedding", "bad"),
        ("checkpoint", "sd15\\dream.safetensors"),
        ("lora", "ink.safetensors"),
        ("vae", "soft.safetensors"),
    ]
    assert reading.request["negative_prompt"] == "blur, embedding:bad"


def test_texts_and_numbers_from_other_nodes():
    reading = of(
        simple(
            n4=node("CLIPTextEncode", clip=["1", 1], text=["20", 0]),
            n20=node("ShowText|pysssss", text=["21", 0], text_0="as it was shown"),
            n21=node("StringConcatenate", string_a=["22", 0], string_b="a hill", delimiter=" on "),
            n22=node("PrimitiveStringMultiline", value="a fox"),
            n6=node("EmptyLatentImage", width=["23", 0], height=["23", 0], batch_size=2),
            n23=node("PrimitiveInt", value=640),
            n24=node("Seed (rgthree)", seed=5),
            n7=simple()["7"] | {"inputs": simple()["7"]["inputs"] | {"seed": ["24", 0]}},
        )
    )
    request = reading.request
    assert request["prompt"] == "a fox on a hill"
    assert (request["width"], request["height"], request["seed"]) == (640, 640, 5)
    assert why(reading).keys() == {"batch_size"}


def test_joined_and_mixed_conditions():
    several = simple(
        n7=simple()["7"] | {"inputs": simple()["7"]["inputs"] | {"positive": ["30", 0]}},
        n30=node("ConditioningConcat", conditioning_to=["4", 0], conditioning_from=["31", 0]),
        n31=node("CLIPTextEncode", clip=["1", 1], text="a hill"),
    )
    assert of(several).request["prompt"] == "a fox (red:1.2) BREAK a hill"
    several["30"] = node("ConditioningAverage", **several["30"]["inputs"])
    assert "not mixed" in why(of(several))["ConditioningAverage"]
    several["30"] = node("ConditioningZeroOut", conditioning=["4", 0])
    assert "prompt" not in of(several).request
    sdxl = simple(n4=node("CLIPTextEncodeSDXL", clip=["1", 1], text_g="a fox", text_l="a hill"))
    assert of(sdxl).request["prompt"] == "a fox, a hill"


def test_loras_in_stacks():
    power = {"on": True, "lora": "ink.safetensors", "strength": 0.7, "strengthTwo": None}
    off = {"on": False, "lora": "wash.safetensors", "strength": 1}
    reading = of(
        simple(
            n2=node("Power Lora Loader (rgthree)", model=["3", 0], lora_1=power, lora_2=off),
            n3=node("CR Apply LoRA Stack", model=["1", 0], lora_stack=["40", 0]),
            n40=node(
                "CR LoRA Stack",
                switch_1="On",
                lora_name_1="wash.safetensors",
                model_weight_1=0.3,
                clip_weight_1=0.3,
                switch_2="Off",
                lora_name_2="ink.safetensors",
                lora_name_3="None",
            ),
        )
    )
    assert reading.request["loras"] == [
        {"name": "wash", "weight": 0.3},
        {"name": "ink", "weight": 0.7},
    ]


def test_a_sampler_in_parts():
    parts = simple(
        n7=node(
            "SamplerCustomAdvanced",
            noise=["50", 0],
            guider=["51", 0],
            sampler=["52", 0],
            sigmas=["53", 0],
            latent_image=["6", 0],
        ),
        n50=node("RandomNoise", noise_seed=9),
        n51=node("CFGGuider", model=["2", 0], positive=["4", 0], negative=["5", 0], cfg=4.5),
        n52=node("KSamplerSelect", sampler_name="euler_ancestral"),
        n53=node("BasicScheduler", model=["2", 0], scheduler="sgm_uniform", steps=12, denoise=1),
    )
    expected = EXPECTED | {
        "seed": 9,
        "guidance_scale": 4.5,
        "scheduler": "Euler a",
        "noise_schedule": "sgm_uniform",
        "steps": 12,
    }
    assert expected.items() <= of(parts).request.items()


def second(**changed):
    inputs = {"latent_image": ["61", 0], "denoise": 0.45, "steps": 10} | changed
    return node("KSampler", **simple()["7"]["inputs"] | inputs)


def test_a_second_larger_drawing():
    twice = simple(
        n61=node("LatentUpscaleBy", samples=["7", 0], upscale_method="nearest-exact", scale_by=1.5),
        n62=second(sampler_name="euler"),
        n9=node("VAEDecode", samples=["62", 0], vae=["8", 0]),
    )
    reading = of(twice)
    assert reading.request["steps"] == 24
    assert reading.request["hires"] == {
        "factor": 1.5,
        "upscaler": "Latent (nearest-exact)",
        "strength": 0.45,
        "steps": 10,
        "scheduler": "Euler",
        "noise_schedule": "karras",
    }
    pixels = twice | {
        "60": node("VAEDecode", samples=["7", 0], vae=["8", 0]),
        "63": node("UpscaleModelLoader", model_name="4x.pth"),
        "64": node("ImageUpscaleWithModel", image=["60", 0], upscale_model=["63", 0]),
        "65": node("ImageScale", image=["64", 0], upscale_method="area", width=1022, height=1536),
        "61": node("VAEEncode", pixels=["65", 0], vae=["8", 0]),
    }
    hires = of(pixels).request["hires"]
    assert (hires["width"], hires["height"], hires["upscaler"]) == (1024, 1536, "Lanczos")
    assert "4x.pth is not here" in why(of(pixels))["ImageUpscaleWithModel"]
    known = read(json.dumps(pixels), ("upscaler", "4x.pth"))
    assert known.request["hires"]["upscaler"] == "4x.pth"
    assert "ImageUpscaleWithModel" not in why(known)


def test_a_refiner():
    inputs = {k: v for k, v in simple()["7"]["inputs"].items() if k not in ("seed", "denoise")}
    advanced = inputs | {"noise_seed": 4, "steps": 25, "start_at_step": 0, "end_at_step": 20}
    both = simple(
        n7=node("KSamplerAdvanced", **advanced),
        n70=node("CheckpointLoaderSimple", ckpt_name="refiner.safetensors"),
        n71=node(
            "KSamplerAdvanced",
            **advanced | {"model": ["70", 0], "latent_image": ["7", 0], "start_at_step": 20},
        ),
        n9=node("VAEDecode", samples=["71", 0], vae=["8", 0]),
    )
    request = of(both).request
    assert (request["seed"], request["steps"]) == (4, 25)
    assert request["refiner"] == {"checkpoint": "refiner", "switch_at": 0.8}
    assert "hires" not in request


def test_a_picture_that_is_changed():
    changed = simple(
        n6=node("VAEEncode", pixels=["80", 0], vae=["8", 0]),
        n80=node("LoadImage", image="photo.png"),
        n7=second(latent_image=["6", 0], denoise=0.6, steps=20),
    )
    reading = of(changed)
    assert reading.awaits == {"task": {"kind": "image_to_image", "strength": 0.6}}
    assert [(entry.kind, entry.name) for entry in reading.missing] == [("image", "photo.png")]
    assert reading.request["steps"] == 34, "the share 0.6 of which are the 20 that were done"
    masked = changed | {
        "6": node("SetLatentNoiseMask", samples=["81", 0], mask=["80", 1]),
        "81": node("VAEEncode", pixels=["80", 0], vae=["8", 0]),
    }
    assert of(masked).awaits["task"]["kind"] == "inpaint"


def test_a_control_net_and_steps_that_are_not_here():
    reading = of(
        simple(
            n7=second(latent_image=["6", 0], denoise=1.0, positive=["90", 0], negative=["90", 1]),
            n90=node(
                "ControlNetApplyAdvanced",
                positive=["4", 0],
                negative=["5", 0],
                control_net=["91", 0],
                image=["92", 0],
                strength=0.7,
                start_percent=0.1,
                end_percent=0.8,
            ),
            n91=node("ControlNetLoader", control_net_name="control_canny.safetensors"),
            n92=node("Canny", image=["93", 0], low_threshold=0.4),
            n93=node("LoadImage", image="photo.png"),
            n94=node("FaceDetailer", image=["9", 0], model=["2", 0], positive=["4", 0]),
            n10=node("SaveImage", images=["94", 0]),
            n95=node("FreeU_V2", model=["1", 0]),
            n2=node("LoraLoaderModelOnly", model=["95", 0], lora_name="ink", strength_model=1),
        )
    )
    assert reading.request["prompt"] == EXPECTED["prompt"]
    assert reading.request["negative_prompt"] == EXPECTED["negative_prompt"]
    assert reading.awaits["controls"] == [
        {"controlnet": "control_canny", "scale": 0.7, "start": 0.1, "end": 0.8}
        | {"preprocessor": "canny"}
    ]
    assert reading.request["loras"] == [{"name": "ink", "weight": 1.0, "text_encoder_weight": 0.0}]
    assert why(reading).keys() == {"FaceDetailer", "FreeU_V2"}


def saved(*, widgets_named):
    """The page's form of a graph with a text from a primitive and a LoRA that is bypassed."""

    def one(id, kind, values, inputs=(), mode=0, names=""):
        widgets = [{"name": name, "widget": {"name": name}, "link": None} for name in names.split()]
        linked = [{"name": name, "link": link} for name, link in inputs]
        entries = linked + (widgets if widgets_named else [])
        return {"id": id, "type": kind, "mode": mode, "inputs": entries, "widgets_values": values}

    sampler = [77, "randomize", 24, 6.5, "dpmpp_2m", "karras", 1]
    return {
        "nodes": [
            one(1, "CheckpointLoaderSimple", ["dream.safetensors"], names="ckpt_name"),
            one(2, "LoraLoader", ["ink.safetensors", 1, 1], [("model", 1), ("clip", 2)], mode=4),
            one(4, "CLIPTextEncode", ["old"], [("clip", 3), ("text", 4)], names="text"),
            one(5, "CLIPTextEncode", ["blur"], [("clip", 3)], names="text"),
            one(6, "EmptyLatentImage", [512, 768, 1], names="width height batch_size"),
            one(
                7,
                "KSampler",
                sampler,
                [("model", 5), ("positive", 6), ("negative", 7), ("latent_image", 8)],
                names="seed steps cfg sampler_name scheduler denoise",
            ),
            one(9, "VAEDecode", [], [("samples", 9), ("vae", 10)]),
            one(10, "SaveImage", ["x"], [("images", 11)]),
            one(11, "PrimitiveNode", ["a fox", "fixed"]),
        ],
        "links": [
            *([1, 1, 0, 2, 0, "MODEL"], [2, 1, 1, 2, 1, "CLIP"], [3, 2, 1, 4, 0, "CLIP"]),
            *(
                [4, 11, 0, 4, 1, "STRING"],
                [5, 2, 0, 7, 0, "MODEL"],
                [6, 4, 0, 7, 1, "CONDITIONING"],
            ),
            *(
                [7, 5, 0, 7, 2, "CONDITIONING"],
                [8, 6, 0, 7, 3, "LATENT"],
                [9, 7, 0, 9, 0, "LATENT"],
            ),
            *([10, 1, 2, 9, 1, "VAE"], [11, 9, 0, 10, 0, "IMAGE"]),
        ],
    }


@pytest.mark.parametrize("widgets_named", [True, False])
def test_a_graph_as_the_page_saves_it(widgets_named):
    workflow = json.dumps(saved(widgets_named=widgets_named))
    for data in (workflow, png(workflow=workflow)):
        reading = read(data, *MODELS)
        assert reading.source == "comfyui" and not reading.ignored and not reading.missing
        taken = {name: EXPECTED[name] for name in ("seed", "steps", "width", "scheduler")}
        words = {"prompt": "a fox", "negative_prompt": "blur", "checkpoint": "dream"}
        assert (taken | words).items() <= reading.request.items()
        assert "loras" not in reading.request


def test_a_graph_within_a_graph():
    """The encoders, and the seed that is typed in outside, lie in a node of their own."""
    flat = saved(widgets_named=True)
    by_id = {one["id"]: one for one in flat["nodes"]}
    sampler = by_id[7]
    sampler["inputs"][4] = {"name": "seed", "widget": {"name": "seed"}, "link": 4}

    def within(*link):
        names = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
        return dict(zip(names, link, strict=True))

    inner = {
        "id": "a-b-c",
        "inputs": [{"name": name} for name in ("model", "clip", "latent", "seed")],
        "nodes": [by_id[4], by_id[5], sampler, by_id[11]],
        "links": [
            *(within(5, -10, 0, 7, 0), within(3, -10, 1, 4, 0), within(8, -10, 2, 7, 3)),
            *(within(4, -10, 3, 7, 4), within(6, 4, 0, 7, 1), within(7, 5, 0, 7, 2)),
            within(9, 7, 0, -20, 0),
        ],
    }
    by_id[4]["inputs"][1]["link"] = 40
    inner["links"].append(within(40, 11, 0, 4, 1))
    outer = {
        "id": 20,
        "type": "a-b-c",
        "inputs": [
            *({"name": "model", "link": 1}, {"name": "clip", "link": 2}),
            *({"name": "latent", "link": 8}, {"name": "seed", "widget": {"name": "seed"}}),
        ],
        "widgets_values": [5, "fixed"],
    }
    workflow = {
        "nodes": [by_id[1], by_id[6], outer, by_id[9], by_id[10]],
        "links": [
            *([1, 1, 0, 20, 0, "MODEL"], [2, 1, 1, 20, 1, "CLIP"], [8, 6, 0, 20, 2, "LATENT"]),
            *([9, 20, 0, 9, 0, "LATENT"], [10, 1, 2, 9, 1, "VAE"], [11, 9, 0, 10, 0, "IMAGE"]),
        ],
        "definitions": {"subgraphs": [inner]},
    }
    reading = read(json.dumps(workflow), *MODELS)
    expected = {"prompt": "a fox", "negative_prompt": "blur", "checkpoint": "dream", "seed": 5}
    assert (expected | {"steps": 24, "width": 512}).items() <= reading.request.items()
    assert not reading.ignored and not reading.missing
    inner["nodes"] += [{"id": n, "type": "a-b-c", "inputs": []} for n in range(30, 90)]
    assert read(json.dumps(workflow), *MODELS).source == "comfyui", (
        "though it holds itself many times"
    )


class TestHostile:
    def test_circles_and_loose_ends(self, caplog):
        graph = simple(
            n1=node("LoraLoader", model=["2", 0], clip=["2", 1], lora_name="ink"),
            n4=node("CLIPTextEncode", clip=["3", 0], text=["20", 0]),
            n20=node("StringConcatenate", string_a=["20", 0], string_b=["4", 0]),
            n5=node("ConditioningCombine", conditioning_1=["5", 0], conditioning_2=["gone", 0]),
            n6=node("LatentUpscale", samples=["6", 0]),
        )
        reading = of(graph)
        assert reading.request["seed"] == 77 and "checkpoint" not in reading.request
        assert not caplog.records

    def test_many_nodes_and_paths(self, caplog):
        """Texts that join each other are 2**40 paths."""
        chain = {
            str(n): node("StringConcatenate", string_a=[str(n + 1), 0], string_b=[str(n + 1), 0])
            for n in range(100, 140)
        }
        wide = {
            str(n): node("KSampler", positive=[str(n), 0], latent_image=["0", 0])
            for n in range(1000, 9000)
        }
        graph = simple(n4=node("CLIPTextEncode", text=["100", 0])) | chain | wide
        assert of(graph).source == "comfyui"
        assert not caplog.records

    def test_values_of_any_kind(self, caplog):
        odd = (None, [], {}, True, -1, 1e300, "x" * 3000, ["1", 0], [["1", 0]], {"a": {"b": []}})
        for name in simple()["7"]["inputs"] | simple()["2"]["inputs"] | simple()["6"]["inputs"]:
            for value in odd:
                graph = simple()
                for one in graph.values():
                    if name in one["inputs"]:
                        one["inputs"][name] = value
                assert of(graph).source == "comfyui"
        workflow = saved(widgets_named=True)
        for one in workflow["nodes"]:
            for value in odd:
                changed = {**one, "inputs": value, "widgets_values": value, "id": value}
                assert read(json.dumps({**workflow, "nodes": [changed], "links": value}))
        assert not caplog.records
