"""All that prompts are made of beside what is typed, as one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from studio.catalog.catalog import Catalog
from studio.catalog.combinations import Combinations, combinations
from studio.catalog.completions import Completions
from studio.catalog.lens import Lens
from studio.catalog.presets import Presets
from studio.catalog.prompts import with_words_settled
from studio.catalog.styles import Styles
from studio.catalog.tags import Tags
from studio.catalog.typed import as_typed
from studio.catalog.wildcards import Wildcards
from studio.domain.accounts import LOCAL
from studio.domain.errors import InvalidRequest
from studio.domain.request import GenerationRequest


class Words:
    """Styles, presets, wildcards and tags of `folders`, for the models of `catalog`; the lens over
    prompts, and what completes their words. `counts` False: the lens does not yet."""

    def __init__(self, catalog: Catalog, folders: Sequence[Path], counts: bool = True) -> None:
        self.styles = Styles(*folders)
        self.presets = Presets(*folders)
        self.wildcards = Wildcards([each / "wildcards" for each in folders])
        tags = Tags([each / "tags" for each in folders])
        self.lens = Lens(catalog, self.wildcards, counts)
        self.completions = Completions(catalog, tags, self.wildcards, self.styles)

    def settled(self, request: GenerationRequest, account: str = LOCAL) -> GenerationRequest:
        """As `with_words_settled`."""
        return with_words_settled(request, self.styles, self.wildcards, account)

    def typed(self, request: GenerationRequest, account: str = LOCAL) -> GenerationRequest:
        """`request` of `account` with its prompts as they were typed, if these come to the same."""
        settle = partial(self.settled, account=account)
        try:
            styles = self.styles.all(account)
        except InvalidRequest:  # a table that cannot be read: told where styles are chosen
            styles = []
        return as_typed(request, styles, settle)

    def combinations(
        self,
        request: GenerationRequest,
        limit: int,
        fixed_seed: bool = False,
        account: str = LOCAL,
    ) -> Combinations:
        """As `combinations.combinations`."""
        return combinations(request, limit, self.styles, self.wildcards, account, fixed_seed)

    def warm_up(self, checkpoint: str | None) -> None:
        """Import and read now what the first look and the first word would have to wait for."""
        self.lens.warm_up(checkpoint)
        self.completions.warm_up()
