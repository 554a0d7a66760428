"""Content credentials in picture files, as C2PA has them: signed, so that any change is seen.

Specification: https://spec.c2pa.org, 2.2; actions: 18.15, digital source types: 18.16.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from studio.domain.errors import InvalidRequest, NotFound
from studio.domain.events import Picture
from studio.imaging import difference, reading
from studio.provenance import xmp
from studio.provenance.certificate import Identity
from studio.version import __version__

if TYPE_CHECKING:  # it brings a library of 40 MB
    import c2pa

log = logging.getLogger(__name__)

_TYPES = (
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"WEBP", 8, "image/webp"),
    (b"ftypavif", 4, "image/avif"),
)
_MADE_WITH = "org.latent-studio.made-with"
_SOURCE = "source"
_THUMBNAIL = "source.jpg"
_THUMBNAIL_SIDE, _THUMBNAIL_QUALITY = 256, 75
"""In pixels at most, and of the JPEG: about 8 kB."""
_UNKNOWN_SIGNER = "signingCredential.untrusted"


@dataclass(frozen=True)
class Credentials:
    """What a file's credentials say.

    intact     whether they fit: nothing in the file was changed after it was signed
    trusted    whether somebody whom the library trusts vouches for the signer
    own        whether this installation signed it, or its owner
    signer     as the certificate names it; "" where that cannot be read
    generator  the program that wrote it
    terms      of IPTC's digital source types, as the file's actions say them
    sources    so many pictures it was made from
    problems   why it does not fit, as C2PA's codes
    """

    intact: bool
    trusted: bool = False
    own: bool = False
    signer: str = ""
    generator: str = ""
    terms: tuple[str, ...] = ()
    sources: int = 0
    problems: tuple[str, ...] = ()


class Notary:
    """Signs pictures, and reads what others signed. Safe from many threads.

    identity  gives whose name stands under them; asked once, when it is needed. Raises
              `InvalidRequest`
    read      gives the bytes of a picture that a request begins with, by its name there
    prompt    whether the prompt is said too
    shows_source
              asked at each edit: whether a small copy of what it was made from stands in its file
    """

    def __init__(
        self,
        identity: Callable[[], Identity],
        read: Callable[[str], bytes],
        prompt: bool = False,
        shows_source: Callable[[], bool] = lambda: True,
    ) -> None:
        self._given, self._read = identity, read
        self._prompt, self._shows_source = prompt, shows_source
        self._making = threading.Lock()

    @cached_property
    def _c2pa(self) -> Any:
        import c2pa  # here, for not every process signs

        return c2pa

    @cached_property
    def _identity(self) -> Identity:
        with self._making:
            return self._given()

    @cached_property
    def _context(self) -> c2pa.Context:
        """Without a thumbnail of the picture itself, which would double the file."""
        quiet = {"builder": {"thumbnail": {"enabled": False}}}
        return self._c2pa.Context(self._c2pa.Settings.from_dict(quiet))

    def signed(self, data: bytes, picture: Picture) -> bytes:
        """The file in `data`, with the credentials of `picture`; read again before it is given.
        Raises `InvalidRequest` where it cannot be signed."""
        format = _type_of(data)
        source = self._source(picture)
        manifest = _manifest(picture, format, source, self._prompt)
        thumbnail = _thumbnail(source) if self._shows_source() else None
        return self._sign(manifest, format, data, source, thumbnail)

    def again(self, data: bytes, before: bytes) -> bytes:
        """The file in `data`, which was made from the signed one in `before` by writing it in
        another format or size; as it is where that has no credentials, or `data` cannot hold
        any."""
        format = _type_of(data)
        if not format or self.found(before) is None:
            return data
        actions = [
            {"action": "c2pa.opened", "parameters": {"ingredientIds": [_SOURCE]}},
            {"action": "c2pa.converted"},
        ]
        return self._sign(_said(format, actions, {}), format, data, before)

    def together(self, data: bytes, term: str) -> bytes:
        """The file in `data`, a sheet of pictures, of the digital source type `term`. Raises
        `InvalidRequest` where it cannot be signed."""
        format = _type_of(data)
        return self._sign(
            _said(format, [_made("c2pa.created", term, "pictures on a sheet")], {}),
            *(format, data, None),
        )

    def found(self, data: bytes) -> Credentials | None:
        """Those in the file of these bytes; None: it has none."""
        format = _type_of(data)
        if not format:
            return None
        errors = self._c2pa.C2paError
        try:
            with self._c2pa.Reader(format, io.BytesIO(data), context=self._context) as reader:
                return self._told(json.loads(reader.json()), reader.get_validation_state())
        except errors.ManifestNotFound:
            return None
        except errors as error:
            return Credentials(intact=False, problems=(str(error)[:200],))

    def _told(self, store: dict[str, Any], state: str) -> Credentials:
        active = store.get("manifests", {}).get(store.get("active_manifest"), {})
        signature = active.get("signature_info", {})
        generators = active.get("claim_generator_info") or [{}]
        listed = [status.get("code", "") for status in store.get("validation_status", ())]
        return Credentials(
            intact=state in ("Valid", "Trusted"),
            trusted=state == "Trusted",
            own=state == "Valid" and signature.get("cert_serial_number") == self._identity.serial,
            signer=str(signature.get("common_name") or signature.get("issuer") or ""),
            generator=str(generators[0].get("name", "")),
            terms=tuple(dict.fromkeys(_terms(store, active))),
            sources=len(active.get("ingredients", ())),
            problems=tuple(code for code in listed if code != _UNKNOWN_SIGNER),
        )

    def _source(self, picture: Picture) -> bytes | None:
        """The file that it was made from, where that can be named in credentials."""
        name = getattr(picture.request.task, "image", None)
        try:
            data = self._read(name) if name else None
        except (InvalidRequest, NotFound, OSError):
            return None
        return data if data and _type_of(data) else None

    def _sign(
        self,
        manifest: dict[str, Any],
        format: str,
        data: bytes,
        source: bytes | None,
        thumbnail: bytes | None = None,
    ) -> bytes:
        library, identity, target = self._c2pa, self._identity, io.BytesIO()
        try:
            info = library.C2paSignerInfo(
                getattr(library.C2paSigningAlg, identity.algorithm),
                identity.chain,
                identity.key,
                None,
            )
            with (
                library.Signer.from_info(info) as signer,
                library.Builder(manifest, context=self._context) as builder,
            ):
                if source is not None:
                    about = _ingredient(thumbnail is not None)
                    if thumbnail is not None:
                        builder.add_resource(_THUMBNAIL, io.BytesIO(thumbnail))
                    builder.add_ingredient(about, _type_of(source), io.BytesIO(source))
                builder.sign(signer, format, io.BytesIO(data), target)
        except library.C2paError as error:
            raise InvalidRequest(f"The credentials cannot be signed: {error}.") from None
        signed = target.getvalue()
        found = self.found(signed)
        if found is None or not found.intact:
            problems = found.problems if found else "none were found"
            raise InvalidRequest(f"The credentials do not hold right after signing: {problems}.")
        return signed


def _ingredient(is_shown: bool) -> dict[str, Any]:
    """What is said of the file that a picture was made from."""
    about: dict[str, Any] = {"title": "source", "relationship": "parentOf", "label": _SOURCE}
    if is_shown:
        about["thumbnail"] = {"format": "image/jpeg", "identifier": _THUMBNAIL}
    return about


def _thumbnail(source: bytes | None) -> bytes | None:
    """A small JPEG of the picture in a file; None where there is none that can be read."""
    if source is None:
        return None
    try:
        image, _ = reading.small(source, _THUMBNAIL_SIDE)
    except InvalidRequest:
        return None
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_THUMBNAIL_QUALITY)
    return buffer.getvalue()


def _manifest(picture: Picture, format: str, source: bytes | None, prompt: bool) -> dict[str, Any]:
    term = xmp.term(picture.request)
    action = "c2pa.created" if term == xmp.DRAWN else "c2pa.edited"
    drawn = _made(action, term, picture.request.task.kind.replace("_", " "))
    region = _region(picture)
    if region is not None:
        drawn["changes"] = [region]
    actions = [drawn]
    if source is not None:
        actions.insert(0, {"action": "c2pa.opened", "parameters": {"ingredientIds": [_SOURCE]}})
    models = picture.provenance.models if picture.provenance else ()
    made_with: dict[str, Any] = {
        "models": [{name: of for name, of in vars(each).items() if of} for each in models]
    }
    if source is not None:
        made_with["source"] = {"ingredient": _SOURCE, "sha256": hashlib.sha256(source).hexdigest()}
    if picture.mark is not None:
        made_with["watermark"] = picture.mark.id
    if prompt:
        made_with["prompt"] = picture.request.prompt
        made_with["negative_prompt"] = picture.request.negative_prompt
    return _said(format, actions, made_with)


def _made(action: str, term: str, description: str) -> dict[str, Any]:
    """An action by which something came into the picture."""
    return {
        "action": action,
        "digitalSourceType": xmp.VOCABULARY + term,
        "softwareAgent": {"name": "Latent Studio", "version": __version__},
        "description": description,
    }


def _said(format: str, actions: list[dict[str, Any]], made_with: dict[str, Any]) -> dict[str, Any]:
    assertions: list[dict[str, Any]] = [
        {"label": "c2pa.actions.v2", "data": {"actions": actions}},
    ]
    if made_with:
        assertions.append({"label": _MADE_WITH, "data": made_with})
    return {
        "claim_generator_info": [{"name": "Latent Studio", "version": __version__}],
        "format": format,
        "title": "A picture of Latent Studio",
        "assertions": assertions,
    }


def _region(picture: Picture) -> dict[str, Any] | None:
    """Where it is other than the picture that it began with, where that is not everywhere."""
    source = picture.source
    if source is None or source.size != picture.image.size:
        return None
    box = difference.changed_box(source, picture.image)
    if box is None or box == (0, 0, *source.size):
        return None
    left, top, right, bottom = box
    shape = {
        "type": "rectangle",
        "unit": "pixel",
        "origin": {"x": left, "y": top},
        "width": right - left,
        "height": bottom - top,
    }
    return {"region": [{"type": "spatial", "shape": shape}], "description": "drawn"}


def _type_of(data: bytes) -> str | None:
    for begins, at, type in _TYPES:
        if data[at : at + len(begins)] == begins:
            return type
    return None


def _terms(store: dict[str, Any], active: dict[str, Any]) -> list[str]:
    """Of its own actions; where these only wrote it anew, of those of the picture before."""
    found = []
    for assertion in active.get("assertions", ()):
        if assertion.get("label", "").startswith("c2pa.actions"):
            for action in assertion.get("data", {}).get("actions", ()):
                found.append(xmp.term_in(str(action.get("digitalSourceType", ""))))
    if not any(found):
        for ingredient in active.get("ingredients", ()):
            before = store.get("manifests", {}).get(ingredient.get("active_manifest"))
            if before and before is not active:
                found += _terms({}, before)
    return [each for each in found if each]
