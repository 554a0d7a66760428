"""One file from a web address to the disk: resumed, checked, and there only when it is whole.

What has come so far lies beside the target under a hidden name, with a note of where it is from.
A second call goes on from there if the server still has the same file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from studio.domain.errors import DownloadError, InvalidRequest
from studio.fetching import answers
from studio.fetching.addresses import origin, route
from studio.fetching.answers import host, size_text
from studio.fetching.partial import Partial

MOST_REDIRECTS = 10
MOST_BYTES = 200 * 10**9
"""Of one file: many times the largest model that can be used here."""
_RESERVE_BYTES = 64 * 2**20
_CHECK_BYTES = 16 * 2**20
"""So often is the disk looked at while a file comes."""
_TIMEOUT = httpx.Timeout(30, connect=15)
_REPORT_S = 0.1
_RATE_S = 3.0
"""The rate is that of about the last three seconds."""
_LONGEST_NAME = 150
_RESERVED = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Progress:
    """`done_bytes` of `total_bytes` (None: not known) are here, `rate_bytes_s` come in a second;
    `name` is the file that is coming."""

    name: str
    done_bytes: int
    total_bytes: int | None
    rate_bytes_s: float = 0.0


class Stopped(Exception):
    """The caller wanted no more; what has come is kept for another time."""


@dataclass(frozen=True)
class Rules:
    """What holds for every file of one download.

    report    called with the progress, about ten times a second; raises `Stopped` to end it
    guarded   public addresses only, as in `addresses.route`; `trusted` is an origin besides
    token     sent to `trusted` and nowhere else
    pickles   files that may hold programs are allowed
    most_bytes  that a file may have
    """

    report: Callable[[Progress], None] = lambda _: None
    guarded: bool = True
    trusted: str | None = None
    token: str | None = None
    pickles: bool = False
    most_bytes: int = MOST_BYTES


def fetch(
    url: str, folder: Path, rules: Rules, *, name: str | None = None, sha256: str | None = None
) -> Path:
    """Fetch `url` into `folder` and return the file.

    name    what it shall be called; else as the server says, else as the address ends
    sha256  what it must be; else what the server says it is, if it does

    Raises `InvalidRequest` for what we do not fetch or would overwrite, `DownloadError` for all
    that goes wrong on the way, `Stopped` as `rules.report` does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(url.encode()).hexdigest()[:16]
    partial = Partial(folder / f".download-{key}.part")
    partial.read()
    for again_s in (1, 2, None):
        try:
            return _attempt(url, partial, rules, name, sha256)
        except (httpx.TransportError, httpx.StreamError) as error:
            if again_s is None or isinstance(error, httpx.ConnectError):
                raise DownloadError(_unreachable(url, partial, error)) from None
            rules.report(Progress(partial.name, partial.size_bytes, None))
            time.sleep(again_s)
        except OSError as error:
            cause = error.strerror or str(error)
            raise DownloadError(f"{folder} cannot be written: {cause}.") from None
    raise AssertionError("the last attempt returns or raises")


def get_json(url: str, rules: Rules, limit_bytes: int = 16 * 2**20) -> object:
    """What the web address says, as JSON. Raises as `fetch` does."""
    try:
        with _open(url, {"Accept": "application/json"}, rules) as (response, _):
            answers.refuse_status(response, url)
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > limit_bytes:
                    raise DownloadError(f"{host(url)} says too much to be a list of files.")
        return json.loads(body)
    except httpx.HTTPError as error:
        raise DownloadError(_unreachable(url, None, error)) from None
    except ValueError:
        raise DownloadError(f"{host(url)} gives no list of files. Is the address right?") from None


def safe_name(name: str) -> str:
    """`name` as a file name that every system takes, without a way out of its folder."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    clean = re.sub(r'[\x00-\x1f\x7f<>:"|?*]', "_", last).strip(" .")
    stem, dot, suffix = clean.rpartition(".")
    if dot and len(suffix) <= 12:
        clean = stem[: _LONGEST_NAME - len(suffix)].rstrip(" .") + dot + suffix
    clean = clean[: _LONGEST_NAME + 1]
    if _RESERVED.match(clean):
        clean = f"_{clean}"
    return clean or "model"


def check_space(folder: Path, needed_bytes: int) -> None:
    """Raises `DownloadError` if `folder` cannot take `needed_bytes` more."""
    free_bytes = shutil.disk_usage(folder).free
    if needed_bytes + _RESERVE_BYTES > free_bytes:
        raise DownloadError(
            f"It needs {size_text(needed_bytes)}, but only {size_text(free_bytes)} are free in "
            f"{folder}. Free some space, or choose another folder."
        )


def put_in_place(partial: Path, target: Path) -> None:
    """Rename, but never over something else. Raises `InvalidRequest` if `target` is there."""
    if target.exists():
        raise InvalidRequest(f"{target} is there already. Remove or rename it first.")
    os.rename(partial, target)


def _attempt(
    url: str, partial: Partial, rules: Rules, name: str | None, sha256: str | None
) -> Path:
    headers = {}
    if partial.size_bytes and partial.validator:
        headers = {"Range": f"bytes={partial.size_bytes}-", "If-Range": partial.validator}
    with _open(url, headers, rules) as (response, linked_sha256):
        if response.status_code == 416:
            partial.restart()  # longer than the file, which changed since: from the start
            partial.remove()
            raise httpx.ReadError("the file changed")
        answers.refuse_status(response, url)
        partial.name = safe_name(name or answers.file_name(response, url))
        target = partial.path.parent / partial.name
        answers.refuse_content(response, partial.name, rules.pickles)
        total = _prepare(response, partial, target, rules)
        expected = (sha256 or linked_sha256).lower()
        if _is_there(target, expected):
            partial.remove()
            return target
        _receive(response, partial, total, rules)
    _check(partial, total, expected)
    put_in_place(partial.path, target)
    partial.remove()
    return target


def _prepare(response: httpx.Response, partial: Partial, target: Path, rules: Rules) -> int | None:
    """Go on or begin anew, as the server answers; the size of the whole file, if it says."""
    validator = answers.validator(response)
    goes_on = response.status_code == 206 and answers.first_byte(response) == partial.size_bytes
    if not goes_on or (partial.validator and validator != partial.validator):
        if response.status_code == 206:
            partial.restart()
            partial.remove()
            raise httpx.ReadError("another part than the one asked for")
        partial.restart()
    partial.validator = validator
    length = response.headers.get("content-length", "")
    total = None
    if re.fullmatch(r"[0-9]{1,18}", length):
        total = int(length) + partial.size_bytes
        _refuse_size(partial.name, total, rules)
    check_space(target.parent, total - partial.size_bytes if total else 0)
    partial.write_note()
    return total


def _receive(response: httpx.Response, partial: Partial, total: int | None, rules: Rules) -> None:
    begun_s = shown_s = time.monotonic()
    marks = [(begun_s, partial.size_bytes)]
    with partial.path.open("ab" if partial.size_bytes else "wb") as file:
        head, checked_bytes = partial.size_bytes == 0, partial.size_bytes
        for chunk in response.iter_raw():
            if head and chunk:
                answers.refuse_head(chunk, partial.name)
                head = False
            if partial.size_bytes - checked_bytes >= _CHECK_BYTES:
                checked_bytes = partial.size_bytes
                file.flush()
                _check_growth(partial, total, rules)
            file.write(chunk)
            partial.sha256.update(chunk)
            partial.size_bytes += len(chunk)
            now_s = time.monotonic()
            if now_s - shown_s >= _REPORT_S:
                shown_s = now_s
                marks = [m for m in marks if now_s - m[0] < _RATE_S] or marks[-1:]
                rate = (partial.size_bytes - marks[0][1]) / max(now_s - marks[0][0], 1e-3)
                marks.append((now_s, partial.size_bytes))
                file.flush()
                rules.report(Progress(partial.name, partial.size_bytes, total, rate))
    rules.report(Progress(partial.name, partial.size_bytes, total))


def _check_growth(partial: Partial, total: int | None, rules: Rules) -> None:
    """While a file comes: a server need not say how long it is, and others fill the disk too."""
    try:
        _refuse_size(partial.name, partial.size_bytes, rules)
        check_space(partial.path.parent, 0 if total is None else total - partial.size_bytes)
    except DownloadError:
        if total is None or partial.size_bytes > rules.most_bytes:
            partial.remove()  # it was no model, or cannot be gone on with
        raise


def _refuse_size(name: str, size_bytes: int, rules: Rules) -> None:
    if size_bytes > rules.most_bytes:
        raise DownloadError(
            f"{name} has more than {size_text(rules.most_bytes)}, which no model needs. Is the "
            "address right?"
        )


def _check(partial: Partial, total: int | None, expected: str) -> None:
    if total is not None and partial.size_bytes != total:
        raise httpx.ReadError("the connection ended early")
    if expected and partial.sha256.hexdigest() != expected:
        partial.remove()
        raise DownloadError(
            f"{partial.name} came damaged, or it is another file: its sha256 is "
            f"{partial.sha256.hexdigest()}, not {expected}. Nothing was kept; try again."
        )


def _is_there(target: Path, expected: str) -> bool:
    """True if `target` is already the wanted file. Raises `InvalidRequest` if it is another."""
    if not target.exists():
        return False
    if expected and target.is_file():
        with target.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == expected:
                return True
    raise InvalidRequest(f"{target} is there already. Remove or rename it first.")


@contextlib.contextmanager
def _open(url: str, headers: dict[str, str], rules: Rules) -> Iterator[tuple[httpx.Response, str]]:
    """The last answer after all redirects, and the sha256 that one of them named, else ""."""
    sha256 = ""
    at = httpx.URL(url)
    headers = {"User-Agent": "latent-studio", "Accept-Encoding": "identity", **headers}
    verify = httpx.create_ssl_context()
    for _ in range(MOST_REDIRECTS + 1):
        way = route(at, rules.guarded, rules.trusted)
        sent = dict(headers)
        if rules.token and origin(str(at)) == rules.trusted:
            sent["Authorization"] = f"Bearer {rules.token}"
        with httpx.Client(
            proxy=way.proxy, trust_env=False, verify=verify, timeout=_TIMEOUT
        ) as client:
            response = client.send(way.request(sent), stream=True)
            try:
                sha256 = answers.linked_sha256(response) or sha256
                if not response.has_redirect_location:
                    yield response, sha256
                    return
                following = at.join(response.headers["location"])
                if at.scheme == "https" and following.scheme == "http":
                    raise DownloadError(
                        f"{at.host} leads from a secure to an open connection. Not followed."
                    )
                at = following
            finally:
                response.close()
    raise DownloadError(f"{host(url)} leads round in circles. Is the address right?")


def _unreachable(url: str, partial: Partial | None, error: Exception) -> str:
    if partial and partial.size_bytes:
        return (
            f"The connection to {host(url)} was lost after {size_text(partial.size_bytes)}. "
            "Start the download again: it goes on from there."
        )
    return (
        f"{host(url)} cannot be reached ({str(error) or type(error).__name__}). "
        "Is this machine online? If it needs a proxy, set HTTPS_PROXY."
    )
