"""The pictures that a request names, and the same request with other names for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from studio.domain.request import GenerationRequest
from studio.domain.tasks import Frozen

FIELDS = ("image", "mask", "sketch")
"""The fields of tasks and of ControlNet units that name pictures."""

Record = TypeVar("Record", bound=Frozen)


def named_in(record: Frozen) -> dict[str, str]:
    """Field -> source, for the pictures that a task or a unit has."""
    sources = {field: getattr(record, field, None) for field in FIELDS}
    return {field: source for field, source in sources.items() if source is not None}


def is_path(source: str) -> bool:
    """Whether it is the path of a file, and neither an upload, a result nor a data-URI."""
    return not source.startswith(("input:", "picture:", "data:"))


def paths_in(request: GenerationRequest) -> list[str]:
    """The files that `request` names, each once."""
    records = (request.task, *request.controls)
    sources = [source for record in records for source in named_in(record).values()]
    return [source for source in dict.fromkeys(sources) if is_path(source)]


def renamed(request: GenerationRequest, names: Mapping[str, str]) -> GenerationRequest:
    """`request` with the new name of each source that is in `names`."""

    def changed(record: Record) -> Record:
        found = named_in(record).items()
        return record.model_copy(
            update={field: names[source] for field, source in found if source in names}
        )

    controls = tuple(changed(unit) for unit in request.controls)
    return request.model_copy(update={"task": changed(request.task), "controls": controls})
