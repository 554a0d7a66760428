"""Leases as tests take them."""

from __future__ import annotations

from studio.domain.refs import Selection
from studio.residence.lease import Lease
from studio.residence.manager import ModelManager


class Owner:
    """Somebody who borrows."""


def stages(manager: ModelManager, selection: Selection) -> list[tuple[str, float]]:
    """What is told while `selection` is made ready; it is given back at once."""
    owner = Owner()
    with manager.borrow(selection, owner) as lease:
        return list(manager.prepare(lease))


def seated(manager: ModelManager, selection: Selection, owner: object) -> Lease:
    """A lease that has what it asks for, which it must get without waiting."""
    lease = manager.borrow(selection, owner)
    for stage, _ in manager.prepare(lease):
        assert not lease.waits_for, stage
    return lease
