"""Named endpoints, as Gradio's API has them: one for each thing to do, made from the declarations
of its task and of the request."""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from studio.domain.request import GenerationRequest
from studio.domain.tasks import TASKS

_LEFT_OUT = {
    *("task", "batch_place"),
    *("applied_styles", "prompt_template", "negative_prompt_template"),
}
"""What the endpoint says itself, and what is the studio's to tell."""


@dataclass(frozen=True)
class Parameter:
    """`kind`: a type of JSON's, perhaps or None; `says` what it is for; `default` is not there
    where one must be given."""

    name: str
    kind: Any
    says: str
    has_default: bool
    default: Any = None


@dataclass(frozen=True)
class Endpoint:
    """`task`: the kind of task that it does."""

    name: str
    task: str
    says: str
    parameters: tuple[Parameter, ...]

    def request(self, values: dict[str, Any]) -> GenerationRequest:
        """The request that `values`, by the names of parameters, come to. Raises
        `InvalidRequest`."""
        of_task = {name: values[name] for name in TASKS[self.task].model_fields if name in values}
        fields = {name: values[name] for name in values if name not in of_task}
        return GenerationRequest.parse({"task": of_task | {"kind": self.task}, **fields})


def _parameters(model: type[BaseModel], *left_out: str) -> list[Parameter]:
    found = []
    for name, field in model.model_fields.items():
        if name in left_out:
            continue
        default = field.get_default(call_default_factory=True)
        told = _kind(field.annotation), field.description or field.title or ""
        if default is PydanticUndefined:
            found.append(Parameter(name, *told, has_default=False))
        else:
            plain = list(default) if isinstance(default, tuple) else default
            found.append(Parameter(name, *told, True, plain))
    return found


def _kind(annotation: Any) -> Any:
    """int, float, bool, str, list or dict, perhaps or None."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kind(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        kinds = [_kind(each) for each in get_args(annotation)]
        return Union[tuple(kinds)]
    if origin is Literal:
        return str
    if origin is tuple:
        return list
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return dict
    return annotation


def _endpoint(name: str, task: str) -> Endpoint:
    of_task = _parameters(TASKS[task], "kind")
    of_request = _parameters(GenerationRequest, *_LEFT_OUT, *(each.name for each in of_task))
    needed_first = sorted([*of_task, *of_request], key=lambda each: each.has_default)
    return Endpoint(name, task, TASKS[task].__doc__.partition("\n\n")[0], tuple(needed_first))


ENDPOINTS = tuple(
    _endpoint("generate" if task == "text_to_image" else task, task) for task in TASKS
)
