"""The sources that are no files, journals and standard input, each followed by its own task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextlib import aclosing
from dataclasses import dataclass

from tinylogbert_daemon import logs
from tinylogbert_daemon.clock import Clock
from tinylogbert_daemon.config.schema import Tail as TailConfig
from tinylogbert_daemon.config.sources import Source
from tinylogbert_daemon.source import stdin as standard_input
from tinylogbert_daemon.source.block import Block, Position
from tinylogbert_daemon.source.journal import Journal, Selection
from tinylogbert_daemon.source.logtime import block_times
from tinylogbert_daemon.source.stdin import Stdin

_KIBIBYTE, _MEBIBYTE = 1 << 10, 1 << 20
_Work = Coroutine[None, None, None]


@dataclass(frozen=True, slots=True)
class Followed:
    """How a followed path stands, for status."""

    source: str
    lag_bytes: int
    unreadable: str | None


class Lag:
    """How old a journal's newest entry is when it has been scored, in seconds.

    While entries are being scored, so long it is at least, and grows. Of a journal that is quiet it
    stays: nothing is owed then. What is read back says nothing.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._in_work: float | None = None
        self._last: float | None = None

    def begin(self, block: Block) -> None:
        """Take note of entries that are to be scored."""
        if block.data and not block.readback:
            self._in_work = block_times(block.data, self._clock.now())[1]

    def end(self) -> None:
        """Take note that they are."""
        self._last, self._in_work = self.seconds(), None

    def seconds(self) -> float | None:
        """Return the seconds, or None where there was no new entry yet."""
        if self._in_work is None:
            return self._last
        return max(0.0, self._clock.now() - self._in_work)


def _selection(source: Source) -> Selection:
    """Return which entries of which journal ``source`` asks for."""
    journal = source.journal
    return Selection(tuple(journal.units), tuple(journal.matches), journal.directory)


class Streams:
    """Follows the journals and standard input among ``sources``, from ``saved`` positions on.

    ``on_block`` works on a block, and ``finish`` sees to it that it does so to the end. ``stdin``
    outlives a reload; it is made here where none is given. Raises :class:`SourceError` for what
    cannot be read.
    """

    def __init__(
        self,
        sources: list[Source],
        config: TailConfig,
        *,
        on_block: Callable[[Block], _Work],
        finish: Callable[[_Work], _Work],
        saved: list[Position],
        executor: Executor,
        clock: Clock,
        stdin: Stdin | None = None,
    ) -> None:
        self._config = config
        self._on_block = on_block
        self._finish = finish
        self._executor = executor
        self._journals = [
            Journal(
                source.name,
                _selection(source),
                saved=saved,
                record_bytes=config.record_kib * _KIBIBYTE,
                readback_bytes=config.readback_mb * _MEBIBYTE,
                executor=executor,
                say=_sayer(source.name),
            )
            for source in sources
            if source.journal.enabled
        ]
        self._lags = {journal.source: Lag(clock) for journal in self._journals}
        # the configuration has at most one
        self._stdin_source = next((one.name for one in sources if one.is_stdin), None)
        self._stdin: Stdin | None = None
        if self._stdin_source is not None:
            self._stdin = stdin or Stdin()
        self._alone = len(sources) == 1
        self.ended = asyncio.Event()
        """Set once standard input, where it is the only source, is at its end and worked on."""

    def start(self, group: asyncio.TaskGroup) -> None:
        """Follow each as a task of ``group``."""
        for journal in self._journals:
            logs.get().info("following", source=journal.source, path=journal.path)
            group.create_task(self._follow_journal(journal), name=f"follow {journal.source}")
        if self._stdin is not None and self._stdin_source is not None:
            path = standard_input.PATH
            logs.get().info("following", source=self._stdin_source, path=path)
            group.create_task(
                self._follow_stdin(self._stdin, self._stdin_source), name=f"follow {path}"
            )

    def status(self) -> dict[str, Followed]:
        """Return how each stands; how much a journal or a pipe still holds is not known."""
        found = {one.path: Followed(one.source, 0, one.unreadable) for one in self._journals}
        if self._stdin_source is not None:
            found[standard_input.PATH] = Followed(self._stdin_source, 0, None)
        return found

    def lags(self) -> dict[str, float]:
        """Return the :class:`Lag` of each journal that has brought an entry, by source."""
        found = {source: lag.seconds() for source, lag in self._lags.items()}
        return {source: seconds for source, seconds in found.items() if seconds is not None}

    async def _follow_journal(self, journal: Journal) -> None:
        lag = self._lags[journal.source]
        async with aclosing(journal.blocks()) as blocks:
            async for block in blocks:
                lag.begin(block)
                await self._finish(self._on_block(block))
                lag.end()

    async def _follow_stdin(self, stdin: Stdin, source: str) -> None:
        async def work(block: Block) -> None:
            await self._on_block(block)
            stdin.done()

        blocks = stdin.blocks(
            source,
            block_bytes=self._config.block_kib * _KIBIBYTE,
            record_bytes=self._config.record_kib * _KIBIBYTE,
            executor=self._executor,
        )
        async with aclosing(blocks):
            async for block in blocks:
                await self._finish(work(block))
        logs.get().info("end of standard input", source=source)
        self._stdin_source = None
        if self._alone:
            self.ended.set()


def _sayer(source: str) -> Callable[[str], None]:
    """Return what says a journal's troubles in the daemon's log, from any thread."""
    return lambda text: logs.get().warning("journal", source=source, reason=text)
