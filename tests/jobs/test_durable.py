"""What was submitted is kept: through a restart, a graceful end, a kill at any moment."""

from __future__ import annotations

import collections
import random
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.belongings import open_library
from studio.domain.errors import NotFound
from studio.domain.events import Cancelled, Finished, Progress, Queued
from studio.domain.request import GenerationRequest
from studio.engine.fake import FakeEngine
from studio.families.stable_diffusion.family import PICTUREBOOK
from studio.gallery.files import Gallery
from studio.gallery.library import Library
from studio.jobs.job import JobState
from studio.jobs.keeping import Keeping
from studio.jobs.queue import JobQueue
from studio.settings import Settings
from studio.store.finding import Filters
from studio.store.jobs import JobLedger
from studio.store.ledger import Ledger
from studio.store.pictures import PictureLedger

COUNT = 50
OWNERS = ("ann", "guest:one", "guest:local")


def opened(folder, engine=None) -> JobQueue:
    gallery = Gallery(folder / "outputs")
    gallery.clear()
    ledger = Ledger(folder / "studio.db")
    library = Library(gallery, PictureLedger(ledger), folder / "thumbnails")
    return JobQueue(
        lambda: engine or FakeEngine(),
        lambda request, owner: request.settled("fake", PICTUREBOOK),
        Keeping(library.keep, gallery.picture, JobLedger(ledger)),
    )


def request(**fields) -> GenerationRequest:
    return GenerationRequest(**{"width": 64, "height": 64, "steps": 2, "seed": 1} | fields)


def final(job):
    return [event for _, event in job.events.follow()][-1]


def seeds_of(folder) -> collections.Counter:
    """Of the pictures on disk, all of which can be read."""
    found = collections.Counter()
    for path in (folder / "outputs").glob("*/*.png"):
        with Image.open(path) as image:
            image.load()
        found[int(path.stem.rpartition("-")[2])] += 1
    return found


def test_after_a_graceful_end_what_waited_waits_in_order_and_what_ran_starts_again(tmp_path):
    queue = opened(tmp_path, FakeEngine(0.02))
    jobs = [queue.submit(request(seed=seed, steps=150 if seed == 1 else 2)) for seed in (1, 2, 3)]
    while jobs[0].state is not JobState.RUNNING:
        time.sleep(0.005)
    assert queue.close()
    assert not seeds_of(tmp_path), "a picture that will be drawn is not left half-drawn"
    order, engine = [], FakeEngine()
    again = opened(tmp_path, engine)
    assert [job.id for job in again.jobs()] == [job.id for job in jobs]
    for job in again.jobs():
        job.events.follow()
        order.append(final(job).pictures[0].seed)
    assert order == [1, 2, 3]
    assert [job.request for job in again.jobs()] == [job.request for job in jobs]
    assert seeds_of(tmp_path) == {1: 1, 2: 1, 3: 1}
    again.close()


def test_how_a_job_ended_is_known_after_a_restart(tmp_path):
    queue = opened(tmp_path, FakeEngine(fail_on="dragon"))
    drawn = queue.submit(request(seed=5, batch_size=2))
    failed = queue.submit(request(prompt="dragon"))
    before = final(drawn), final(failed)
    slow = queue.submit(request(steps=150))
    waiting = queue.submit(request())
    queue.cancel(waiting.id)
    queue.close()
    again = opened(tmp_path)
    found = again.get(drawn.id)
    assert (found.state, found.created_s) == (JobState.FINISHED, drawn.created_s)
    event = final(found)
    assert [(p.id, p.seed, p.infotext) for p in event.pictures] == [
        (p.id, p.seed, p.infotext) for p in before[0].pictures
    ]
    assert [p.image.tobytes() for p in event.pictures] == [
        p.image.tobytes() for p in before[0].pictures
    ]
    assert final(again.get(failed.id)) == before[1]
    assert final(again.get(waiting.id)) == Cancelled(())
    assert isinstance(final(again.get(slow.id)), Finished)
    again.delete(drawn.id)
    with pytest.raises(NotFound):
        again.get(drawn.id)
    assert seeds_of(tmp_path)[5] == 1, "its pictures stay"
    again.close()


def test_pictures_that_were_stored_but_not_told_are_told_and_not_drawn_again(tmp_path):
    queue = opened(tmp_path)
    whole = queue.submit(request(seed=1))
    half = queue.submit(request(seed=10, batch_size=3))
    first, second = final(whole), final(half)
    queue.close()
    ledger = Ledger(tmp_path / "studio.db")
    with ledger.writing() as connection:  # as if the process had ended before it said so
        connection.execute("UPDATE jobs SET state = 'running'")
        connection.execute("DELETE FROM pictures WHERE number > 1")
    ledger.close()
    second.pictures[2].path.unlink()
    engine = FakeEngine()
    again = opened(tmp_path, engine)
    told = final(again.get(whole.id))
    assert [p.id for p in told.pictures] == [p.id for p in first.pictures]
    told = final(again.get(half.id))
    assert [p.id for p in told.pictures[:2]] == [p.id for p in second.pictures[:2]]
    assert engine.steps_done == half.request.steps
    assert seeds_of(tmp_path) == {1: 1, 10: 1, 11: 1, 12: 1}
    again.close()


def test_the_same_key_gives_the_same_job_before_and_after_a_restart(tmp_path):
    queue = opened(tmp_path)
    first = queue.submit(request(seed=1), "mine")
    assert queue.submit(request(seed=2), "mine") is first
    other = queue.submit(request(seed=3), "other")
    final(first), final(other)
    queue.close()
    again = opened(tmp_path)
    assert again.submit(request(seed=4), "mine").id == first.id
    assert again.submit(request(seed=4)).id != first.id
    again.close()


def test_a_request_that_is_no_longer_understood_keeps_none_of_the_others_waiting(tmp_path):
    queue = opened(tmp_path, FakeEngine(0.02))
    first = queue.submit(request(steps=150))
    job = queue.submit(request())
    queue.close()
    ledger = Ledger(tmp_path / "studio.db")
    with ledger.writing() as connection:
        connection.execute(
            "UPDATE jobs SET request = replace(request, 'scheduler', 'sampler') WHERE id = ?",
            (job.id,),
        )
    ledger.close()
    again = opened(tmp_path)
    with pytest.raises(NotFound, match="another version .* sampler"):
        again.get(job.id)
    assert isinstance(final(again.get(first.id)), Finished)
    assert again.waiting == 0
    again.close()


SERVE = textwrap.dedent(
    f"""
    import sys
    from pathlib import Path
    from studio.engine.fake import FakeEngine
    from tests.jobs.test_durable import COUNT, OWNERS, final, opened, request

    queue = opened(Path(sys.argv[1]), FakeEngine(0.002))
    jobs = [
        queue.submit(request(seed=100 + 2 * n, batch_size=1 + n % 2), f"key {{n}}", OWNERS[n % 3])
        for n in range({COUNT})
    ]
    print("submitted", flush=True)
    for job in jobs:
        final(job)
    """
)


@pytest.mark.parametrize("kills", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_any_moment_nothing_is_lost_doubled_broken_or_left(tmp_path, kills):
    chance = random.Random(kills)
    for _ in range(kills):
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        process.stdout.readline()
        time.sleep(chance.uniform(0, 0.12))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    queue = opened(tmp_path)
    jobs = [queue.submit(request(seed=0), f"key {n}", OWNERS[n % 3]) for n in range(COUNT)]
    assert [job.owner for job in jobs] == [OWNERS[n % 3] for n in range(COUNT)]
    assert all(isinstance(final(job), Finished) for job in jobs)
    assert [len(final(job).pictures) for job in jobs] == [1 + n % 2 for n in range(COUNT)]
    queue.close()
    expected = [100 + 2 * n + k for n in range(COUNT) for k in range(1 + n % 2)]
    assert seeds_of(tmp_path) == dict.fromkeys(expected, 1)
    assert not list((tmp_path / "outputs").glob("*/.*.part"))
    library = open_library(Settings(data_dir=tmp_path), Ledger(tmp_path / "studio.db"))
    library.take_in(time.time_ns() // 1000)
    page = library.page(Filters(), 100)
    assert collections.Counter(row.seed for row in page.rows) == dict.fromkeys(expected, 1)
    assert {row.job for row in page.rows} == {job.id for job in jobs}


def test_the_order_that_was_given_to_jobs_that_wait_outlasts_a_restart(tmp_path):
    queue = opened(tmp_path, FakeEngine(0.02))
    queue.pause()
    first, second, third = (queue.submit(request(seed=seed)) for seed in (1, 2, 3))
    queue.move(third.id, 0)
    queue.move(first.id, 99)
    assert [job.events.newest(Queued).position for job in (third, second, first)] == [0, 1, 2]
    queue.close()
    again = opened(tmp_path)
    assert again.paused, "so does the pause"
    again.resume()
    waited = [third.id, second.id, first.id]
    jobs = {job.id: job for job in again.jobs()}
    assert [final(jobs[id]).pictures[0].seed for id in waited] == [3, 2, 1]
    numbers = [int(final(jobs[id]).pictures[0].path.stem.split("-")[0]) for id in waited]
    assert numbers == sorted(numbers)
    again.close()


def test_after_a_restart_each_accounts_jobs_wait_in_its_order_and_what_ran_is_first(tmp_path):
    queue = opened(tmp_path, FakeEngine(0.02))
    running = queue.submit(request(seed=9, steps=150), owner="bo")
    while running.state is not JobState.RUNNING:
        time.sleep(0.005)
    anns = [queue.submit(request(seed=n), owner="ann") for n in range(3)]
    bos = [queue.submit(request(seed=10 + n), owner="bo") for n in range(3)]
    queue.move(bos[2].id, 0)
    queue.move(anns[2].id, 0)
    queue.pause()
    queue.close()
    again = opened(tmp_path)
    order = [job.request.seed for job in again.to_do()]
    assert order[0] == 9
    assert [seed for seed in order if seed < 9] == [2, 0, 1]
    assert [seed for seed in order if seed > 9] == [12, 10, 11]
    assert order[1] == 2, "what ran is its owner's turn"
    again.close()


def test_a_job_that_is_deleted_while_it_runs_leaves_its_picture(tmp_path):
    queue = opened(tmp_path, FakeEngine(0.02))
    job = queue.submit(request(seed=4, steps=150))
    while not job.events.newest(Progress):
        time.sleep(0.005)
    queue.delete(job.id)
    event = final(job)
    assert isinstance(event, Cancelled) and event.pictures[0].partial
    assert seeds_of(tmp_path) == {4: 1}
    queue.close()


@pytest.mark.parametrize("damage", ["not a picture", "settings of nobody", "chunks of others"])
def test_a_stored_picture_that_was_damaged_stops_no_queue(tmp_path, damage):
    queue = opened(tmp_path)
    job = queue.submit(request(seed=1))
    path = final(job).pictures[0].path
    queue.close()
    ledger = Ledger(tmp_path / "studio.db")
    with ledger.writing() as connection:
        connection.execute("UPDATE jobs SET state = 'running'")
    ledger.close()
    texts = PngInfo()
    if damage == "chunks of others":
        texts.add_text("studio", job.request.model_dump_json())
        texts.add_text("studio-warnings", "{")
        texts.add_text("outside_mask_max_difference", "none")
    Image.new("RGB", (64, 64)).save(path, pnginfo=texts)
    if damage == "not a picture":
        path.write_bytes(b"what is this?")
    again = opened(tmp_path)
    assert isinstance(final(again.get(job.id)), Finished)
    assert isinstance(final(again.submit(request(seed=2))), Finished)
    again.close()
