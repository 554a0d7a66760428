"""The event stream: late, slow and many readers."""

from __future__ import annotations

import asyncio
import threading
import time
import tracemalloc

from studio.domain.events import Cancelled, Finished, Preview, Progress, Queued, Started
from studio.jobs.stream import EventStream
from tests.loops import in_a_loop


def test_a_late_reader_gets_the_newest_of_each_kind_in_order():
    stream = EventStream()
    for event in (Queued(2), Queued(0), Started(), Progress(1, 9, None), Progress(2, 9, 1.0)):
        stream.publish(event)
    assert stream.since() == [(2, Queued(0)), (3, Started()), (5, Progress(2, 9, 1.0))]
    assert stream.since(3) == [(5, Progress(2, 9, 1.0))]
    assert stream.newest(Queued) == Queued(0)
    assert stream.newest(Preview) is None


def test_it_ends_once():
    stream = EventStream()
    stream.publish(Cancelled(()))
    stream.publish(Finished((), 1.0))
    assert stream.closed
    assert [event for _, event in stream.follow()] == [Cancelled(())]


def test_a_slow_reader_skips_stale_previews_and_memory_stays_small():
    stream = EventStream()
    seen = []

    def read_slowly():
        for number, event in stream.follow():
            seen.append((number, event))
            time.sleep(0.02)

    reader = threading.Thread(target=read_slowly)
    tracemalloc.start()
    reader.start()
    for step in range(1, 2001):
        stream.publish(Preview(step, bytes(100_000)))
    stream.publish(Finished((), 1.0))
    reader.join(5)
    held_bytes, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not reader.is_alive()
    assert seen[-1] == (2001, Finished((), 1.0))
    assert seen[-2][1].step == 2000  # the newest preview is never the one that is skipped
    assert len(seen) < 200
    assert peak_bytes < 200 * 100_000 / 2  # 2,000 were published: 200 MB


def test_threads_and_asyncio_read_side_by_side():
    stream = EventStream()
    in_thread = []
    thread = threading.Thread(target=lambda: in_thread.extend(stream.follow()))

    async def read():
        after, seen = 0, []
        while not any(isinstance(event, Finished) for _, event in seen):
            news = await stream.wait(after, 5)
            assert news
            seen += news
            after = news[-1][0]
        return seen

    async def both():
        reading = [asyncio.create_task(read()) for _ in range(3)]
        await asyncio.sleep(0.01)
        for event in (Started(), Progress(1, 1, None), Finished((), 0.1)):
            await asyncio.to_thread(stream.publish, event)
        return await asyncio.gather(*reading)

    thread.start()
    for seen in (*in_a_loop(both()), in_thread):
        thread.join(5)
        assert seen[-1] == (3, Finished((), 0.1))
        assert [number for number, _ in seen] == sorted({number for number, _ in seen})


def test_waiting_ends_after_the_time_given_and_at_once_when_closed():
    stream = EventStream()
    assert in_a_loop(stream.wait(0, 0.1)) == []
    stream.publish(Finished((), 0.1))
    assert in_a_loop(asyncio.wait_for(stream.wait(1, 3600), 30)) == []


def test_a_reader_whose_loop_has_ended_does_not_stop_the_writer():
    stream = EventStream()

    async def leave_early():
        asyncio.create_task(stream.wait(0, 60))
        await asyncio.sleep(0.01)

    in_a_loop(leave_early())
    stream.publish(Started())
    assert stream.newest(Started)


def test_a_reader_from_before_a_restart_hears_all_of_it():
    stream = EventStream(begun=40)
    stream.publish(Queued(1))
    stream.publish(Started())
    assert [number for number, _ in stream.since(9)] == [41, 42]
