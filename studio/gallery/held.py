"""Pictures that are made to be looked at, as while somebody paints: in memory and nowhere else, the
newest of them, until somebody keeps one."""

from __future__ import annotations

import dataclasses
import secrets
import threading
from collections import OrderedDict

from studio.domain.errors import NotFound
from studio.domain.events import Picture
from studio.gallery.packing import encode

MOST = 64
MOST_BYTES = 128 * 2**20
"""Of all together, their pixels and their files."""
_PREFIX = "live-"


@dataclasses.dataclass(frozen=True)
class _One:
    picture: Picture
    owner: str
    png: bytes

    @property
    def size_bytes(self) -> int:
        image = self.picture.image
        return len(image.getbands()) * image.width * image.height + len(self.png)


class Held:
    """Safe from many threads."""

    def __init__(self) -> None:
        self._all: OrderedDict[str, _One] = OrderedDict()
        self._lock = threading.Lock()

    def hold(self, picture: Picture, owner: str) -> Picture:
        """`picture`, of the account `owner`, with an id by which it is found until newer ones need
        its room."""
        held = dataclasses.replace(picture, id=f"{_PREFIX}{secrets.token_urlsafe(12)}")
        one = _One(picture, owner, encode(picture))
        with self._lock:
            self._all[held.id] = one
            size_bytes = sum(each.size_bytes for each in self._all.values())
            while len(self._all) > 1 and (len(self._all) > MOST or size_bytes > MOST_BYTES):
                size_bytes -= self._all.popitem(last=False)[1].size_bytes
        return held

    def bytes(self, id: str) -> bytes | None:
        """Its file, as it would be kept but for what signs it; None where it is not held."""
        with self._lock:
            one = self._all.get(id)
        return one and one.png

    def find(self, id: str) -> tuple[Picture, str]:
        """It, without an id, and whose it is. Raises `NotFound`."""
        with self._lock:
            one = self._all.get(id)
        if one is None:
            raise NotFound(
                f"Picture {id[:40]} is not held (any more): it was kept, or newer ones took its "
                "room. Draw it again."
            )
        return one.picture, one.owner

    def release(self, id: str) -> None:
        """It is held no more. Harmless where it was not."""
        with self._lock:
            self._all.pop(id, None)
