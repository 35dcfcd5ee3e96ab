"""Which files are followed, each by a task of its own, from discovery to the end of the path.

Journals and standard input are followed beside them: :mod:`~tinylogbert_daemon.pipeline.streams`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

from tinylogbert_daemon import logs
from tinylogbert_daemon.clock import Clock
from tinylogbert_daemon.config.schema import Tail as TailConfig
from tinylogbert_daemon.config.sources import Source
from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.metrics import Metrics
from tinylogbert_daemon.pipeline.gauges import Gauges
from tinylogbert_daemon.pipeline.streams import Followed, Streams
from tinylogbert_daemon.pipeline.wakes import Wakes
from tinylogbert_daemon.source.block import Block
from tinylogbert_daemon.source.discover import (
    Discovery,
    Found,
    directories_of_globs,
    identities,
    own_files,
)
from tinylogbert_daemon.source.follow import follow
from tinylogbert_daemon.source.joining import Joining
from tinylogbert_daemon.source.registry import OpenFiles
from tinylogbert_daemon.source.stdin import Stdin
from tinylogbert_daemon.source.tail import Form, Limits, ReadBack, Tail
from tinylogbert_daemon.source.watch import Watcher

_MEBIBYTE = 1 << 20
_LEAST_SCAN_SECONDS = 0.2
"""Scans are no closer than this, however much the directories change."""


@dataclass(slots=True)
class _Followed:
    tail: Tail
    wake: asyncio.Event
    task: asyncio.Task[None]
    directories: frozenset[str]


@dataclass(slots=True)
class _Tailed:
    """A source with its discovery; ``fresh`` until the first scan of one not in the state."""

    discovery: Discovery
    globs: list[str]
    form: Form
    fresh: bool
    parents: set[str] = field(default_factory=set)
    skipped: dict[str, str] = field(default_factory=dict)


class Tailing:
    """Follows what the sources match and hands each block to ``on_block``, in file order.

    A source whose name is in ``from_beginning`` is read whole; one that is not in ``known`` has
    what its files already hold read back for counts, and is then followed from the end. Where it
    has no files yet, ``on_empty`` is told its name.
    """

    def __init__(
        self,
        sources: list[Source],
        config: TailConfig,
        *,
        on_block: Callable[[Block], Coroutine[None, None, None]],
        on_empty: Callable[[str], None],
        files: OpenFiles,
        known: set[str],
        from_beginning: set[str],
        own_paths: list[Path],
        executor: Executor,
        clock: Clock,
        metrics: Metrics,
        stdin: Stdin | None = None,
    ) -> None:
        self._config = config
        self._on_block = on_block
        self._on_empty = on_empty
        self._files = files
        self._executor = executor
        self._clock = clock
        self._metrics = metrics
        self._own_paths = own_paths
        self._own: set[tuple[int, int]] = set()
        self._limits = Limits(
            block_bytes=config.block_kib * 1024,
            record_bytes=config.record_kib * 1024,
            partial_seconds=config.partial_seconds,
            rotate_seconds=config.rotate_seconds,
        )
        self._sources = {
            source.name: _Tailed(
                Discovery(
                    source.paths,
                    source.exclude,
                    self._own,
                    encoding=source.encoding,
                    lookup=files.positions,
                ),
                source.paths,
                _form(source),
                fresh=source.name not in known and source.name not in from_beginning,
            )
            for source in sources
            if not (source.journal.enabled or source.is_stdin)
        }
        self._followed: dict[tuple[str, str], _Followed] = {}
        self._wakes = Wakes(executor, config.poll_seconds)
        self._changed = asyncio.Event()
        self._modified: dict[str, int] = {}
        self._gauges = Gauges(metrics)
        self._held: set[Tail] = set()  # those whose block is being worked on
        self._in_hand: set[asyncio.Task[None]] = set()
        self._streams = Streams(
            sources,
            config,
            on_block=on_block,
            finish=self._finish,
            saved=files.positions(0, 0),  # what is no file has none of the numbers of one
            executor=executor,
            clock=clock,
            stdin=stdin,
        )
        self.ended = self._streams.ended
        self.scanned = asyncio.Event()
        """Set once the first scan is done."""

    def status(self) -> dict[str, Followed]:
        """Return how each followed path stands."""
        return self._streams.status() | {
            path: Followed(source, entry.tail.stats.lag_bytes, entry.tail.stats.unreadable)
            for (source, path), entry in self._followed.items()
        }

    async def run(self) -> None:
        """Scan and follow until cancelled; every block handed out by then has been worked on."""
        loop = asyncio.get_running_loop()
        watcher = Watcher(
            lambda _: _call_from_thread(loop, lambda: self._hint(watcher)),
        )
        said: str | None = None
        try:
            async with asyncio.TaskGroup() as group:
                self._streams.start(group)
                group.create_task(self._wakes.run(), name="wakes")
                while True:
                    await self._scan(group)
                    reason = await loop.run_in_executor(
                        self._executor, watcher.watch, self._directories()
                    )
                    if reason != said:
                        said = reason
                        logs.get().warning("file system events", reason=reason or "watching again")
                    self.measure()
                    self.scanned.set()
                    await self._wait()
        finally:
            await loop.run_in_executor(self._executor, watcher.stop)

    def abandon(self) -> None:
        """Give up the blocks that are being worked on: the next run reads them again."""
        for work in self._in_hand:
            work.cancel()

    async def _wait(self) -> None:
        await asyncio.sleep(_LEAST_SCAN_SECONDS)
        try:
            async with asyncio.timeout(self._config.scan_seconds):
                await self._changed.wait()
        except TimeoutError:
            pass
        self._changed.clear()

    async def _scan(self, group: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        unreadable = sum(one.unreadable is not None for one in self._streams.status().values())
        self._own.clear()
        self._own |= own_files(self._own_paths)
        for name, tailed in self._sources.items():
            found = await loop.run_in_executor(self._executor, tailed.discovery.scan)
            tailed.parents = await loop.run_in_executor(
                self._executor, directories_of_globs, tailed.globs
            )
            self._say_skipped(name, tailed, found)
            unreadable += sum("permission" in reason for reason in found.skipped.values())
            # what we have begun to write since the scan began is ours too
            self._own |= own_files(self._own_paths)
            for path in found.paths:
                if (name, path) not in self._followed and not identities([path]) & self._own:
                    self._start(group, name, path, tailed)
            if tailed.fresh and not found.paths:
                # whatever appears from now on is new, also if we are restarted before
                self._on_empty(name)
            tailed.fresh = False
        for key, entry in list(self._followed.items()):
            if entry.tail.gone:
                entry.task.cancel()
                self._wakes.remove(entry.tail)
                del self._followed[key]
        unreadable += sum(
            entry.tail.stats.unreadable is not None for entry in self._followed.values()
        )
        self._metrics.files_active.set(len(self._followed))
        self._metrics.files_unreadable.set(unreadable)

    def _say_skipped(self, name: str, tailed: _Tailed, found: Found) -> None:
        for path, why in found.skipped.items():
            if tailed.skipped.get(path) != why:
                logs.get().info("not followed", source=name, path=path, reason=why)
        tailed.skipped = found.skipped

    def _start(self, group: asyncio.TaskGroup, source: str, path: str, tailed: _Tailed) -> None:
        tail = Tail(
            path,
            source,
            self._clock,
            files=self._files,
            start=ReadBack(self._config.readback_mb * _MEBIBYTE) if tailed.fresh else None,
            limits=self._limits,
            form=tailed.form,
        )
        wake = asyncio.Event()
        directories = self._wakes.add(tail, wake)
        task = group.create_task(self._follow(tail, wake), name=f"follow {printable(path)}")
        self._followed[(source, path)] = _Followed(tail, wake, task, directories)
        logs.get().info("following", source=source, path=path)

    async def _follow(self, tail: Tail, wake: asyncio.Event) -> None:
        stream = follow(tail, wake, self._executor, poll_seconds=None)
        try:
            async for block in stream:
                # a block that was begun is finished, also when we are asked to stop
                self._held.add(tail)
                await self._finish(self._on_block(block))
                self._held.discard(tail)
        finally:
            self._held.discard(tail)
            await stream.aclose()
            tail.close()

    async def _finish(self, work: Coroutine[None, None, None]) -> None:
        """Have ``work`` on a block done to the end even if cancelled meanwhile; pass that on."""
        task = asyncio.ensure_future(work)
        self._in_hand.add(task)
        task.add_done_callback(self._in_hand.discard)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task])
            raise

    def _directories(self) -> set[str]:
        """Return the directories in which a followed file changes or a new one could appear."""
        wanted = {name for tailed in self._sources.values() for name in tailed.parents}
        for entry in self._followed.values():
            wanted |= entry.directories
        return wanted

    def _hint(self, watcher: Watcher) -> None:
        """Wake the tails of what was written to; scan the directories that changed."""
        changed = watcher.take()
        self._wakes.hint(changed)
        for directory in changed.directories:
            try:
                modified = Path(directory).stat().st_mtime_ns
            except OSError:
                modified = -1
            if self._modified.get(directory) != modified:
                self._modified[directory] = modified
                self._changed.set()

    def measure(self) -> None:
        """Bring the gauges and counters that come from the tails up to date."""
        for tail in self._held:
            tail.look_at_size()
        tails = {key: entry.tail for key, entry in self._followed.items()}
        self._gauges.update(self._sources, tails, self._streams.lags())


def _form(source: Source) -> Form:
    """Return how the files of a source are records."""
    rule = source.multiline
    return Form(source.encoding, Joining(rule.preset, *rule.patterns) if rule else None)


def _call_from_thread(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:  # the loop has ended: nobody is left to be woken
        return
