"""What is being worked on: a swap of models waits for it, and a watchdog looks whether it moves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

from tinylogbert_daemon.clock import Clock


class Work:
    """Counts the blocks and late verdicts that are worked on.

    ``judged`` is set whenever a call of the model has ended, ``committed`` whenever a commit has;
    whoever looks at them clears them, and that is here.
    """

    def __init__(self, clock: Clock, judged: asyncio.Event, committed: asyncio.Event) -> None:
        self._clock = clock
        self._judged = judged
        self._committed = committed
        self._since: float | None = None
        self._judging_since: float | None = None
        self._count = 0
        self._open = asyncio.Event()
        self._open.set()
        self._idle = asyncio.Event()
        self._idle.set()

    @contextlib.asynccontextmanager
    async def part(self) -> AsyncIterator[None]:
        """Be part of the work inside; waits while a pause lasts."""
        while not self._open.is_set():
            await self._open.wait()
        self._count += 1
        self._idle.clear()
        if self._since is None:
            self._since = self._clock.monotonic()
        try:
            yield
        finally:
            self._count -= 1
            if self._count:
                self._since = self._clock.monotonic()
            else:
                self._since = None
                self._idle.set()

    @contextlib.contextmanager
    def judging(self) -> Iterator[None]:
        """Wait for the model inside, while commits may go on."""
        self._judging_since = self._clock.monotonic()
        try:
            yield
        finally:
            self._judging_since = None

    @contextlib.asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Have nothing worked on inside."""
        self._open.clear()
        try:
            await self._idle.wait()
            yield
        finally:
            self._open.set()

    def stuck_seconds(self) -> float:
        """Return for how long there was work and none of it, no model call and no commit ended.

        A commit that fails and is tried again is no such case: a full disk is not mended by a
        restart, and a daemon that is restarted again and again is given up in the end.
        """
        if self._since is None:
            return 0.0
        now = self._clock.monotonic()
        stages = (self._judged, self._committed)
        # commits go on where it is the model that hangs, and texts are owed
        if self._judging_since is not None and self._judged.is_set():
            self._judging_since = now
        if any(progress.is_set() for progress in stages):
            for progress in stages:
                progress.clear()
            self._since = now
        return now - min(self._since, self._judging_since or now)
