"""What the studio's settings say of safety -> the desk that is asked."""

from __future__ import annotations

from collections.abc import Callable

from studio.safety import nudity
from studio.safety.desk import Fixed, Safety
from studio.settings import InvalidSettings, Settings, owner_of
from studio.store.ledger import Ledger
from studio.store.pictures import PictureRow
from studio.store.safety import SafetyLedger


def _check_class(settings: Settings) -> None:
    """Raises `InvalidSettings` where a class cannot be served so."""
    if len(settings.logins()) < 2:
        raise InvalidSettings(
            "class_mode: a class needs a login for the teacher, the first or --owner, and one for "
            "each pupil. Give them with --auth-file, one user:password a line."
        )
    if settings.watermark == "off":
        raise InvalidSettings("class_mode: in a class the watermark stays on. Leave out watermark.")


def safety(
    settings: Settings,
    ledger: Ledger,
    faces: Callable[[str], int | None],
    find: Callable[[str], PictureRow | None] = lambda _: None,
) -> Safety:
    """`ledger`, `faces`, `find` as for `Safety`. Raises `InvalidSettings` where a filter is asked
    for whose package is not here, or the owner is none of the logins."""
    weights = nudity.weights()
    if settings.safety_filter in ("blur", "block") and weights is None:
        raise InvalidSettings(f"safety_filter: {nudity.WHERE_FROM}")
    if settings.class_mode:
        _check_class(settings)
    shown = settings.source_thumbnail
    fixed = Fixed(
        settings.safety_filter,
        owner_of(settings),
        watermark=settings.watermark == "on",
        class_mode=settings.class_mode,
        credentials=settings.credentials != "off",
        source_thumbnail=None if shown is None else shown == "on",
    )
    score = nudity.Nudity(weights) if weights else None
    return Safety(SafetyLedger(ledger), fixed, score, faces, find)
