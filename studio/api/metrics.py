"""Figures in Prometheus' text form."""

from __future__ import annotations

from collections import Counter

from studio.domain.events import Finished
from studio.gallery.files import Gallery
from studio.jobs.job import JobState
from studio.jobs.queue import JobQueue


def prometheus_text(queue: JobQueue, gallery: Gallery) -> str:
    """The queue's length, remembered jobs by state, their seconds, and pictures since the start."""
    jobs = queue.jobs()
    states = Counter(job.state for job in jobs)
    runs = [job.events.newest(Finished) for job in jobs]
    lines = [
        *_family("studio_queue_length", "gauge", "Jobs that wait or run."),
        f"studio_queue_length {queue.waiting}",
        *_family("studio_jobs", "gauge", "Remembered jobs by state."),
        *(f'studio_jobs{{state="{state.value}"}} {states[state]}' for state in JobState),
        *_family("studio_run_seconds", "gauge", "Seconds the remembered finished jobs took."),
        f"studio_run_seconds {sum(run.elapsed_s for run in runs if run):.3f}",
        *_family("studio_pictures_total", "counter", "Pictures kept since the start."),
        f"studio_pictures_total {gallery.kept}",
    ]
    return "\n".join(lines) + "\n"


def _family(name: str, kind: str, help: str) -> tuple[str, str]:
    return f"# HELP {name} {help}", f"# TYPE {name} {kind}"
