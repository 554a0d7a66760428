"""Drive an engine through one request, as the job queue does."""

from collections.abc import Callable

from studio.domain.events import Event, Finished
from studio.domain.request import GenerationRequest
from studio.engine.protocol import never
from tests.models_in_memory import catalog


def settled(**fields) -> GenerationRequest:
    ref = catalog().find("picturebook")
    return GenerationRequest(**fields).settled(ref.name, ref.family)


def run(
    engine,
    request: GenerationRequest,
    wants_preview: Callable[[], bool] = never,
    watch: Callable[[object, Event], None] = lambda run, event: None,
) -> list[Event]:
    """All events of `request`; `watch(run, event)` sees each as it comes and may cancel the run."""
    under_way = engine.open(request, wants_preview)
    happened = []
    while not under_way.done:
        for same, event in engine.advance([under_way]):
            happened.append(event)
            watch(same, event)
    return happened


def step(engine, under_way) -> Event:
    """The last event of the next advance of a run of which something comes."""
    while not (happened := engine.advance([under_way])):
        pass
    return happened[-1][1]


def pictures(engine, **fields) -> list:
    """The images of a request that must succeed."""
    last = run(engine, settled(**fields))[-1]
    assert isinstance(last, Finished), last
    return [picture.image for picture in last.pictures]
