"""A tail as an asynchronous stream: reads ahead by one block, wakes by hint or by the clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import Executor
from typing import Protocol

from tinylogbert_daemon.source.block import Block

REST_SECONDS = 0.05
"""Between a block and the next look: what is written line by line is read some lines at a time."""


class Readable(Protocol):
    """What is followed; :class:`~tinylogbert_daemon.source.tail.Tail` is one."""

    def read(self) -> Block | None:
        """Return the next block, or None where there is nothing now."""

    def read_at_once(self) -> Block | None:
        """Return the next block if that takes no waiting; None says nothing."""


async def follow(
    tail: Readable, wake: asyncio.Event, executor: Executor, *, poll_seconds: float | None = 1.0
) -> AsyncGenerator[Block, None]:
    """Yield the blocks of ``tail`` for ever, reading in ``executor`` what is not there at once.

    A block costs as much for one line as for a hundred, so the look after one comes
    ``REST_SECONDS`` later at the earliest; what is written after a pause is read at once.

    The next block is at hand or being read while the consumer works on one, so that a disk can be
    waited for meanwhile. Where there is nothing, the next look comes when ``wake`` is set
    (it is cleared here), or after ``poll_seconds`` (None: whoever sets it polls, too). Close it
    with ``aclose()`` or by cancelling the task: either returns when no read is in flight any more,
    so that the tail can be closed. What was read ahead by then is dropped; it lies behind the last
    block yielded.
    """
    loop = asyncio.get_running_loop()
    reading = loop.run_in_executor(executor, tail.read)
    at_hand: Block | None = None
    rested = loop.time()
    try:
        while True:
            block = await asyncio.shield(reading) if at_hand is None else at_hand
            if block is not None:
                rested = loop.time() + REST_SECONDS
            else:
                await _wait(wake, poll_seconds)
                if (rest := rested - loop.time()) > 0:
                    await asyncio.sleep(rest)
                # cleared before the look, so that what is written from now on wakes again
                wake.clear()
            at_hand = tail.read_at_once()
            if at_hand is None:
                reading = loop.run_in_executor(executor, tail.read)
            if block is not None:
                yield block
    finally:
        await _settle(reading)


async def _wait(wake: asyncio.Event, seconds: float | None) -> None:
    try:
        async with asyncio.timeout(seconds):
            await wake.wait()
    except TimeoutError:
        return


async def _settle(reading: asyncio.Future[Block | None]) -> None:
    """Wait until a read in flight is over, even if cancelled meanwhile; its result is dropped."""
    cancelled: asyncio.CancelledError | None = None
    while not reading.done():
        try:
            await asyncio.wait([reading])
        except asyncio.CancelledError as error:
            cancelled = error
    if not reading.cancelled():
        reading.exception()  # marks it as seen: whoever waited for it has got it already
    if cancelled is not None:
        raise cancelled
