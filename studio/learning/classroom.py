"""Where pages of Learn are asked for: what is asked is read here, and done between two steps of
what is drawn. No torch."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, Protocol

from PIL import Image
from pydantic import ValidationError

from studio.domain.accounts import LOCAL
from studio.domain.errors import InvalidRequest, about, refused
from studio.domain.request import GenerationRequest
from studio.imaging import reading
from studio.learning import pages
from studio.learning.asked import OfPicture
from studio.learning.shown import Sheet, Shown

Pieces = Generator[None, None, Any]


class Judge(Protocol):
    """What the owner lets be seen, as `Safety` knows it."""

    def glimpse(self, account: str) -> Callable[[Image.Image], Image.Image] | None: ...

    def log(self, account: str, what: str, why: str, prompt: str) -> None: ...


class Classroom:
    """errand   has the device's thread do something in pieces
    settled  completes a request of an account
    read     gives the bytes of a picture by its name
    engine   what draws, once it is built; asked in the device's thread
    judge    looks at the pictures before they are shown
    """

    def __init__(
        self,
        errand: Callable[[Callable[[], Pieces]], Future[Any]],
        settled: Callable[[GenerationRequest, str], GenerationRequest],
        read: Callable[[str], bytes],
        engine: Callable[[], Any],
        judge: Judge,
    ) -> None:
        self._errand, self._settled = errand, settled
        self._read, self._engine, self._judge = read, engine, judge

    def ask(self, page: str, fields: Mapping[str, Any], account: str = LOCAL) -> Future[Any]:
        """What the page of a name shows of `fields`: one of `shown`, once it is done. Raises
        `NotFound` and `InvalidRequest` for what cannot be, and `QueueFull`."""
        return next(self.looks(page, fields, account))

    def looks(
        self, page: str, fields: Mapping[str, Any], account: str = LOCAL
    ) -> Iterator[Future[Any]]:
        """The same again and again, as long as it goes on: each is to be done before the next is
        asked for. Raises as `ask`, when the first is."""
        try:
            asked = pages.find(page).asked.model_validate(dict(fields))
        except ValidationError as error:
            raise refused(error) from None
        own = None
        if isinstance(asked, OfPicture) and asked.image:
            with about("image"):
                own = reading.picture(self._read(asked.image))
        request, kept = self._settled(asked.request(), account), {}
        while True:
            look = self._errand(
                lambda: self._judged(
                    page, self._begun(page, asked, request, own, kept), account, request
                )
            )
            yield look
            if not pages.find(page).lasts or look.result().done:
                return

    def _begun(self, *asked: Any) -> Pieces:
        resources = getattr(self._engine(), "resources", None)
        if resources is None:
            raise InvalidRequest("This studio draws without a model that could be looked into.")
        from studio.learning import lessons  # brings torch

        return lessons.pieces(resources, *asked)

    def _judged(self, page: str, asked: Pieces, account: str, request: GenerationRequest) -> Pieces:
        """What `asked` comes to, as `account` may see it; it is looked at one picture a piece."""
        shown: Shown = yield from asked
        glimpse = self._judge.glimpse(account)
        sheets = [each for _, each in shown if isinstance(each, Sheet)] if glimpse else []
        for picture in (picture for sheet in sheets for picture in sheet.pictures):
            is_clear = glimpse(picture) is picture
            yield
            if not is_clear:
                self._judge.log(account, "page of Learn blurred", page, request.prompt)
                return shown.veiled().model_copy(update={"blurred": True})
        return shown
