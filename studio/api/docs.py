"""`/docs`: the API's routes as one plain page, made here because the usual ones load their scripts
from other hosts."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from studio.domain.tasks import TASKS

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; }
code { font: 0.9em ui-monospace, monospace; }
dt { margin-top: 1rem; font-weight: 600; } dd { margin: 0; white-space: pre-line; }
table { border-collapse: collapse; } td, th { text-align: left; padding: 0.2rem 1rem 0.2rem 0; }
"""


def add_docs(app: FastAPI) -> None:
    """Serve `/docs` for the routes that `app` has when it is asked."""

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(_page(app.openapi()))


def _page(openapi: dict[str, Any]) -> str:
    routes = "".join(
        _route(method, path, operation)
        for path, operations in openapi["paths"].items()
        for method, operation in operations.items()
    )
    schemas = openapi["components"]["schemas"]
    tasks = "".join(_task(kind, schemas[model.__name__]) for kind, model in TASKS.items())
    title = escape(f"{openapi['info']['title']} {openapi['info']['version']}")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}: API</title>'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f"<style>{_STYLE}</style><h1>{title}: API</h1>"
        '<p>In full, for programs: <a href="openapi.json">openapi.json</a>.</p>'
        f"<h2>Routes</h2><dl>{routes}</dl>"
        f"<h2>A request</h2>{_fields(schemas['GenerationRequest'])}{tasks}</html>"
    )


def _route(method: str, path: str, operation: dict[str, Any]) -> str:
    says = operation.get("description") or operation.get("summary", "")
    return f"<dt><code>{escape(method.upper())} {escape(path)}</code></dt><dd>{escape(says)}</dd>"


def _task(kind: str, schema: dict[str, Any]) -> str:
    says = f"<p>{escape(schema['description'])}</p>"
    return f"<h3>Task <code>{escape(kind)}</code></h3>{says}{_fields(schema)}"


def _fields(schema: dict[str, Any]) -> str:
    rows = "".join(_field(name, field) for name, field in schema["properties"].items())
    return f"<table><tr><th>Field<th>Default<th>Meaning</tr>{rows}</table>"


def _field(name: str, field: dict[str, Any]) -> str:
    default = repr(field["default"]) if "default" in field else ""
    says = field.get("description", field.get("title", ""))
    if "minimum" in field:
        says += f" {field['minimum']:g} to {field['maximum']:.16g}."
    if "enum" in field:
        says += f" One of: {', '.join(field['enum'])}."
    if "const" in field:
        says = "Says which task it is."
    return f"<tr><td><code>{escape(name)}</code><td>{escape(default)}<td>{escape(says)}</tr>"
