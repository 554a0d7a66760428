"""From the controls of the page to a request, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradio.components import Component

from studio.domain.request import GenerationRequest, declaration
from studio.domain.tasks import TASKS


class Form:
    """The controls of one page, each under the name of the field that it sets: one of the request
    or one of its task. A control serves every task that has its field."""

    def __init__(self) -> None:
        self._controls: dict[str, Component] = {}
        self._task_controls: dict[str, Component] = {}
        self._task: Component | None = None

    def add(self, name: str, control: Component) -> None:
        """`control` sets the field `name`. Raises KeyError where there is none."""
        if name in GenerationRequest.model_fields:
            self._controls[name] = control
        elif any(name in task.model_fields for task in TASKS.values()):
            self._task_controls[name] = control
        else:
            raise KeyError(f"neither a request nor a task has a field {name!r}")

    def add_task(self, control: Component) -> None:
        """`control` says which task it is, and of it what no other control sets: the pictures, and
        how far one is widened. Its value is a dict with `kind`."""
        self._task = control

    @property
    def controls(self) -> set[Component]:
        """What a handler takes as its inputs; it then gets one dict, component -> value."""
        task = set() if self._task is None else {self._task}
        return {*self._controls.values(), *self._task_controls.values(), *task}

    def request(self, values: Mapping[Component, Any]) -> GenerationRequest:
        """What the page asks for. Raises `InvalidRequest`, with words for the artist."""
        given = {name: _given(name, values[control]) for name, control in self._controls.items()}
        if self._task is not None:
            given["task"] = self._merged(values[self._task], values)
        return GenerationRequest.parse(given)

    def _merged(self, task: Any, values: Mapping[Component, Any]) -> Any:
        """`task` with the values of the controls that set one of its fields."""
        kind = task.get("kind") if isinstance(task, Mapping) else None
        if not isinstance(kind, str) or kind not in TASKS:
            return task  # refused by the request, in words
        fields = TASKS[kind].model_fields
        controls = self._task_controls.items()
        return {name: values[one] for name, one in controls if name in fields} | dict(task)


def _given(name: str, value: Any) -> Any:
    """Gradio brings None as empty text."""
    return None if value == "" and declaration(name).default is None else value
