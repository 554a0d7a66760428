"""A disk that is full, read-only or gone: nothing that was submitted or drawn is lost for it."""

from __future__ import annotations

import time
from contextlib import contextmanager

from studio.domain.events import Finished
from studio.engine.fake import FakeEngine
from studio.families.stable_diffusion.family import PICTUREBOOK
from studio.gallery.files import Gallery
from studio.gallery.library import Library
from studio.jobs import worker
from studio.jobs.job import JobState
from studio.jobs.keeping import Keeping
from studio.jobs.queue import JobQueue
from studio.store.jobs import JobLedger
from studio.store.ledger import Ledger
from studio.store.pictures import PictureLedger
from studio.store.room import Room
from tests.jobs.test_durable import final, request, seeds_of


@contextmanager
def opened(folder, ledger=None):
    """(queue, gallery)."""
    ledger, gallery = ledger or Ledger(folder / "studio.db"), Gallery(folder / "outputs")
    library = Library(gallery, PictureLedger(ledger), folder / "thumbnails")
    queue = JobQueue(
        lambda: FakeEngine(0.005),
        lambda request, owner: request.settled("fake", PICTUREBOOK),
        Keeping(library.keep, gallery.picture, JobLedger(ledger), Room(gallery.folder)),
    )
    try:
        yield queue, gallery
    finally:
        queue.close()


def test_pictures_stay_at_hand_and_the_queue_goes_on_when_there_is_room(tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "ROOM_S", 0.05)
    with opened(tmp_path) as (queue, gallery):
        (tmp_path / "outputs").write_text("a file where the folder was")
        first, second = queue.submit(request(seed=1)), queue.submit(request(seed=2))
        event = final(first)
        [picture] = event.pictures
        assert isinstance(event, Finished) and "could not be saved" in picture.warnings[-1]
        assert gallery.bytes(picture.id).startswith(b"\x89PNG")
        time.sleep(0.3)
        assert second.state is JobState.QUEUED
        assert "outputs cannot be written" in queue.trouble and "jobs that wait" in queue.trouble
        queue.cancel(queue.submit(request(seed=3)).id)
        (tmp_path / "outputs").unlink()
        assert isinstance(final(second), Finished)
        assert queue.trouble is None
    assert seeds_of(tmp_path) == {2: 1}


def test_a_held_queue_closes_at_once_and_its_jobs_are_there_after_it(tmp_path):
    with opened(tmp_path) as (queue, _):
        (tmp_path / "outputs").write_text("")
        final(queue.submit(request(seed=1)))
        queue.submit(request(seed=2))
    (tmp_path / "outputs").unlink()
    with opened(tmp_path) as (queue, _):
        [job] = queue.to_do() or queue.jobs()
        assert isinstance(final(job), Finished) and job.request.seed == 2


def test_a_queue_that_lasts_as_long_as_the_process_is_never_held(tmp_path):
    (tmp_path / "outputs").write_text("")
    with opened(tmp_path, Ledger(None)) as (queue, _):
        for seed in (1, 2):
            assert isinstance(final(queue.submit(request(seed=seed))), Finished)


def test_a_ledger_that_takes_nothing_for_a_while_knows_all_of_it_afterwards(tmp_path):
    ledger = Ledger(tmp_path / "studio.db")
    with opened(tmp_path, ledger) as (queue, _):
        before = queue.submit(request(seed=1))
        final(before)
        queue.pause()
        waiting = queue.submit(request(seed=2), owner="ann")
        ledger.rows("PRAGMA query_only = ON")
        meanwhile = queue.submit(request(seed=3), "key", owner="bo")
        again = queue.submit(request(seed=4), "key", owner="bo")
        queue.resume()
        assert all(isinstance(final(job), Finished) for job in (waiting, meanwhile, again))
        assert "cannot be written" in ledger.trouble
        queue.delete(before.id)
        ledger.rows("PRAGMA query_only = OFF")
        last = queue.submit(request(seed=5))
        assert isinstance(final(last), Finished)
        assert ledger.trouble is None
    jobs = {row["id"]: row["state"] for row in ledger.rows("SELECT id, state FROM jobs")}
    assert jobs == dict.fromkeys((waiting.id, meanwhile.id, last.id), "finished")
    ledger.close()
    with opened(tmp_path) as (queue, _):
        assert queue.to_do() == [], "nothing is drawn a second time"
