"""What is known of where a file comes from, and what that means, in words."""

from __future__ import annotations

from dataclasses import dataclass

from studio.domain.provenance import WrittenMark
from studio.imaging import fingerprint
from studio.provenance import xmp
from studio.provenance.credentials import Credentials
from studio.provenance.watermark import SMALLEST, Mark

_OTHERS = {
    "automatic1111": "AUTOMATIC1111's web UI, or a program that writes as it does",
    "comfyui": "ComfyUI",
    "invokeai": "InvokeAI",
    "fooocus": "Fooocus",
    "sdnext": "SD.Next",
    "novelai": "NovelAI",
}
_MARKS = (
    "Every Latent Studio writes such marks: they tell that a model drew, not who asked for it, and "
    "somebody with the program can write one on purpose."
)
_LOST = (
    "Its text says that the pixels carry an invisible mark, which is not there: they were changed, "
    "or the text was taken from another file."
)
_NONE = (
    "No invisible mark of a Latent Studio was found. Other programs write none, and one is lost "
    "where a picture is turned, mirrored, cut to a small part or drawn over."
)
_BY_MODELS = (xmp.DRAWN, xmp.EDITED)
_INTACT = "Its content credentials (C2PA) fit: nothing in the file was changed since they were made"
_UNVOUCHED = (
    "No authority that is known here vouches for that name: who made the key can write any into it."
)
_BROKEN = "Its content credentials (C2PA) do not fit: the file was changed after it was signed"
_NO_CREDENTIALS = (
    "It has no content credentials (C2PA): they are lost wherever a file is written anew."
)


@dataclass(frozen=True)
class Alike:
    """A picture of the library.

    id       of it
    how      "file": the very same bytes; "mark": made of the same words and seed; "looks": it looks
             like it
    differs  of the bits that say what it looks like, 0 to 63; 0 where that was not looked at
    """

    id: str
    how: str
    differs: int = 0


@dataclass(frozen=True)
class Verdict:
    """
    size       of the picture, (width, height)
    mark       what was heard of an invisible mark in its pixels
    written    the mark that the file's text says it has; None: it says nothing of one
    settings   whose settings stand in the file, as `Reading.source`; "none"
    credentials  in the file; None: it has none
    term       of IPTC's digital source types, in the file's XMP; None: none
    pictures   of the library that are or may be this one, the surest first
    unlooked   so many pictures of the library were not compared yet
    """

    size: tuple[int, int]
    mark: Mark
    written: WrittenMark | None
    settings: str
    pictures: tuple[Alike, ...]
    unlooked: int = 0
    credentials: Credentials | None = None
    term: str | None = None

    @property
    def made_by_ai(self) -> bool | None:
        """True where the pixels or this studio's own record say so; None: nothing trustworthy says
        either. Never False: that cannot be told of any picture."""
        sure = any(alike.how in ("file", "looks") for alike in self.pictures)
        signed = self.credentials is not None and self.credentials.intact and self._is_drawn
        return True if self.mark.id is not None or sure or signed else None

    @property
    def _is_drawn(self) -> bool:
        return any(term in _BY_MODELS for term in self.credentials.terms)

    @property
    def words(self) -> list[str]:
        """All of it, a sentence or two each, the verdict first."""
        said = [self._first(), *map(_of, self.pictures), *self._of_mark()]
        said += [*self._of_credentials(), *self._of_text()]
        if self.unlooked:
            said.append(
                f"{self.unlooked:,} pictures of the library were not compared yet: verify again."
            )
        return said

    def _first(self) -> str:
        how = {alike.how for alike in self.pictures}
        if "file" in how:
            return "This is a file of this studio, unchanged."
        if self.mark.id is not None:
            return "A Latent Studio drew this picture, or a part of it: its mark is in the pixels."
        if self.credentials and self.credentials.intact and self._is_drawn:
            return "Its signed credentials say that a model drew this picture, or a part of it."
        if "looks" in how:
            return "This looks like a picture of this studio, without its mark."
        if self.settings != "none" or self.written:
            return "The file's text says that a program drew it. Nothing else here confirms that."
        return "Nothing is known of where this comes from. That does not make it a photograph."

    def _of_mark(self) -> list[str]:
        if self.mark.id is not None:
            said = [f"Its invisible mark says {self.mark.id:07x}. {_MARKS}"]
            if abs(self.mark.scale - 1) > 0.01:
                said.append(f"It was resized since, to about {self.mark.scale:.0%} of its size.")
            if self.written and self.written.id != f"{self.mark.id:07x}":
                said.append(f"The file's text speaks of another mark, {self.written.id}.")
            return said
        if self.written and self.written.readable:
            return [_LOST]
        if min(self.size) < SMALLEST:
            return [f"Pictures under {SMALLEST} pixels carry no invisible mark."]
        return [_NONE]

    def _of_credentials(self) -> list[str]:
        found = self.credentials
        if found is None:
            return [_NO_CREDENTIALS]
        if not found.intact:
            why = ", ".join(found.problems) or "they cannot be read"
            return [f"{_BROKEN} ({why})."]
        signer = found.signer or "somebody without a name"
        if found.own:
            said = [f"{_INTACT}, signed by this installation ({signer})."]
        elif found.trusted:
            said = [f"{_INTACT}, signed by {signer}, for whom a known authority vouches."]
        else:
            said = [f"{_INTACT}, signed by {signer}. {_UNVOUCHED}"]
        if found.sources:
            said.append("They name the picture that it was made from.")
        return said

    def _of_text(self) -> list[str]:
        if self.settings == "none" and self.term in _BY_MODELS:
            return [f"Its XMP says {self.term}: that is text, which anybody can write or change."]
        if self.settings == "none":
            return ["There are no settings in the file. Messengers and editors take them out."]
        if self.settings == "studio":
            said = "Latent Studio's settings stand in the file"
        else:
            said = f"Settings as of {_OTHERS.get(self.settings, self.settings)} stand in the file"
        return [f"{said}. That is text, which anybody can write or change."]


def _of(alike: Alike) -> str:
    if alike.how == "file":
        return f"It is picture {alike.id} of the library, byte for byte."
    if alike.how == "mark":
        return f"Picture {alike.id} of the library was made of the words and seed that it names."
    share = 1 - alike.differs / fingerprint.BITS
    return f"Picture {alike.id} of the library looks like it ({share:.0%} of what is compared)."
