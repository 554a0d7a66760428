"""What the scripts know that never changes while the studio runs: computed once."""

from __future__ import annotations

from dataclasses import asdict
from itertools import takewhile
from typing import Any

from studio.domain.detailers import Detailer
from studio.domain.noise_schedules import NOISE_SCHEDULES
from studio.domain.request import declaration
from studio.domain.schedulers import SCHEDULERS
from studio.picturebook.control_palette import PALETTE
from studio.ui import fields, groups
from studio.ui.starters import STARTERS
from studio.ui.tasks import TABS


def constants() -> dict[str, Any]:
    """As `static/shared/data.js` gives it to the other scripts."""
    return {
        "tasks": {kind: asdict(tab) for kind, tab in TABS.items()},
        "fields": {name: fields.facts(name) for name in groups.field_names()},
        "groups": {
            group.title: {"fields": group.fields, "kinds": group.shown_for, "open": group.open}
            for group in groups.GROUPS
        },
        "objections": {name: _objections(name) for name in SCHEDULERS},
        "honours": {name: sorted(spec.honours) for name, spec in SCHEDULERS.items()},
        "automatic": {name: spec.automatic for name, spec in SCHEDULERS.items()},
        "palettes": _palettes(),
        "starters": [asdict(one) for one in STARTERS],
        "detailer": Detailer(detector="-").model_dump(exclude={"detector"}),
    }


def _objections(scheduler: str) -> dict[str, dict[str, Any]]:
    """Per noise schedule: why the scheduler cannot follow it at any step count (`never`), or what
    is said of 1, 2, … steps until there are enough (`few`)."""
    spec, most = SCHEDULERS[scheduler], declaration("steps").maximum
    table = {}
    for name in NOISE_SCHEDULES:
        never = spec.objection(name, 10_000)
        few = list(takewhile(bool, (spec.objection(name, n) for n in range(1, most + 1))))
        table[name] = {"never": never, "few": [] if never else few}
    return table


def _palettes() -> dict[str, list[dict[str, str]]]:
    """Family of checkpoints -> the colours of what its segmentation ControlNets know: `name` and
    `colour` (#rrggbb)."""
    colours = [{"name": name, "colour": "#" + bytes(rgb).hex()} for name, rgb in PALETTE.items()]
    return {"picturebook": colours}
