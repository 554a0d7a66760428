"""How far a caller's call is: `progress`, `/internal/progress`."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from typing import Any

from studio.api.sdapi.acts import Act, Acts
from studio.api.sdapi.payloads import ProgressBody
from studio.domain.events import Loading, Preview, Progress, Queued
from studio.jobs.job import Job, JobState

_BEGUN = 0.01
"""What there is as soon as there is anything."""


@dataclass(frozen=True)
class Stand:
    """Of a call. `share` 0 to 1; `step` of `steps` of the job at work; `text` for people."""

    share: float
    left_s: float
    step: int
    steps: int
    text: str | None
    job: Job | None


def stand(act: Act) -> Stand:
    job = act.job
    done = job.events.newest(Progress) if job else None
    step, steps = (done.step, done.total) if done else (0, job.request.steps if job else 0)
    count = max(1, act.job_count)
    share = min(1.0, _BEGUN + (act.job_number + (step / steps if steps else 0)) / count)
    spent_s = time.monotonic() - act.began_s if act.began_s else 0.0
    left_s = spent_s / share - spent_s if step or act.job_number else 0.0
    return Stand(share, left_s, step, steps, _text(job), job)


def _text(job: Job | None) -> str | None:
    if job is None:
        return None
    if job.state is JobState.QUEUED:
        queued = job.events.newest(Queued)
        return f"In queue: {queued.position + 1}" if queued else "Waiting..."
    loading = job.events.newest(Loading)
    if job.state is JobState.LOADING and loading:
        return f"{loading.stage}: {loading.fraction:.0%}"
    return None


def progress(
    acts: Acts, account: str, with_image: bool, loading: str | None = None
) -> dict[str, Any]:
    """Of the call that is under way for `account`; else of its checkpoint, which is `loading`."""
    act = acts.now(account)
    if act is None and loading:
        state = _state(None, None) | {"job": f"Loading {loading}", "job_count": -1}
        return _answer(_BEGUN, 0.0, state, None, f"Loading {loading}")
    if act is None:
        return _answer(0.0, 0.0, _state(None, None), None, None)
    now = stand(act)
    return _answer(now.share, now.left_s, _state(act, now), _image(now.job, with_image), now.text)


def _answer(
    share: float, left_s: float, state: dict[str, Any], image: bytes | None, text: str | None
) -> dict[str, Any]:
    return {
        "progress": share,
        "eta_relative": left_s,
        "state": state,
        "current_image": base64.b64encode(image).decode() if image else None,
        "textinfo": text,
    }


def _state(act: Act | None, now: Stand | None) -> dict[str, Any]:
    return {
        "skipped": bool(act and act.skipped),
        "interrupted": bool(act and act.interrupted),
        "stopping_generation": bool(act and act.interrupted),
        "job": act.id if act else "",
        "job_count": act.job_count if act else 0,
        "job_timestamp": act.came.strftime("%Y%m%d%H%M%S") if act else "0",
        "job_no": act.job_number if act else 0,
        "sampling_step": now.step if now else 0,
        "sampling_steps": now.steps if now else 0,
    }


def _image(job: Job | None, wanted: bool) -> bytes | None:
    """The newest preview, a JPEG; asked for, others are made."""
    if job is None or not wanted:
        return None
    job.watched()
    newest = job.events.newest(Preview)
    return newest.jpeg if newest else None


def of_task(body: ProgressBody, acts: Acts, account: str) -> dict[str, Any]:
    """Of the call that its caller gave the id."""
    act = acts.find(body.id_task, account)
    told: dict[str, Any] = {
        "active": False,
        "queued": False,
        "completed": bool(act and act.ended),
        "progress": None,
        "eta": None,
        "live_preview": None,
        "id_live_preview": body.id_live_preview,
        "textinfo": None,
    }
    if act is None or act.ended:
        return told
    now = stand(act)
    waits = act.began_s is None or bool(now.job and now.job.state is JobState.QUEUED)
    text = now.text or ("Waiting..." if waits else None)
    told |= {"active": not waits, "queued": waits, "textinfo": text}
    if waits:
        return told
    told |= {"progress": now.share, "eta": now.left_s}
    image = _image(now.job, body.live_preview)
    if image and now.step != body.id_live_preview:
        told["live_preview"] = "data:image/jpeg;base64," + base64.b64encode(image).decode()
        told["id_live_preview"] = now.step
    return told


def pending(acts: Acts, account: str) -> dict[str, Any]:
    """The calls of `account`."""
    ids = [act.id for act in acts.waiting(account)]
    return {"size": len(ids), "tasks": ids}
