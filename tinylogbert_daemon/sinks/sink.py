"""What a sink is, and the loop that delivers out of the durable state, at least once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Protocol

from tinylogbert_daemon import logs
from tinylogbert_daemon.errors import StateError
from tinylogbert_daemon.metrics import Metrics
from tinylogbert_daemon.state.store import Store

BATCH = 100
FIRST_DELAY_SECONDS = 1.0
LAST_DELAY_SECONDS = 300.0


class Sink(Protocol):
    """One place that alerts go to; ``name`` is its key in state and metrics."""

    name: str

    async def deliver(self, bodies: Sequence[str]) -> None:
        """Deliver alerts, each one line of JSON; raises ``OSError`` if it could not."""


def _as_it_is(body: str) -> str:
    return body


async def deliver_pending(
    sink: Sink,
    store: Store,
    executor: Executor,
    metrics: Metrics,
    content: Callable[[str], str] = _as_it_is,
) -> tuple[int, bool]:
    """Deliver one batch of what is owed to ``sink``; return how many, and whether it went well.

    ``content`` makes of an alert what the sink is told of it. A crash between delivery and commit
    repeats the batch: ids tell the repetition.
    """
    loop = asyncio.get_running_loop()
    owed = await loop.run_in_executor(executor, store.pending, sink.name, BATCH)
    if not owed:
        return 0, True
    numbers = [delivery.number for delivery in owed]
    try:
        await sink.deliver([content(delivery.body) for delivery in owed])
    except OSError as error:
        metrics.alerts_failed.labels(sink.name).inc(len(owed))
        if owed[0].attempts == 0:
            logs.get().error("cannot deliver alerts", sink=sink.name, error=str(error))
        await loop.run_in_executor(executor, store.postponed, numbers)
        return 0, False
    await loop.run_in_executor(executor, store.delivered, numbers)
    metrics.alerts_sent.labels(sink.name).inc(len(owed))
    return len(owed), True


class Delivery:
    """Delivers to one sink for ever, woken by ``wake``, backing off while it fails."""

    def __init__(
        self,
        sink: Sink,
        store: Store,
        executor: Executor,
        metrics: Metrics,
        content: Callable[[str], str] = _as_it_is,
    ) -> None:
        self.name = sink.name
        self._sink = sink
        self._store = store
        self._executor = executor
        self._metrics = metrics
        self._content = content
        self.wake = asyncio.Event()
        self.wake.set()  # what a previous run owed
        self._ending = asyncio.Event()
        metrics.alerts_sent.labels(sink.name)
        metrics.alerts_failed.labels(sink.name)

    async def run(self) -> None:
        """Deliver until :meth:`stop`."""
        delay = FIRST_DELAY_SECONDS
        while not self._ending.is_set():
            await self.wake.wait()
            # cleared before the look, so that what is owed from now on wakes again
            self.wake.clear()
            if await self.drain():
                delay = FIRST_DELAY_SECONDS
            else:
                self.wake.set()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), delay)
                delay = min(delay * 2, LAST_DELAY_SECONDS)

    def stop(self) -> None:
        """End :meth:`run` after the batch in hand: one cut off would be delivered again."""
        self._ending.set()
        self.wake.set()

    async def drain(self) -> bool:
        """Deliver all that is owed now; return False if the sink or the state failed."""
        try:
            while True:
                count, well = await deliver_pending(
                    self._sink, self._store, self._executor, self._metrics, self._content
                )
                if not well or count < BATCH:
                    return well
        except StateError:
            return False  # the committer says what is wrong with the state
