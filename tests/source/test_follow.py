"""A tail followed asynchronously."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.source.scene import Scene
from tinylogbert_daemon.source.block import Block, FileKey, Position
from tinylogbert_daemon.source.follow import REST_SECONDS, follow

NEVER = 3600.0


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def block(number: int) -> Block:
    position = Position(FileKey(1, 1, b""), number, number, b"")
    return Block("app", "/app.log", b"%d\n" % number, number, 1, position)


class Given:
    """Gives what it is told to, and lets a test see and hold the reads."""

    def __init__(self, *results: Block | Exception | None) -> None:
        self.results = list(results)
        self.at_once: list[Block | None] = []
        self.reads = 0
        self.may_end = threading.Event()
        self.may_end.set()
        self.begun = threading.Event()

    def read(self) -> Block | None:
        self.reads += 1
        self.begun.set()
        assert self.may_end.wait(10.0)
        result = self.results.pop(0) if self.results else None
        if isinstance(result, Exception):
            raise result
        return result

    def read_at_once(self) -> Block | None:
        return self.at_once.pop(0) if self.at_once else None


async def take(stream: AsyncGenerator[Block, None], count: int) -> list[Block]:
    return [await asyncio.wait_for(anext(stream), 10.0) for _ in range(count)]


def others() -> set[asyncio.Task[object]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


def test_blocks_come_in_order(executor: ThreadPoolExecutor) -> None:
    async def main() -> None:
        blocks = [block(number) for number in range(5)]
        stream = follow(Given(*blocks), asyncio.Event(), executor, poll_seconds=NEVER)
        assert await take(stream, 5) == blocks
        await stream.aclose()
        assert not others()

    asyncio.run(main())


def test_next_read_is_under_way_while_a_block_is_worked_on(executor: ThreadPoolExecutor) -> None:
    async def main() -> None:
        given = Given(block(1), block(2))
        stream = follow(given, asyncio.Event(), executor, poll_seconds=NEVER)
        await take(stream, 1)
        while given.reads < 2:  # without asking for the next block
            await asyncio.sleep(0)
        await stream.aclose()

    asyncio.run(main())


def test_what_is_there_at_once_needs_no_thread(executor: ThreadPoolExecutor) -> None:
    async def main() -> None:
        given = Given(block(1), block(4), block(5))
        given.at_once = [block(2), block(3), None, block(5)]
        stream = follow(given, asyncio.Event(), executor, poll_seconds=NEVER)
        assert await take(stream, 1) == [block(1)]
        assert (given.reads, len(given.at_once)) == (1, 3)  # one block ahead, no more
        assert await take(stream, 4) == [block(number) for number in (2, 3, 4, 5)]
        await stream.aclose()
        assert not others()

    asyncio.run(main())


def test_what_was_written_after_a_pause_may_be_there_at_once(
    executor: ThreadPoolExecutor,
) -> None:
    async def main() -> None:
        given, wake = Given(), asyncio.Event()
        stream = follow(given, wake, executor, poll_seconds=NEVER)
        waiting = asyncio.ensure_future(anext(stream))
        while not given.reads:
            await asyncio.sleep(0)
        given.at_once = [block(1)]
        wake.set()
        assert await asyncio.wait_for(waiting, 10.0) == block(1)
        while given.reads < 2:  # the first, and the one for what follows
            await asyncio.sleep(0)
        await stream.aclose()

    asyncio.run(main())


def test_wakes_when_told(executor: ThreadPoolExecutor) -> None:
    async def main() -> None:
        given = Given(None, None, block(1))
        wake = asyncio.Event()
        stream = follow(given, wake, executor, poll_seconds=NEVER)
        waiting = asyncio.ensure_future(anext(stream))
        for reads in (1, 2):
            while given.reads < reads or wake.is_set():
                await asyncio.sleep(0)
            wake.set()
        assert await asyncio.wait_for(waiting, 10.0) == block(1)
        await stream.aclose()

    asyncio.run(main())


def test_wake_during_a_read_that_finds_nothing_is_not_lost(executor: ThreadPoolExecutor) -> None:
    async def main() -> None:
        given = Given(None, block(1))
        given.may_end.clear()
        wake = asyncio.Event()
        stream = follow(given, wake, executor, poll_seconds=NEVER)
        waiting = asyncio.ensure_future(anext(stream))
        while not given.begun.is_set():
            await asyncio.sleep(0)
        wake.set()
        given.may_end.set()
        assert await asyncio.wait_for(waiting, 10.0) == block(1)
        await stream.aclose()

    asyncio.run(main())


def test_looks_again_after_the_poll_interval_without_any_hint(executor: ThreadPoolExecutor) -> None:
    async def main() -> None:
        given = Given(None, None, None, block(1))
        stream = follow(given, asyncio.Event(), executor, poll_seconds=0.001)
        assert await take(stream, 1) == [block(1)]
        await stream.aclose()

    asyncio.run(main())


@pytest.mark.parametrize("way", ["cancel", "cancel twice"])
def test_cancelled_while_a_read_is_in_flight(executor: ThreadPoolExecutor, way: str) -> None:
    async def main() -> None:
        given = Given(block(1), block(2))
        given.may_end.clear()
        stream = follow(given, asyncio.Event(), executor, poll_seconds=NEVER)

        async def consume() -> None:
            async for _ in stream:
                raise AssertionError

        task = asyncio.ensure_future(consume())
        while not given.begun.is_set():
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        if way == "cancel twice":
            task.cancel()
            await asyncio.sleep(0)
        assert not task.done()  # the read is still in flight
        given.may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 10.0)
        assert given.reads == 1
        assert not others()

    asyncio.run(main())


def test_what_is_written_line_by_line_is_not_read_line_by_line(
    executor: ThreadPoolExecutor,
) -> None:
    class Growing(Given):
        """Every other read brings what came since the last one."""

        def read(self) -> Block | None:
            super().read()
            return block(self.reads) if self.reads % 2 else None

    async def main() -> None:
        loop = asyncio.get_running_loop()
        given, wake = Growing(), asyncio.Event()

        async def write() -> None:
            while True:
                wake.set()
                await asyncio.sleep(0)

        writer = asyncio.create_task(write())
        stream = follow(given, wake, executor, poll_seconds=NEVER)
        began = loop.time()
        await take(stream, 5)
        assert loop.time() - began >= 4 * REST_SECONDS
        writer.cancel()
        await stream.aclose()

    asyncio.run(main())


def test_what_is_written_after_a_pause_is_read_at_once(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tinylogbert_daemon.source.follow.REST_SECONDS", NEVER)

    async def main() -> None:
        wake = asyncio.Event()
        stream = follow(Given(None, None, block(1)), wake, executor, poll_seconds=0.01)
        assert await take(stream, 1) == [block(1)]
        await stream.aclose()

    asyncio.run(main())


def test_cancelled_while_waiting(executor: ThreadPoolExecutor) -> None:
    async def main() -> None:
        given = Given()
        stream = follow(given, asyncio.Event(), executor, poll_seconds=NEVER)
        waiting = asyncio.ensure_future(anext(stream))
        while not given.reads:
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await stream.aclose()
        assert not others()

    asyncio.run(main())


def test_closed_while_the_next_read_is_in_flight(executor: ThreadPoolExecutor) -> None:
    async def main() -> None:
        given = Given(block(1), block(2))
        stream = follow(given, asyncio.Event(), executor, poll_seconds=NEVER)
        await take(stream, 1)
        await stream.aclose()
        reads = given.reads
        await asyncio.sleep(0.01)
        assert given.reads == reads == 2

    asyncio.run(main())


def test_error_of_a_read_reaches_the_consumer(executor: ThreadPoolExecutor) -> None:
    async def main() -> None:
        given = Given(block(1), RuntimeError("broken"))
        stream = follow(given, asyncio.Event(), executor, poll_seconds=NEVER)
        await take(stream, 1)
        with pytest.raises(RuntimeError, match="broken"):
            await take(stream, 1)
        assert not others()

    asyncio.run(main())


def test_follows_a_real_file_through_a_rotation(
    executor: ThreadPoolExecutor, tmp_path: Path
) -> None:
    async def main() -> None:
        scene = Scene(tmp_path)
        wake = asyncio.Event()
        stream = follow(scene.tail, wake, executor, poll_seconds=NEVER)
        expected = scene.write_lines(1, 2)
        sighting, first = await take(stream, 2)
        assert sighting.sighting
        scene.check(first)
        expected += scene.write_lines(3)
        scene.rename()
        expected += scene.write_lines(4)
        wake.set()
        read = b"".join(found.data for found in await take(stream, 3))
        assert read.split(b"\n")[:-1] == expected[2:]
        await stream.aclose()
        scene.stop()

    asyncio.run(main())
