"""What a web server's answer says of the file that it brings, and which answers bring none."""

from __future__ import annotations

import re
from email.message import Message
from pathlib import PurePosixPath
from urllib.parse import unquote

import httpx

from studio.domain.errors import DownloadError, InvalidRequest

PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
"""Endings of files that may hold programs."""


def refuse_status(response: httpx.Response, url: str) -> None:
    """Raises `DownloadError` unless the answer brings the file, or the rest of it."""
    status = response.status_code
    if status in (200, 206):
        return
    code = response.headers.get("x-error-code", "")
    if code == "RepoNotFound" or status == 404:
        raise DownloadError(
            f"{host(url)} has no such file or model ({status}). Check the spelling; a private "
            "one needs your token in the environment variable HF_TOKEN."
        )
    if status in (401, 403):
        raise DownloadError(
            f"{host(url)} does not give this file to everybody ({status}). Accept its terms on "
            "its page, then set your access token in the environment variable HF_TOKEN."
        )
    if status == 429:
        raise DownloadError(f"{host(url)} asks to wait ({status}). Try again in some minutes.")
    raise DownloadError(f"{host(url)} answers with an error ({status}). Try again later.")


def refuse_content(response: httpx.Response, name: str, pickles: bool) -> None:
    """Raises `DownloadError` for a web page, `InvalidRequest` for what may hold a program unless
    `pickles` are allowed."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        raise DownloadError(
            "This address gives a web page, not a model. Copy the address of the download itself; "
            "where a site asks for a login, its address needs the token that the site gives you."
        )
    if name.lower().endswith(PICKLES) and not pickles:
        raise InvalidRequest(
            f"{name} may hold a program, so it is not fetched. Choose the .safetensors file of "
            "this model; on the command line --allow-pickle takes it all the same."
        )


def refuse_head(chunk: bytes, name: str) -> None:
    """A file that pretends to be a safetensors file is not worth its gigabytes: raises
    `DownloadError`. `chunk` is how it begins."""
    if not name.lower().endswith(".safetensors") or len(chunk) < 9:
        return
    if chunk[8:9] != b"{" or int.from_bytes(chunk[:8], "little") > 2**28:
        raise DownloadError(f"{name} is no safetensors file, whatever its name says.")


def linked_sha256(response: httpx.Response) -> str:
    """The file's sha256, where a server of the Hugging Face kind tells it, in the entity tag of
    files kept apart from the repository; else ""."""
    linked = response.headers.get("x-linked-etag", "").strip('"').lower()
    return linked if re.fullmatch(r"[0-9a-f]{64}", linked) else ""


def file_name(response: httpx.Response, url: str) -> str:
    """As the server calls it, else as the address ends."""
    message = Message()
    message["content-disposition"] = response.headers.get("content-disposition", "")
    named = message.get_filename()
    return named or unquote(PurePosixPath(httpx.URL(url).path).name) or "model.safetensors"


def validator(response: httpx.Response) -> str:
    """What names this very version of the file: a strong entity tag, or else its date."""
    tag = response.headers.get("etag", "")
    return tag if tag.startswith('"') else response.headers.get("last-modified", "")


def first_byte(response: httpx.Response) -> int | None:
    """Where in the file the answer begins; None: it does not say."""
    match = re.match(r"bytes (\d+)-", response.headers.get("content-range", ""))
    return int(match[1]) if match else None


def host(url: str) -> str:
    return httpx.URL(url).host


def size_text(size_bytes: int) -> str:
    """In MB or GB, for messages."""
    if size_bytes < 10**9:
        return f"{size_bytes / 10**6:.1f} MB"
    return f"{size_bytes / 10**9:.2f} GB"
