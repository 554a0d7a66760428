"""What the owner of a studio allows, as one record."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

FilterMode = Literal["off", "blur", "block"]

_Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
_Account = Annotated[str, StringConstraints(min_length=1, max_length=200)]

MOST_RULES = 1000
NEVER = 0
"""Of a limit or a number of days: there is none."""

PER_HOUR_S = 3600.0


class SafetyRules(BaseModel):
    """Every field is a control of the Safety page and a field of `/studio/v1/safety`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    filter: FilterMode = Field(
        "off",
        title="Filter for nudity",
        description="off: nothing is looked at. blur: what the filter finds is shown blurred until "
        "somebody clicks. block: it is not kept, and never written to disk.",
    )
    filter_threshold: float = Field(
        0.8,
        ge=0.05,
        le=1,
        title="Threshold",
        description="From this score on, 0 to 1, the filter acts. Lower finds more, and more that "
        "is harmless.",
    )
    filter_of_accounts: dict[_Account, FilterMode] = Field(
        {},
        max_length=MOST_RULES,
        title="Other accounts",
        description="Accounts for which the filter does something else.",
    )
    forbidden_words: tuple[_Word, ...] = Field(
        (),
        max_length=MOST_RULES,
        title="Forbidden words",
        description="Whole words or phrases that no prompt may hold, in any case of letters.",
    )
    forbidden_patterns: tuple[_Word, ...] = Field(
        (),
        max_length=100,
        title="Forbidden patterns",
        description="Regular expressions that no prompt may match, each given a twentieth of a "
        "second.",
    )
    forbidden_in_negative: bool = Field(
        False,
        title="In negative prompts too",
        description="Words there say what shall not be seen, so they are let through by default.",
    )
    pictures_per_hour: int = Field(
        NEVER,
        ge=0,
        le=100_000,
        title="Pictures an hour",
        description="How many each account may ask for; 0: as many as it likes.",
    )
    ask_for_consent: bool = Field(
        False,
        title="Ask before faces are edited",
        description="Before a picture in which a face is found is drawn over, its sender confirms "
        "that the people in it agree.",
    )
    retention_days: int = Field(
        NEVER,
        ge=0,
        le=36_500,
        title="Days until pictures go",
        description="After so many days pictures without a star and on no board go to the trash, "
        "which is emptied after 30 more; 0: never.",
    )
    source_thumbnail: bool = Field(
        True,
        title="Show what was edited",
        description="The signed credentials of an edit hold a small copy of the picture that it "
        "was made from; else only that picture's hash.",
    )
    audit_prompts: bool = Field(
        False,
        title="Write prompts into the log",
        description="Else of what was refused only a hash of the prompt is kept.",
    )

    def filter_for(self, account: str) -> FilterMode:
        """What the filter does with the pictures of `account`."""
        return self.filter_of_accounts.get(account, self.filter)

    @property
    def filters(self) -> bool:
        """Whether the filter looks at anybody's pictures."""
        return {self.filter, *self.filter_of_accounts.values()} != {"off"}


RULES = SafetyRules()
"""Those of a new studio."""
