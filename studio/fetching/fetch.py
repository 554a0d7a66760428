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
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import httpx

from studio.domain.errors import DownloadError, InvalidRequest
from studio.fetching.addresses import origin, route

PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
"""File types that may hold programs."""
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


@dataclass
class _Part:
    """What has come so far, and what the server said about it."""

    path: Path
    validator: str = ""
    name: str = ""
    sha256: hashlib._Hash = field(default_factory=hashlib.sha256)
    size_bytes: int = 0

    @property
    def _note(self) -> Path:
        return self.path.with_suffix(".json")

    def read(self) -> None:
        """Take up what an earlier call left, if it can be told what it is."""
        try:
            note = json.loads(self._note.read_text("utf-8"))
            self.validator, self.name = str(note["validator"]), str(note["name"])
            with self.path.open("rb") as file:
                while chunk := file.read(2**20):
                    self.sha256.update(chunk)
                    self.size_bytes += len(chunk)
        except (OSError, ValueError, KeyError, TypeError):
            self.restart()

    def restart(self) -> None:
        self.validator, self.sha256, self.size_bytes = "", hashlib.sha256(), 0

    def write_note(self) -> None:
        note = {"validator": self.validator, "name": self.name}
        self._note.write_text(json.dumps(note), "utf-8")

    def remove(self) -> None:
        for path in (self.path, self._note):
            path.unlink(missing_ok=True)


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
    part = _Part(folder / f".download-{key}.part")
    part.read()
    for again_s in (1, 2, None):
        try:
            return _attempt(url, part, rules, name, sha256)
        except (httpx.TransportError, httpx.StreamError) as error:
            if again_s is None or isinstance(error, httpx.ConnectError):
                raise DownloadError(_unreachable(url, part, error)) from None
            rules.report(Progress(part.name, part.size_bytes, None))
            time.sleep(again_s)
        except OSError as error:
            cause = error.strerror or str(error)
            raise DownloadError(f"{folder} cannot be written: {cause}.") from None
    raise AssertionError("the last attempt returns or raises")


def get_json(url: str, rules: Rules, limit_bytes: int = 16 * 2**20) -> object:
    """What the web address says, as JSON. Raises as `fetch` does."""
    try:
        with _open(url, {"Accept": "application/json"}, rules) as (response, _):
            _refuse_status(response, url)
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > limit_bytes:
                    raise DownloadError(f"{_host(url)} says too much to be a list of files.")
        return json.loads(body)
    except httpx.HTTPError as error:
        raise DownloadError(_unreachable(url, None, error)) from None
    except ValueError:
        raise DownloadError(f"{_host(url)} gives no list of files. Is the address right?") from None


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
            f"It needs {_gb(needed_bytes)}, but only {_gb(free_bytes)} are free in {folder}. "
            "Free some space, or choose another folder."
        )


def put_in_place(part: Path, target: Path) -> None:
    """Rename, but never over something else. Raises `InvalidRequest` if `target` is there."""
    if target.exists():
        raise InvalidRequest(f"{target} is there already. Remove or rename it first.")
    os.rename(part, target)


def _attempt(url: str, part: _Part, rules: Rules, name: str | None, sha256: str | None) -> Path:
    headers = {}
    if part.size_bytes and part.validator:
        headers = {"Range": f"bytes={part.size_bytes}-", "If-Range": part.validator}
    with _open(url, headers, rules) as (response, said):
        if response.status_code == 416:
            part.restart()  # longer than the file, which changed since: from the start
            part.remove()
            raise httpx.ReadError("the file changed")
        _refuse_status(response, url)
        part.name = safe_name(name or _name(response, url))
        target = part.path.parent / part.name
        _refuse_content(response, part.name, rules)
        total = _prepare(response, part, target, rules)
        expected = (sha256 or said.get("sha256") or "").lower()
        if _is_there(target, expected):
            part.remove()
            return target
        _receive(response, part, total, rules)
    _check(part, total, expected)
    put_in_place(part.path, target)
    part.remove()
    return target


def _prepare(response: httpx.Response, part: _Part, target: Path, rules: Rules) -> int | None:
    """Go on or begin anew, as the server answers; the size of the whole file, if it says."""
    validator = _validator(response)
    goes_on = response.status_code == 206 and _start(response) == part.size_bytes
    if not goes_on or (part.validator and validator != part.validator):
        if response.status_code == 206:
            part.restart()
            part.remove()
            raise httpx.ReadError("another part than the one asked for")
        part.restart()
    part.validator = validator
    length = response.headers.get("content-length", "")
    total = None
    if re.fullmatch(r"[0-9]{1,18}", length):
        total = int(length) + part.size_bytes
        _refuse_size(part.name, total, rules)
    check_space(target.parent, total - part.size_bytes if total else 0)
    part.write_note()
    return total


def _receive(response: httpx.Response, part: _Part, total: int | None, rules: Rules) -> None:
    begun_s = shown_s = time.monotonic()
    marks = [(begun_s, part.size_bytes)]
    with part.path.open("ab" if part.size_bytes else "wb") as file:
        head, checked_bytes = part.size_bytes == 0, part.size_bytes
        for chunk in response.iter_raw():
            if head and chunk:
                _refuse_head(chunk, part.name)
                head = False
            if part.size_bytes - checked_bytes >= _CHECK_BYTES:
                checked_bytes = part.size_bytes
                file.flush()
                _check_growth(part, total, rules)
            file.write(chunk)
            part.sha256.update(chunk)
            part.size_bytes += len(chunk)
            now_s = time.monotonic()
            if now_s - shown_s >= _REPORT_S:
                shown_s = now_s
                marks = [m for m in marks if now_s - m[0] < _RATE_S] or marks[-1:]
                rate = (part.size_bytes - marks[0][1]) / max(now_s - marks[0][0], 1e-3)
                marks.append((now_s, part.size_bytes))
                file.flush()
                rules.report(Progress(part.name, part.size_bytes, total, rate))
    rules.report(Progress(part.name, part.size_bytes, total))


def _check_growth(part: _Part, total: int | None, rules: Rules) -> None:
    """While a file comes: a server need not say how long it is, and others fill the disk too."""
    try:
        _refuse_size(part.name, part.size_bytes, rules)
        check_space(part.path.parent, 0 if total is None else total - part.size_bytes)
    except DownloadError:
        if total is None or part.size_bytes > rules.most_bytes:
            part.remove()  # it was no model, or cannot be gone on with
        raise


def _refuse_size(name: str, size_bytes: int, rules: Rules) -> None:
    if size_bytes > rules.most_bytes:
        raise DownloadError(
            f"{name} has more than {_gb(rules.most_bytes)}, which no model needs. Is the address "
            "right?"
        )


def _check(part: _Part, total: int | None, expected: str) -> None:
    if total is not None and part.size_bytes != total:
        raise httpx.ReadError("the connection ended early")
    if expected and part.sha256.hexdigest() != expected:
        part.remove()
        raise DownloadError(
            f"{part.name} came damaged, or it is another file: its sha256 is "
            f"{part.sha256.hexdigest()}, not {expected}. Nothing was kept; try again."
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
def _open(
    url: str, headers: dict[str, str], rules: Rules
) -> Iterator[tuple[httpx.Response, dict[str, str]]]:
    """The last answer after all redirects, and what those said about the file ("sha256")."""
    said: dict[str, str] = {}
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
                said |= _says(response)
                if not response.has_redirect_location:
                    yield response, said
                    return
                following = at.join(response.headers["location"])
                if at.scheme == "https" and following.scheme == "http":
                    raise DownloadError(
                        f"{at.host} leads from a secure to an open connection. Not followed."
                    )
                at = following
            finally:
                response.close()
    raise DownloadError(f"{_host(url)} leads round in circles. Is the address right?")


def _says(response: httpx.Response) -> dict[str, str]:
    """The sha256, where a server of the Hugging Face kind tells it: in the entity tag of files
    kept apart from the repository."""
    linked = response.headers.get("x-linked-etag", "").strip('"').lower()
    return {"sha256": linked} if re.fullmatch(r"[0-9a-f]{64}", linked) else {}


def _refuse_status(response: httpx.Response, url: str) -> None:
    status = response.status_code
    if status in (200, 206):
        return
    code = response.headers.get("x-error-code", "")
    if code == "RepoNotFound" or status == 404:
        raise DownloadError(
            f"{_host(url)} has no such file or model ({status}). Check the spelling; a private "
            "one needs your token in the environment variable HF_TOKEN."
        )
    if status in (401, 403):
        raise DownloadError(
            f"{_host(url)} does not give this file to everybody ({status}). Accept its terms on "
            "its page, then set your access token in the environment variable HF_TOKEN."
        )
    if status == 429:
        raise DownloadError(f"{_host(url)} asks to wait ({status}). Try again in some minutes.")
    raise DownloadError(f"{_host(url)} answers with an error ({status}). Try again later.")


def _refuse_content(response: httpx.Response, name: str, rules: Rules) -> None:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        raise DownloadError(
            "This address gives a web page, not a model. Copy the address of the download itself; "
            "where a site asks for a login, its address needs the token that the site gives you."
        )
    if name.lower().endswith(PICKLES) and not rules.pickles:
        raise InvalidRequest(
            f"{name} may hold a program, so it is not fetched. Choose the .safetensors file of "
            "this model; on the command line --allow-pickle takes it all the same."
        )


def _refuse_head(chunk: bytes, name: str) -> None:
    """A file that pretends to be a safetensors file is not worth its gigabytes."""
    if not name.lower().endswith(".safetensors") or len(chunk) < 9:
        return
    if chunk[8:9] != b"{" or int.from_bytes(chunk[:8], "little") > 2**28:
        raise DownloadError(f"{name} is no safetensors file, whatever its name says.")


def _name(response: httpx.Response, url: str) -> str:
    message = Message()
    message["content-disposition"] = response.headers.get("content-disposition", "")
    named = message.get_filename()
    return named or unquote(PurePosixPath(httpx.URL(url).path).name) or "model.safetensors"


def _validator(response: httpx.Response) -> str:
    """What names this very version of the file: a strong entity tag, or else its date."""
    tag = response.headers.get("etag", "")
    return tag if tag.startswith('"') else response.headers.get("last-modified", "")


def _start(response: httpx.Response) -> int | None:
    match = re.match(r"bytes (\d+)-", response.headers.get("content-range", ""))
    return int(match[1]) if match else None


def _host(url: str) -> str:
    return httpx.URL(url).host


def _unreachable(url: str, part: _Part | None, error: Exception) -> str:
    if part and part.size_bytes:
        return (
            f"The connection to {_host(url)} was lost after {_gb(part.size_bytes)}. "
            "Start the download again: it goes on from there."
        )
    return (
        f"{_host(url)} cannot be reached ({str(error) or type(error).__name__}). "
        "Is this machine online? If it needs a proxy, set HTTPS_PROXY."
    )


def _gb(size_bytes: int) -> str:
    if size_bytes < 10**9:
        return f"{size_bytes / 10**6:.1f} MB"
    return f"{size_bytes / 10**9:.2f} GB"
