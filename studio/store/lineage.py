"""What pictures were made from, and what was made from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from studio.store.pictures import LINKS, PARENT, PictureLedger, PictureRow

MOST = 500
"""Pictures that are looked at in either direction."""

_CHILDREN = (
    " UNION ".join(
        "SELECT child.id, child.created_us AS made FROM pictures AS child "
        f"JOIN pictures AS self ON self.hash = child.{link} "
        "WHERE self.id = ? AND child.state <> 'gone' "
        f"AND self.created_us = ({PARENT.format(child='child', link=link)})"
        for link in LINKS
    )
    + " ORDER BY made"
)


@dataclass(frozen=True)
class Lineage:
    """Oldest first. `edges`: (id of a parent, id of its child), the picture's own among them."""

    ancestors: list[PictureRow]
    descendants: list[PictureRow]
    edges: list[tuple[str, str]]

    def only(self, may: Callable[[PictureRow], bool]) -> Lineage:
        """Without the pictures, and the edges to them, of which `may` says no."""
        hidden = {row.id for row in (*self.ancestors, *self.descendants) if not may(row)}
        return Lineage(
            [row for row in self.ancestors if row.id not in hidden],
            [row for row in self.descendants if row.id not in hidden],
            [edge for edge in self.edges if not hidden & set(edge)],
        )


def lineage(pictures: PictureLedger, row: PictureRow) -> Lineage:
    """Of the picture `row`. A parent is older than its child, so there are no circles."""
    edges: list[tuple[str, str]] = []
    ancestors: dict[str, PictureRow] = {}
    waiting = [row]
    while waiting and len(ancestors) < MOST:
        child = waiting.pop(0)
        for parent in pictures.find_all(child.parents):
            edges.append((parent.id, child.id))
            if parent.id not in ancestors:
                ancestors[parent.id] = parent
                waiting.append(parent)
    descendants: dict[str, None] = {}
    ids = [row.id]
    while ids and len(descendants) < MOST:
        id = ids.pop(0)
        for found in pictures.ledger.rows(_CHILDREN, (id,) * len(LINKS))[: MOST - len(descendants)]:
            edges.append((id, found["id"]))
            if found["id"] not in descendants:
                descendants[found["id"]] = None
                ids.append(found["id"])
    younger = pictures.find_all(list(descendants))
    return Lineage(_oldest_first(ancestors.values()), _oldest_first(younger), edges)


def _oldest_first(rows: Iterable[PictureRow]) -> list[PictureRow]:
    return sorted(rows, key=lambda row: row.created_us)
