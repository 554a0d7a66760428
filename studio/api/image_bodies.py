"""Pictures of the library as JSON."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from studio.api.places import PublicText
from studio.api.readings import ReadingBody
from studio.api.wire import PREFIX, DetailBody, details_bodies
from studio.domain.accounts import LOCAL, shown
from studio.gallery.details import Details
from studio.gallery.word_maps import Kept
from studio.store.lineage import Lineage
from studio.store.pictures import PictureRow

BoardName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class EntryBody(BaseModel):
    """A picture of the library.

    url            the file
    thumbnail_url  a small copy, WebP
    created        ISO 8601, UTC
    task           text_to_image, …; null where its file does not tell
    parents        ids of the pictures that it was made from
    job, owner     null: not known (any more), nobody's or a guest's
    nsfw           how likely it shows nudity, 0 to 1, by the owner's filter; null where that did
                   not look
    waits          in a class: until the teacher lets others see it
    """

    id: str
    url: str
    thumbnail_url: str
    width: int
    height: int
    created: str
    seed: int
    prompt: str
    negative_prompt: str
    checkpoint: str | None
    task: str | None
    starred: bool
    boards: list[str]
    note: str
    parents: list[str]
    job: str | None
    owner: str | None
    trashed: bool
    nsfw: float | None
    waits: bool


class PageBody(BaseModel):
    """`next` is what `before` is for the next page, null at the end; `total` counts all pages."""

    images: list[EntryBody]
    next: str | None
    total: int


class UsedModelBody(BaseModel):
    """A model that a picture was made with; `hash` are the first digits of its file's sha256."""

    kind: str
    name: str
    hash: str | None


class DetailsBody(EntryBody):
    """`request`: the settings that make this very picture again, of another studio's what comes
    nearest; null where its file has none."""

    request: dict[str, Any] | None
    infotext: str
    partial: bool
    warnings: list[str]
    outside_mask_max_difference: int | None
    details: list[DetailBody]
    models: list[UsedModelBody]
    size_bytes: int


class WordBody(BaseModel):
    """A word of a picture's prompt.

    start, end  where it stands in the prompt, in characters, `end` left out
    share       of the attention that is paid to all words, 0 to 1
    peak        its strongest place beside that of the strongest word, 0 to 1
    """

    word: str
    start: int
    end: int
    share: float
    peak: float


class WordsBody(BaseModel):
    """Each word has a map of `width` × `height`, in this order one under the other in the PNG at
    `url`: 255 is the word's own strongest place, 0 nothing."""

    words: list[WordBody]
    width: int
    height: int
    url: str


class LineageBody(BaseModel):
    """The family of a picture, oldest first; `edges` are pairs of parent and child."""

    ancestors: list[EntryBody]
    descendants: list[EntryBody]
    edges: list[tuple[str, str]]


class BoardBody(BaseModel):
    """A board, and how many pictures are on it."""

    name: str
    count: int


class BoardsBody(BaseModel):
    """All boards that have pictures, by name."""

    boards: list[BoardBody]


class ImportedBody(BaseModel):
    """The picture in the library; `is_new`: it was not in it; `read`: what its file says of how it
    was made."""

    id: str
    is_new: bool
    read: ReadingBody


class ErasedBody(BaseModel):
    """How many pictures were erased for good."""

    erased: int


class ImageChange(BaseModel):
    """What is to be otherwise; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    starred: bool | None = None
    boards: Annotated[list[BoardName] | None, Field(max_length=100)] = None
    note: Annotated[str | None, Field(max_length=20_000)] = None


def entry_body(row: PictureRow) -> EntryBody:
    return EntryBody(**_entry(row))


def details_body(
    row: PictureRow, details: Details, request: dict[str, Any] | None, public: PublicText
) -> DetailsBody:
    """Warnings are made `public`."""
    return DetailsBody(
        **_entry(row),
        request=request,
        infotext=details.infotext,
        partial=details.partial,
        warnings=[public(text) for text in details.warnings],
        outside_mask_max_difference=details.outside_mask_max_difference,
        details=details_bodies(details.details),
        models=[UsedModelBody(**vars(model)) for model in details.models],
        size_bytes=details.size_bytes,
    )


def words_body(id: str, kept: Kept) -> WordsBody:
    words = [
        WordBody(word=one.word, start=one.start, end=one.end, share=one.share, peak=one.peak)
        for one in kept.words
    ]
    width, height = kept.size
    url = f"{PREFIX}/images/{id}/words/maps"
    return WordsBody(words=words, width=width, height=height, url=url)


def lineage_body(lineage: Lineage) -> LineageBody:
    return LineageBody(
        ancestors=[entry_body(row) for row in lineage.ancestors],
        descendants=[entry_body(row) for row in lineage.descendants],
        edges=lineage.edges,
    )


def _entry(row: PictureRow) -> dict[str, Any]:
    url = f"{PREFIX}/images/{row.id}"
    names = ("id", "width", "height", "seed", "prompt", "negative_prompt", "checkpoint", "task")
    said = ("starred", "note", "job", "nsfw", "waits")
    return {name: getattr(row, name) for name in (*names, *said)} | {
        "url": url,
        "thumbnail_url": f"{url}/thumbnail",
        "created": f"{row.created:%Y-%m-%dT%H:%M:%SZ}",
        "boards": list(row.boards),
        "parents": list(row.parents),
        "owner": shown(row.owner or LOCAL),
        "trashed": row.trashed_s is not None,
    }
