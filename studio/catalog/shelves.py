"""Where things with a name lie: what is shipped, what is everybody's, what accounts keep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from studio.domain.accounts import LOCAL, is_guest

_SHARED = "shared"


@dataclass(frozen=True)
class Shelf:
    """A folder. `owner` is the account whose it is, None of what is shipped; `is_shared`: everybody
    has what lies there."""

    folder: Path
    owner: str | None
    is_shared: bool = True


class Shelves:
    """`shipped`, and below `own` what is everybody's, as guests keep it; in `accounts/NAME` what a
    login keeps for itself, and in `accounts/NAME/shared` what it gives to all."""

    def __init__(self, shipped: Path, own: Path) -> None:
        self._shipped = Shelf(shipped, None)
        self._everybodys = Shelf(own, LOCAL)
        self._accounts = own / "accounts"

    def seen_by(self, account: str) -> list[Shelf]:
        """Those that count for `account`: of things of one name that on the last of them."""
        others = [shelf for shelf in self._shared() if shelf.owner != account]
        own = [] if is_guest(account) else [self.of(account, True), self.of(account, False)]
        return [self._shipped, *others, self._everybodys, *own]

    def of(self, account: str, shared: bool) -> Shelf:
        """Where `account` keeps what it makes; a guest's is everybody's either way."""
        if is_guest(account):
            return self._everybodys
        folder = self._accounts / quote(account, safe="").replace(".", "%2E")
        return Shelf(folder / _SHARED if shared else folder, account, shared)

    def _shared(self) -> list[Shelf]:
        folders = sorted(self._accounts.glob(f"*/{_SHARED}"))
        return [Shelf(folder, unquote(folder.parent.name)) for folder in folders]
