"""`docs/api.md`, made from what the code says of each API: `python -m studio.api.tables`."""

from __future__ import annotations

from studio.api.openai import supported as openai
from studio.api.sdapi import supported as sdapi
from studio.api.supported import Supported, table
from studio.domain.endpoints import ENDPOINTS

_HEAD = """# APIs

The studio's own API is described by the studio itself: `/docs` for people, `/openapi.json` for
programs. Beside it, for programs that exist, the studio speaks APIs of others. With a login a
program sends user and password (HTTP Basic) or a token of the account (`Authorization: Bearer …`,
made by `POST /studio/v1/tokens`); without one, any key or none will do.

This page is written by `python -m studio.api.tables > docs/api.md`, from tables beside the code.
"""

_GRADIO = """`gradio_client.Client("http://127.0.0.1:7860")`, with a login
`headers={"Authorization": "Bearer …"}`. Each endpoint streams the events of its job (`type`:
`queued`, `loading`, `started`, `progress`, `preview` with its `jpeg` as a data-URI), the last of
which, `finished`, has `images` with the `url` of each. Pictures go in as `picture:ID`, `input:ID`
(`POST /studio/v1/uploads`) or a data-URI; Gradio's own routes for files are closed. All parameters
stand at `/?view=api`.

With `--mcp` (`pip install '.[mcp]'`) the same are MCP tools at `/gradio_api/mcp` (streamable HTTP,
the same `Authorization`): a call gives the last event as JSON and small copies of the pictures
(WebP, up to 512 pixels), and tells its progress meanwhile to clients that ask for it."""

_NAMED = tuple(
    Supported(
        f"/{each.name}",
        "yes",
        f"{each.says} {len(each.parameters)} parameters: those of the task and of a request.",
    )
    for each in ENDPOINTS
) + (
    Supported("/models", "yes", "Every model, as `GET /studio/v1/models` describes it."),
    Supported("/read", "yes", "The settings in a picture or a text."),
)

APIS: dict[str, tuple[str, dict[str, tuple[Supported, ...]]]] = {
    "OpenAI's images API": (
        "Base address: `http://127.0.0.1:7860/v1`.",
        {
            "Routes": openai.ROUTES,
            "Fields": openai.FIELDS,
            "Answers": openai.ANSWER,
        },
    ),
    "AUTOMATIC1111's API": (sdapi.SAYS, sdapi.tables()),
    "Gradio's API": (_GRADIO, {"Endpoints": _NAMED}),
}
"""API -> what is said of it, and its tables by their titles."""


def page() -> str:
    """All of `docs/api.md`."""
    parts = [_HEAD]
    for name, (says, tables) in APIS.items():
        parts.append(f"## {name}\n\n{says}\n")
        parts += [table(title, rows) for title, rows in tables.items()]
    return "\n".join(parts)


if __name__ == "__main__":
    print(page(), end="")
