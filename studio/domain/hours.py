"""Hours of the day in which something may go on."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import Annotated

from pydantic import Field, ValidationError, model_validator

from studio.domain.errors import InvalidRequest, shorten
from studio.domain.tasks import Frozen

ClockTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Hours(Frozen):
    """From `since` to just before `until`, as "22:00" and "06:00", across midnight where `until` is
    the earlier one; in the local time of the studio's machine."""

    since: ClockTime
    until: ClockTime

    @model_validator(mode="after")
    def _differ(self) -> Hours:
        if self.since == self.until:
            raise ValueError("since and until are the same time. Leave both out for all day.")
        return self

    @classmethod
    def read(cls, text: str) -> Hours:
        """Those of "22:00-06:00". Raises `InvalidRequest` about `hours`."""
        since, _, until = re.sub(r"\s", "", text).partition("-")
        try:
            return cls(since=since, until=until)
        except ValidationError:
            raise InvalidRequest(
                f"{shorten(text)} are no hours. Say two times of the day, as 22:00-06:00.",
                "hours",
            ) from None

    def __str__(self) -> str:
        return f"{self.since}-{self.until}"

    def has(self, now: datetime) -> bool:
        """Are they now?"""
        since, until = time.fromisoformat(self.since), time.fromisoformat(self.until)
        if since < until:
            return since <= now.time() < until
        return now.time() >= since or now.time() < until

    def seconds_until(self, now: datetime) -> float:
        """Until they begin; 0 where they have."""
        if self.has(now):
            return 0.0
        begins = datetime.combine(now.date(), time.fromisoformat(self.since), now.tzinfo)
        if begins < now:
            begins += timedelta(days=1)
        return (begins - now).total_seconds()
