"""Which of many tails have something to read: told by hints, else by one look at all of them.

A read costs a change of threads and some system calls, so most tails are not read but looked at: a
``stat`` each, all in one call of a reading thread.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from concurrent.futures import Executor
from dataclasses import dataclass

from tinylogbert_daemon.source.tail import Tail
from tinylogbert_daemon.source.watch import Changes, directories_of, names_of


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    tail: Tail
    wake: asyncio.Event
    names: frozenset[str]
    directories: frozenset[str]


class Wakes:
    """Sets a tail's event where there may be something to read, every ``poll_seconds`` at least."""

    def __init__(self, executor: Executor, poll_seconds: float) -> None:
        self._executor = executor
        self._poll_seconds = poll_seconds
        self._entries: dict[int, _Entry] = {}
        self._named: defaultdict[str, set[_Entry]] = defaultdict(set)
        self._inside: defaultdict[str, set[_Entry]] = defaultdict(set)
        self._doubtful: set[_Entry] = set()
        self._doubt = asyncio.Event()

    def add(self, tail: Tail, wake: asyncio.Event) -> frozenset[str]:
        """Set ``wake`` for ``tail`` from now on; return the directories in which it changes."""
        names = frozenset(names_of(tail.path))
        entry = _Entry(tail, wake, names, directories_of(names))
        self._entries[id(tail)] = entry
        for name in entry.names:
            self._named[name].add(entry)
        for name in entry.directories:
            self._inside[name].add(entry)
        return entry.directories

    def remove(self, tail: Tail) -> None:
        """Have no more to do with ``tail``."""
        entry = self._entries.pop(id(tail))
        for index, names in ((self._named, entry.names), (self._inside, entry.directories)):
            for name in names:
                index[name].discard(entry)
                if not index[name]:
                    del index[name]
        self._doubtful.discard(entry)

    def hint(self, changed: Changes) -> None:
        """Wake who follows a file that was written to; look soon at those in other directories.

        A file that nobody follows may be one that was rotated away and is written to still: then
        a tail beside it is not settled.
        """
        for path in changed.files:
            named = self._named.get(path)
            if named is not None:
                for entry in named:
                    entry.wake.set()
            else:
                beside = self._inside.get(path.rpartition("/")[0], ())
                self._doubtful.update(one for one in beside if not one.tail.settled)
        for path in changed.directories:
            self._doubtful |= self._inside.get(path, set())
        if self._doubtful:
            self._doubt.set()

    async def run(self) -> None:
        """Look for ever: at all tails now and then, in between at those in doubt."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._poll_seconds
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._doubt.wait()
            if loop.time() >= due:
                self._doubtful.update(self._entries.values())
                due = loop.time() + self._poll_seconds
            looked, self._doubtful = list(self._doubtful), set()
            self._doubt.clear()
            for entry in await loop.run_in_executor(self._executor, _changed, looked):
                entry.wake.set()


def _changed(entries: list[_Entry]) -> list[_Entry]:
    return [entry for entry in entries if not entry.tail.is_unchanged()]
