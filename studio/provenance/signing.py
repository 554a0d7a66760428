"""What the studio's settings say of credentials -> whoever signs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from studio.provenance import certificate
from studio.provenance.credentials import Notary
from studio.settings import InvalidSettings, Settings


def notary(
    settings: Settings,
    kept: Callable[[str], bytes],
    shows_source: Callable[[], bool] = lambda: True,
) -> Notary:
    """That signs in the name of the owner, where the settings name a key, else in that of this
    installation. `kept` gives the bytes of a picture that a request begins with, by its id;
    `shows_source` as for `Notary`. Raises `InvalidRequest` where they name one of both, or a wrong
    one."""
    key, chain = settings.signing_key, settings.signing_certificate
    if (key is None) != (chain is None):
        raise InvalidSettings("signing_key and signing_certificate belong together: give both.")
    identity = partial(certificate.own, settings.provenance_dir)
    if key and chain:
        given = certificate.given(key, chain)
        identity = partial(lambda given: given, given)
    read = lambda name: kept(name.partition(":")[2])  # noqa: E731
    return Notary(identity, read, settings.credentials == "prompt", shows_source)
