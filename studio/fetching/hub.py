"""Models from elsewhere: a Hugging Face repository, a file of one, or any web address.

Plain HTTP and no Hub library: the studio sets HF_HUB_OFFLINE=1 for everything else in the process,
and a download that a user asked for is the one exception. HF_ENDPOINT names another server of the
same kind (a mirror), HF_TOKEN a user's access token.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote

import httpx

from studio.domain.errors import DownloadError, InvalidRequest
from studio.fetching.addresses import origin
from studio.fetching.answers import PICKLES
from studio.fetching.fetch import (
    Progress,
    Rules,
    check_space,
    fetch,
    get_json,
    put_in_place,
    safe_name,
)

PUBLIC_ENDPOINT = "https://huggingface.co"
_REPO = r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}"
_TEXT_FILES = (".json", ".txt", ".model")
_PARTS = (
    "unet",
    "transformer",
    "vae",
    "text_encoder",
    "text_encoder_2",
    "tokenizer",
    "tokenizer_2",
    "scheduler",
)
"""What of a diffusers folder is used here."""
_GENERIC = ("diffusion_pytorch_model", "model", "pytorch_lora_weights", "learned_embeds")
"""File names that say nothing; the repository's is taken instead."""


@dataclass(frozen=True)
class Source:
    """Where a model comes from: `url`, or a repository with a file in it ("" for all of it)."""

    url: str = ""
    repo: str = ""
    revision: str = "main"
    file: str = ""

    @property
    def shown(self) -> str:
        """For people; without the query of an address, which may hold a secret."""
        if self.url:
            return self.url.partition("?")[0]
        return f"{self.repo}/{self.file}" if self.file else self.repo


def endpoint(environment: Mapping[str, str] = os.environ) -> str:
    """The server that repositories come from, without a slash at its end."""
    return environment.get("HF_ENDPOINT", "").strip().rstrip("/") or PUBLIC_ENDPOINT


def parse(source: str, file: str | None = None) -> Source:
    """What the user means by `source`: "owner/name", "owner/name@revision",
    "owner/name/folder/file.safetensors", the address of such a page, or any other web address.

    Raises `InvalidRequest`.
    """
    source = source.strip()
    if re.match(r"https?://", source, re.IGNORECASE):
        return _parse_address(source, file)
    match = re.fullmatch(rf"({_REPO})(?:@([\w./-]+?))?(?:/(.+))?", source)
    if match is None or ".." in source:
        raise InvalidRequest(
            f"{source[:80]!r} is neither a web address (https://…) nor a Hugging Face repository, "
            "which is written owner/name or owner/name/file.safetensors."
        )
    repo, revision, inside = match.groups()
    return Source(repo=repo, revision=revision or "main", file=_inside(file or inside or ""))


def download(
    source: str,
    folder: Path,
    report: Callable[[Progress], None] = lambda _: None,
    *,
    file: str | None = None,
    sha256: str | None = None,
    pickles: bool = False,
    guarded: bool = False,
) -> Path:
    """Bring `source` (see `parse`) into `folder` and return the file or the diffusers folder.

    report   called with the progress; raises `fetch.Stopped` to end the download
    sha256   what the file must be; for a repository's files the server says it
    pickles  take .ckpt and the like, which may hold programs
    guarded  connect to public addresses and the endpoint only

    What a download that was stopped or broke off has fetched is used by the next one. Raises
    `InvalidRequest`, `DownloadError`, or what `report` raises.
    """
    wanted = parse(source, file)
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise InvalidRequest("it must be 64 digits and letters from a to f.", "sha256")
    rules = Rules(
        report=report,
        guarded=guarded,
        trusted=origin(endpoint()),
        token=os.environ.get("HF_TOKEN", "").strip() or None,
        pickles=pickles,
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if wanted.url:
            return fetch(wanted.url, folder, rules, sha256=sha256)
        if wanted.file:
            return _one_file(wanted, folder, rules, sha256)
        return _whole(wanted, folder, rules, sha256)
    except httpx.InvalidURL as error:
        raise InvalidRequest(f"{wanted.shown[:80]!r} is no web address: {error}.") from None
    except OSError as error:
        cause = error.strerror or str(error)
        raise DownloadError(f"{folder} cannot be written: {cause}.") from None


def _parse_address(source: str, file: str | None) -> Source:
    base = endpoint()
    if not source.startswith(f"{base}/"):
        return Source(url=source)
    path = unquote(source.removeprefix(f"{base}/").partition("?")[0]).strip("/")
    match = re.fullmatch(rf"({_REPO})(?:/(?:blob|resolve|tree)/([^/]+)(?:/(.+))?)?", path)
    if match is None or ".." in path:
        return Source(url=source)
    repo, revision, inside = match.groups()
    return Source(repo=repo, revision=revision or "main", file=_inside(file or inside or ""))


def _inside(file: str) -> str:
    if ".." in PurePosixPath(file).parts or file.startswith("/"):
        raise InvalidRequest(f"{file[:80]!r} is no file of a repository.")
    return file


def _address(wanted: Source, file: str) -> str:
    revision = quote(wanted.revision, safe="")
    return f"{endpoint()}/{wanted.repo}/resolve/{revision}/{quote(file)}"


def _one_file(wanted: Source, folder: Path, rules: Rules, sha256: str | None) -> Path:
    path = PurePosixPath(wanted.file)
    name = path.name
    if path.stem.partition(".")[0] in _GENERIC:
        parts = [wanted.repo.partition("/")[2], *path.parts[:-1]]
        name = "-".join(parts) + path.suffix
    return fetch(_address(wanted, wanted.file), folder, rules, name=name, sha256=sha256)


@dataclass(frozen=True)
class _Listed:
    path: str
    size_bytes: int
    sha256: str | None


def _listing(wanted: Source, rules: Rules) -> list[_Listed]:
    revision = quote(wanted.revision, safe="")
    url = f"{endpoint()}/api/models/{wanted.repo}/revision/{revision}?blobs=true"
    answer = get_json(url, rules)
    try:
        return [
            _Listed(
                path=_inside(str(one["rfilename"])),
                size_bytes=int(one.get("size") or 0),
                sha256=(one.get("lfs") or {}).get("sha256"),
            )
            for one in answer["siblings"]
        ]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise DownloadError(f"{wanted.repo}: the list of its files cannot be read.") from None


def _whole(wanted: Source, folder: Path, rules: Rules, sha256: str | None) -> Path:
    """A diffusers repository as a folder; of others the one file that can be meant."""
    listed = _listing(wanted, rules)
    if any(one.path == "model_index.json" for one in listed):
        if sha256:
            raise InvalidRequest("give it for a single file, not for a whole repository.", "sha256")
        return _folder(wanted, folder, rules, _needed(listed))
    suffixes = (".safetensors", *PICKLES) if rules.pickles else (".safetensors",)
    files = [one.path for one in listed if one.path.endswith(suffixes)]
    if len(files) != 1:
        offer = ", ".join(sorted(files)[:12]) or "none in the safetensors format"
        raise InvalidRequest(
            f"{wanted.repo} is no diffusers folder. Name one of its files: {offer}."
        )
    return _one_file(replace(wanted, file=files[0]), folder, rules, sha256)


def _needed(listed: list[_Listed]) -> list[_Listed]:
    """Of a diffusers repository: configs, tokenizers, and of each part's weights one precision,
    in safetensors. Raises `InvalidRequest` if a part has none."""
    needed = [one for one in listed if one.path == "model_index.json"]
    for part in _PARTS:
        files = [one for one in listed if one.path.rpartition("/")[0] == part]
        precisions: dict[str, list[_Listed]] = {}
        for one in files:
            if one.path.endswith((".safetensors", ".safetensors.index.json")):
                precisions.setdefault(_precision(one.path), []).append(one)
            elif one.path.endswith(_TEXT_FILES) and not one.path.endswith(".index.json"):
                needed.append(one)
        if precisions:
            best = "" if "" in precisions else "fp16" if "fp16" in precisions else min(precisions)
            needed += precisions[best]
        elif any(one.path.endswith(PICKLES) for one in files):
            raise InvalidRequest(
                f"Its {part} is there as a pickle only, which may hold a program. Look for a "
                "repository of this model in the safetensors format."
            )
    return needed


def _precision(name: str) -> str:
    """ "fp16" of "model.fp16-00001-of-00002.safetensors"; "" where the name says none."""
    middle = name.removesuffix(".index.json").removesuffix(".safetensors").split(".")[1:]
    return re.sub(r"-\d+-of-\d+$", "", ".".join(middle))


def _folder(wanted: Source, folder: Path, rules: Rules, needed: list[_Listed]) -> Path:
    target = folder / safe_name(wanted.repo.partition("/")[2])
    if target.exists():
        raise InvalidRequest(f"{target} is there already. Remove or rename it first.")
    key = hashlib.sha256(f"{endpoint()} {wanted.repo}@{wanted.revision}".encode()).hexdigest()[:16]
    coming = folder / f".download-{key}"
    coming.mkdir(exist_ok=True)
    check_space(folder, sum(one.size_bytes for one in _missing(needed, coming)))
    total = sum(one.size_bytes for one in needed)
    done = 0
    for one in needed:
        place = coming / one.path
        if not _is_whole(place, one):
            place.unlink(missing_ok=True)

            def report(now: Progress, before: int = done) -> None:
                done_bytes = before + now.done_bytes
                rules.report(
                    replace(now, done_bytes=done_bytes, total_bytes=max(total, done_bytes))
                )

            fetch(
                _address(wanted, one.path),
                place.parent,
                replace(rules, report=report),
                name=place.name,
                sha256=one.sha256,
            )
        done += one.size_bytes
    _check_index(coming)
    for left in coming.rglob(".download-*"):
        left.unlink()
    put_in_place(coming, target)
    return target


def _missing(needed: list[_Listed], coming: Path) -> Iterator[_Listed]:
    return (one for one in needed if not _is_whole(coming / one.path, one))


def _is_whole(place: Path, one: _Listed) -> bool:
    """A file of an earlier try: it was checked before it got its name."""
    return place.is_file() and place.stat().st_size == one.size_bytes


def _check_index(coming: Path) -> None:
    try:
        json.loads((coming / "model_index.json").read_bytes())
    except ValueError:
        shutil.rmtree(coming)
        raise DownloadError("The repository's model_index.json is damaged.") from None
