"""From the controls of the page to a request, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradio.components import Component

from studio.domain.request import GenerationRequest, declaration


class Form:
    """The controls of one page, each under the name of the request field that it sets."""

    def __init__(self) -> None:
        self._controls: dict[str, Component] = {}

    def add(self, name: str, control: Component) -> None:
        """`control` sets the request field `name`."""
        if name not in GenerationRequest.model_fields:
            raise KeyError(f"a request has no field {name!r}")
        self._controls[name] = control

    @property
    def controls(self) -> set[Component]:
        """What a handler takes as its inputs; it then gets one dict, component -> value."""
        return set(self._controls.values())

    def request(self, values: Mapping[Component, Any]) -> GenerationRequest:
        """What the page asks for. Raises `InvalidRequest`, with words for the artist."""
        return GenerationRequest.parse(
            {name: _given(name, values[control]) for name, control in self._controls.items()}
        )


def _given(name: str, value: Any) -> Any:
    """Gradio brings None as empty text."""
    return None if value == "" and declaration(name).default is None else value
