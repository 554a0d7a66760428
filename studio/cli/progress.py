"""Progress of a job or a download, as one line of text that redraws itself."""

from __future__ import annotations

from typing import TextIO

from studio.domain import events

_CELLS = 24


class ProgressBar:
    """Draws events on `stream`, `title` before them; leaving the `with` clears the line."""

    def __init__(self, stream: TextIO, title: str = "") -> None:
        self._stream = stream
        self._title = title
        self._width = 0

    def __enter__(self) -> ProgressBar:
        self._draw("starting")
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.write("\r" + " " * self._width + "\r")
        self._stream.flush()

    def show(self, event: events.Event) -> None:
        """Redraw, if `event` says something new about the progress."""
        match event:
            case events.Queued(position) if position:
                self._draw(f"{position} before this one")
            case events.Loading(stage, fraction):
                self._draw(f"{_bar(fraction)} loading {stage}")
            case events.Progress(step, total, eta_s, pass_number, passes):
                left = f" · {eta_s:.1f} s left" if eta_s is not None else ""
                which = f" · pass {pass_number} of {passes}" if passes > 1 else ""
                self._draw(f"{_bar(step / total)} step {step}/{total}{which}{left}")

    def show_bytes(
        self, name: str, done_bytes: int, total_bytes: int | None, rate_bytes_s: float
    ) -> None:
        """Redraw: of the file `name` so much is here; `total_bytes` None: how much is not known."""
        rate = f" · {_size(rate_bytes_s)}/s" if rate_bytes_s else ""
        if not total_bytes:
            self._draw(f"{name} · {_size(done_bytes)}{rate}")
            return
        left = ""
        if rate_bytes_s:
            left_s = round((total_bytes - done_bytes) / rate_bytes_s)
            left = f" · {left_s // 60}:{left_s % 60:02d} left"
        bar = _bar(min(done_bytes / total_bytes, 1))
        self._draw(f"{bar} {name} · {_size(done_bytes)} of {_size(total_bytes)}{rate}{left}")

    def show_count(self, what: str, done: int, total: int | None = None) -> None:
        """Redraw: so many are done of `total`; None: of how many is not known."""
        self._draw(f"{_bar(done / total)} {what} {done}/{total}" if total else f"{what} {done}")

    def show_share(self, share: float, text: str) -> None:
        """Redraw: `share` of all, 0 to 1, is done; `text` says more."""
        self._draw(f"{_bar(share)} {text}")

    def _draw(self, text: str) -> None:
        text = self._title + text
        self._stream.write("\r" + text.ljust(self._width))
        self._stream.flush()
        self._width = len(text)


def _bar(fraction: float) -> str:
    full = round(_CELLS * fraction)
    return f"[{'#' * full}{'.' * (_CELLS - full)}]"


def _size(size_bytes: float) -> str:
    if size_bytes < 1e9:
        return f"{size_bytes / 1e6:.1f} MB"
    return f"{size_bytes / 1e9:.2f} GB"
