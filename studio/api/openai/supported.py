"""OpenAI's images API as it is served here."""

from __future__ import annotations

from studio.api.supported import Supported

ROUTES = (
    Supported("POST /v1/images/generations", "yes", "JSON; text to image."),
    Supported(
        "POST /v1/images/edits",
        "yes",
        "A form with `image` or `image[]`. With a mask the picture is inpainted, without one drawn "
        "over (image to image).",
    ),
    Supported("GET /v1/models", "yes", "The checkpoints."),
    Supported("GET /v1/models/{model}", "yes", "One of them."),
    Supported(
        "POST /v1/images/variations",
        "refused",
        "404: it went with DALL·E 2. An edit with an empty prompt is the same.",
    ),
)

FIELDS = (
    Supported("prompt", "yes", "With everything that the page's prompt may hold, LoRAs included."),
    Supported(
        "model",
        "yes",
        "A checkpoint's name. Left out, or OpenAI's own (`gpt-image-…`, `dall-e-…`), which many "
        "programs cannot be told to leave out: the studio's default checkpoint.",
    ),
    Supported("n", "yes", "1 to 10 pictures of one batch, seeds counting up."),
    Supported(
        "size",
        "yes",
        "`WIDTHxHEIGHT`, multiples of 8 from 64 to 2048. `auto`: what suits the checkpoint, or the "
        "picture that is edited.",
    ),
    Supported(
        "quality",
        "partly",
        "Steps, as parts of what suits the checkpoint: `low` ½, `auto`, `standard` and `medium` 1, "
        "`high` and `hd` 1½, `xhigh` and `max` 2. `steps` wins.",
    ),
    Supported("background", "partly", "`transparent` is refused: no checkpoint draws it."),
    Supported("output_format", "yes", "`png`, `jpeg`, `webp`; `gif` and `svg` are refused."),
    Supported("output_compression", "yes", "The quality of JPEG and WebP, 0 to 100."),
    Supported(
        "response_format",
        "yes",
        "`b64_json`, or `url`: of the picture in the library, which needs the login too. Left out: "
        "`url` for `dall-e-…`, as there, else `b64_json`.",
    ),
    Supported("stream", "yes", "Server-sent events; every picture has its `completed`."),
    Supported(
        "partial_images",
        "yes",
        "At most so many, 0 to 3, evenly over the steps; of a batch one picture with all.",
    ),
    Supported(
        "image, image[]",
        "yes",
        "The first is edited. Up to 7 more are references, which need an IP-Adapter that goes with "
        "the checkpoint.",
    ),
    Supported(
        "mask",
        "yes",
        "What is transparent is drawn anew, of the size of the first image; without one what is "
        "transparent in the image itself. `strength` is 1 then, unless it is said.",
    ),
    Supported("user, style, moderation, input_fidelity, …", "ignored", "Named in `ignored`."),
    Supported(
        "Fields of a request of the studio",
        "yes",
        "`seed`, `steps`, `negative_prompt`, `guidance_scale`, `scheduler`, `loras`, `hires`, … "
        "and in edits those of the task, such as `strength`, `mask_blur`, `masked_content`; with "
        "the `openai` client through `extra_body`.",
    ),
    Supported("num_inference_steps", "yes", "`steps`, as vLLM-Omni calls them."),
)

ANSWER = (
    Supported("created, data, output_format, size, …", "yes", "Sizes as they are, not as asked."),
    Supported("revised_prompt", "yes", "The prompt after styles and wildcards."),
    Supported("usage", "partly", "All 0: nothing is counted, nothing is billed."),
    Supported("seed, warnings, ignored", "yes", "Besides: of each picture, and of the request."),
    Supported(
        "error",
        "yes",
        "`message`, `type`, `param`, `code`; what is no valid request is 400 here as there.",
    ),
)
