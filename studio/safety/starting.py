"""What the studio's settings say of safety -> the desk that is asked."""

from __future__ import annotations

from collections.abc import Callable

from studio.safety import nudity
from studio.safety.desk import Fixed, Safety
from studio.settings import InvalidSettings, Settings, owner_of
from studio.store.ledger import Ledger
from studio.store.safety import SafetyLedger


def safety(settings: Settings, ledger: Ledger, faces: Callable[[str], int | None]) -> Safety:
    """`ledger` and `faces` as for `Safety`. Raises `InvalidSettings` where a filter is asked for
    whose package is not here, or the owner is none of the logins."""
    weights = nudity.weights()
    if settings.safety_filter in ("blur", "block") and weights is None:
        raise InvalidSettings(f"safety_filter: {nudity.WHERE_FROM}")
    fixed = Fixed(settings.safety_filter, owner_of(settings), settings.watermark == "on")
    score = nudity.Nudity(weights) if weights else None
    return Safety(SafetyLedger(ledger), fixed, score, faces)
