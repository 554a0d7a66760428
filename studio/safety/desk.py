"""Where the studio asks whether something may be: before it is queued, and before it is kept."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PIL import Image

from studio.domain.accounts import LOCAL
from studio.domain.errors import (
    ConsentNeeded,
    InvalidRequest,
    NotAllowed,
    NotYours,
    SaveError,
    StudioError,
)
from studio.domain.events import Picture
from studio.domain.request import GenerationRequest
from studio.domain.safety import FilterMode, SafetyRules
from studio.imaging.blurring import blurred
from studio.safety import nudity, words
from studio.safety.rates import Rates
from studio.store.pictures import PictureRow
from studio.store.safety import AuditRow, SafetyLedger

log = logging.getLogger(__name__)

_PICTURE = re.compile(r'"picture:([^"\\]+)"')
"""A picture of the library that a request begins with or is led by, in its JSON."""

Settle = Callable[[GenerationRequest, str], GenerationRequest]

Score = Callable[[Image.Image], float]
"""How likely a picture shows nudity, 0 to 1."""
Glimpse = Callable[[Image.Image], Image.Image]


@dataclass(frozen=True)
class Fixed:
    """What the start of the studio says, and its Safety page cannot change.

    filter      what the filter does for everybody; None: that is the page's to say
    owner       the login that may change the rules; None: there are no logins
    watermark   whether what is drawn carries the invisible mark
    class_mode  pupils' pictures wait until the owner, their teacher, lets others see them
    credentials whether files carry signed credentials
    source_thumbnail
                whether those of an edit show what it was made from; None: the page's to say
    """

    filter: FilterMode | None = None
    owner: str | None = None
    watermark: bool = True
    class_mode: bool = False
    credentials: bool = True
    source_thumbnail: bool | None = None

    @property
    def rules(self) -> dict[str, Any]:
        """Fields of `SafetyRules` that are so whatever the page says."""
        fixed: dict[str, Any] = {}
        if self.filter is not None:
            fixed |= {"filter": self.filter, "filter_of_accounts": {}}
        if self.source_thumbnail is not None:
            fixed["source_thumbnail"] = self.source_thumbnail
        return fixed


_FLAGS = {
    "filter": ("how the filter acts", "--safety-filter"),
    "filter_of_accounts": ("how the filter acts", "--safety-filter"),
    "source_thumbnail": ("whether credentials show what was edited", "--source-thumbnail"),
}
"""Rules that can be fixed: what each says, and the flag that does."""


class Safety:
    """Safe from many threads.

    ledger  keeps rules, log and consents
    score   looks at pictures; None: that needs a package which is not here
    faces   how many there are in the picture that a task begins with, by its reference; None:
            nothing can be found
    find    a picture of the library by its id; None: there is none
    """

    def __init__(
        self,
        ledger: SafetyLedger,
        fixed: Fixed = Fixed(),
        score: Score | None = None,
        faces: Callable[[str], int | None] = lambda _: None,
        find: Callable[[str], PictureRow | None] = lambda _: None,
    ) -> None:
        self._ledger, self.fixed, self.score, self._faces = ledger, fixed, score, faces
        self._find = find
        self._rates = Rates()
        self._changing = threading.Lock()
        self._rules = self._read()

    @property
    def rules(self) -> SafetyRules:
        """Those that hold now."""
        rules = self._rules.model_copy(update=self.fixed.rules)
        if self.fixed.class_mode and not rules.forbidden_words:
            rules = rules.model_copy(update={"forbidden_words": words.OF_A_CLASS})
        return rules

    @property
    def can_filter(self) -> bool:
        return self.score is not None

    def is_owner(self, account: str, is_here: bool = False) -> bool:
        """Whether `account` is the owner's; where nobody logs in whoever sits at the machine itself
        (`is_here`) is the owner."""
        owner = self.fixed.owner
        return account == LOCAL or (is_here if owner is None else account == owner)

    def require_owner(self, account: str, is_here: bool) -> None:
        """Raises `NotYours` where `account` is not the owner's."""
        if self.is_owner(account, is_here):
            return
        owner = self.fixed.owner
        who = f"only {owner} may: log in as {owner}" if owner else "open the page on the machine"
        raise NotYours(f"This belongs to the owner of the studio: {who}.")

    def waits(self, owner: str | None) -> bool:
        """Whether pictures of `owner` wait until the teacher lets others see them."""
        return self.fixed.class_mode and owner is not None and not self.is_owner(owner)

    def may_see(self, account: str, row: PictureRow) -> bool:
        """Whether `account` may see a picture of the library: one that waits its maker and the
        teacher may."""
        return not row.waits or row.owner == account or self.is_owner(account)

    def require_sight(self, account: str, row: PictureRow) -> None:
        """Raises `NotYours` where `account` may not see it."""
        if not self.may_see(account, row):
            raise NotYours(f"Picture {row.id} waits until the teacher has seen it.")

    def sighted(self, completed: Settle) -> Settle:
        """`completed`, which first raises `NotYours` where a request has a picture that its account
        may not see."""

        def checked(request: GenerationRequest, account: str) -> GenerationRequest:
            if not self.sees_all(account):
                self._require_sources(request, account)
            return completed(request, account)

        return checked

    def _require_sources(self, request: GenerationRequest, account: str) -> None:
        for id in set(_PICTURE.findall(request.model_dump_json())):
            row = self._find(id)
            if row is not None:
                self.require_sight(account, row)

    def sees_all(self, account: str) -> bool:
        """Whether nothing of others waits for `account`."""
        return not self.fixed.class_mode or self.is_owner(account)

    def sees_of(self, account: str, owner: str) -> bool:
        """Whether `account` may see what `owner` has besides pictures: in a class its own alone."""
        return owner == account or self.sees_all(account)

    def require_sight_of(self, account: str, owner: str, what: str) -> None:
        """Raises `NotYours` where `account` may not see `what` of `owner`, as in "Grid 3"."""
        if not self.sees_of(account, owner):
            raise NotYours(f"{what} is somebody else's: in a class pupils see their own.")

    def change(self, changes: dict, account: str) -> SafetyRules:
        """Fields of `SafetyRules` are so from now on. Raises `InvalidRequest` and `SaveError`;
        nothing is changed then."""
        with self._changing:
            rules = self.changed(changes)
            self._ledger.put_rules(rules.model_dump_json())
            self._rules = rules
        said = ", ".join(sorted(changes))
        self.log(account, "rules changed", said)
        return self.rules

    def changed(self, changes: dict) -> SafetyRules:
        """What `changes` would make of the rules. Raises `InvalidRequest`."""
        rules = SafetyRules.model_validate(self._rules.model_dump() | changes)
        for pattern in rules.forbidden_patterns:
            words.compiled(pattern)
        for name in sorted(set(self.fixed.rules) & set(changes)):
            what, flag = _FLAGS[name]
            raise InvalidRequest(
                f"{what} was said when the studio was started ({flag}). Start it without that to "
                "change it here.",
                name,
            )
        if rules.filters and self.score is None:
            raise InvalidRequest(nudity.WHERE_FROM, "filter")
        return rules

    def allowed(self, request: GenerationRequest, account: str) -> GenerationRequest:
        """`request`, which is settled, of `account`. Raises `NotAllowed`, `ConsentNeeded` and
        `TooMany`, of which the log tells."""
        rules = self.rules
        try:
            if rules.filter_for(account) != "off" and self.score is None:
                raise InvalidRequest(nudity.WHERE_FROM)
            words.check(request, rules)
            self._check_consent(request, account, rules)
            if rules.pictures_per_hour:
                self._rates.take(account, len(request.places), rules.pictures_per_hour)
        except StudioError as error:
            self.log(account, _refused(error), error.message, request.prompt)
            raise
        return request

    def consent(self, image: str, account: str) -> None:
        """`account` says that those in the picture `input:ID` agree to its being drawn over."""
        self._ledger.consent(account, image)
        self.log(account, "consent given", image)

    def picture(self, picture: Picture, account: str) -> Picture:
        """`picture` as it may be kept, with the filter's score. Raises `NotAllowed` where the
        filter blocks it, of which the log tells."""
        rules = self.rules
        mode = rules.filter_for(account)
        if mode == "off":
            return picture
        before = picture.before and self.picture(picture.before, account)
        nsfw = max(self._scored(picture.image), (before and before.nsfw) or 0.0)
        if nsfw >= rules.filter_threshold:
            words = f"score {nsfw:.2f}, threshold {rules.filter_threshold:.2f}"
            does = "blocked" if mode == "block" else "blurred"
            self.log(account, f"picture {does}", words, picture.request.prompt)
            if mode == "block":
                raise NotAllowed(
                    f"The owner's filter takes it for nudity ({words}), so it was not kept. It "
                    "errs now and then: another seed or other words may help."
                )
        return dataclasses.replace(picture, nsfw=nsfw, before=before)

    def preview(self, jpeg: bytes, account: str) -> bytes:
        """`jpeg`, blurred where the filter acts on it."""
        glimpse = self.glimpse(account)
        if glimpse is None:
            return jpeg
        image = Image.open(io.BytesIO(jpeg))
        seen = glimpse(image)
        if seen is image:
            return jpeg
        buffer = io.BytesIO()
        seen.save(buffer, "JPEG")
        return buffer.getvalue()

    def glimpse(self, account: str) -> Glimpse | None:
        """Gives a picture that is shown to `account` and never kept as it may be seen: itself, or
        blurred where the filter acts on it. None: it looks at nothing."""
        rules = self.rules
        if rules.filter_for(account) == "off":
            return None

        def seen(image: Image.Image) -> Image.Image:
            is_clear = self._scored(image) < rules.filter_threshold
            return image if is_clear else blurred(image.convert("RGB"))

        return seen

    def blurs_from(self, account: str) -> float | None:
        """The score from which pictures are shown blurred to `account`; None: none are."""
        rules = self.rules
        return None if rules.filter_for(account) == "off" else rules.filter_threshold

    def blurs(self, nsfw: float | None, account: str) -> bool:
        """Whether a picture of this score is shown blurred to `account`."""
        least = self.blurs_from(account)
        return least is not None and nsfw is not None and nsfw >= least

    def log(self, account: str, what: str, why: str, prompt: str = "") -> None:
        """One more entry; a full disk hinders nobody."""
        if prompt and not self.rules.audit_prompts:
            prompt = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()
        try:
            self._ledger.log(account, what, why, prompt)
        except SaveError as error:
            log.warning("%s", error)

    def entries(self, limit: int, before: int | None) -> list[AuditRow]:
        """The log, newest first: those older than the one of the id `before`."""
        return self._ledger.entries(limit, before)

    def _scored(self, image: Image.Image) -> float:
        if self.score is None:
            raise InvalidRequest(nudity.WHERE_FROM)
        return round(self.score(image), 4)

    def _check_consent(self, request: GenerationRequest, account: str, rules: SafetyRules) -> None:
        image = getattr(request.task, "image", None)
        if not (rules.ask_for_consent and image) or account == LOCAL:
            return
        if self._ledger.has_consent(account, image) or not self._faces(image):
            return
        raise ConsentNeeded(
            "A face is in this picture. Confirm that the people in it agree to its being changed: "
            f'the page asks, programs POST {{"image": "{image}"}} to /studio/v1/safety/consents.',
            "task.image",
        )

    def _read(self) -> SafetyRules:
        text = self._ledger.rules()
        try:
            return SafetyRules.model_validate_json(text) if text else SafetyRules()
        except ValueError as error:  # of another version: the strictest that can be read
            log.error("The safety rules cannot be read, and hold no more: %s", error)
            return SafetyRules()


def _refused(error: StudioError) -> str:
    kinds = {"NotAllowed": "words refused", "TooMany": "too many pictures"}
    kinds["ConsentNeeded"] = "consent asked"
    return kinds.get(type(error).__name__, "request refused")
