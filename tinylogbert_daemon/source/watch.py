"""File system events as a hint of when to look; `stat` and the poll interval stay the truth."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

# Not opened and closed: our own reading causes those, and would wake itself for ever.
_EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
    DirDeletedEvent,
]
# Handling an event takes watchdog some 15 µs of Python, and writers reach 100,000/s. A directory
# with more events than this in a second is not watched for a while but woken by the clock.
_EVENTS_PER_SECOND = 500
_REST_SECONDS = 5.0
_REST_TICK_SECONDS = 0.05


def names_of(path: str) -> set[str]:
    """Return the names under which ``path`` is written: its own, and that of what it leads to."""
    return {path, os.path.realpath(path)}


def directories_of(names: Iterable[str]) -> frozenset[str]:
    """Return the directories in which something happens when what has ``names`` changes.

    That is its own and, where it is a link, the one of the file that it leads to.
    """
    return frozenset(str(Path(name).parent) for name in names)


class Changes(NamedTuple):
    """The directories in which something changed, and the files that were merely written to."""

    directories: set[str]
    files: set[str]


class Watcher:
    """Calls ``wake(path)``, in a thread of its own, when something changed in a directory.

    The path is that of a file that was written to, and the directory's own for all else. After a
    wake it stays silent until :meth:`take` has returned it, however much happens. Where the kernel
    grants no watch, ``reason`` says so in words, and what happens there is seen by polling alone.
    Its methods may be called from any thread but that of ``wake``.
    """

    def __init__(
        self,
        wake: Callable[[str], None],
        *,
        make_observer: Callable[[], BaseObserver] = Observer,
    ) -> None:
        # Its warnings are about lost events, and events are no more than hints here.
        logging.getLogger("watchdog").setLevel(logging.CRITICAL)
        self.reason: str | None = None
        self._wake = wake
        self._make_observer = make_observer
        self._observer: BaseObserver | None = None
        self._rester: threading.Thread | None = None
        # Held while watches change; an event, which comes under watchdog's lock, never takes it.
        self._setup = threading.Lock()
        self._watched: dict[str, _Directory] = {}
        # Guards what follows, and never held while watchdog or ``wake`` is called.
        self._condition = threading.Condition()
        self._changed = Changes(set(), set())
        self._resting: dict[str, float] = {}
        self._stopped = False

    def watch(self, directories: Iterable[str]) -> str | None:
        """Watch exactly these directories; return ``reason``.

        Call it after each scan: a directory that was made anew is watched anew. It does nothing
        after :meth:`stop`.
        """
        # by the real path: watchdog would watch a link itself, not what it leads to
        wanted: dict[str, set[str]] = {}
        for name in directories:
            wanted.setdefault(os.path.realpath(name), set()).add(name)
        problems: list[str] = []
        with self._setup:
            if self._stopped:
                return self.reason
            for path in self._watched.keys() - wanted.keys():
                self._unschedule(self._watched.pop(path))
            for path, names in sorted(wanted.items()):
                try:
                    self._keep(path, frozenset(names))
                except OSError as error:
                    problems.append(f"{path}: {(error.strerror or str(error)).lower()}")
            more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
            self.reason = f"polling, not watching {problems[0]}{more}" if problems else None
            return self.reason

    def take(self) -> Changes:
        """Return what changed since the last call."""
        with self._condition:
            changed, self._changed = self._changed, Changes(set(), set())
        return changed

    def stop(self) -> None:
        """End all watches and threads, and return when they have ended."""
        with self._condition:
            self._stopped = True
            self._condition.notify()
        with self._setup:  # a watch that is just being set up is ended, too
            observer, self._observer = self._observer, None
            self._watched.clear()
        if observer is not None:
            observer.stop()
            observer.join()
        if self._rester is not None:
            self._rester.join()

    def _keep(self, path: str, names: frozenset[str]) -> None:
        """Watch a directory unless that is done already. Raises ``OSError``."""
        known = self._watched.pop(path, None)
        try:
            status = Path(path).stat()
            identity = status.st_dev, status.st_ino
            if known is not None and not known.ended and known.identity == identity:
                known.names = names
                self._watched[path] = known
                return
        finally:
            if known is not None and path not in self._watched:
                self._unschedule(known)
        directory = _Directory(path, names, identity, self._notice)
        self._schedule(directory)
        self._watched[path] = directory

    def _schedule(self, directory: _Directory) -> None:
        if self._observer is None:
            observer = self._make_observer()
            observer.start()
            self._observer = observer
            self._rester = threading.Thread(target=self._rest, name="watch-rest", daemon=True)
            self._rester.start()
        directory.watch = self._observer.schedule(directory, directory.path, event_filter=_EVENTS)

    def _unschedule(self, directory: _Directory) -> None:
        if self._observer is not None and directory.watch is not None:
            # its emitter may have ended with the directory
            with suppress(KeyError, OSError):
                self._observer.unschedule(directory.watch)
        directory.watch = None

    def _notice(self, directory: _Directory, *, busy: bool, file: str = "") -> None:
        names = directory.names
        if file := "" if busy else file:
            names = frozenset(f"{name}/{file}" for name in names)
        with self._condition:
            known = self._changed.files if file else self._changed.directories
            new = names - known
            known |= new
            if busy and directory.path not in self._resting:
                self._resting[directory.path] = time.monotonic() + _REST_SECONDS
                self._condition.notify()
        for name in new:
            self._wake(name)

    def _rest(self) -> None:
        """Stand in for the watches of busy directories."""
        while True:
            with self._condition:
                while not self._resting and not self._stopped:
                    self._condition.wait()
                if self._stopped:
                    return
                resting = dict(self._resting)
            with self._setup:
                for path, until in resting.items():
                    directory = self._watched.get(path)
                    if directory is not None and time.monotonic() < until:
                        self._unschedule(directory)
                        self._notice(directory, busy=False)
                        continue
                    if directory is not None:
                        self._return_to(directory)
                    with self._condition:
                        del self._resting[path]
            with self._condition:
                self._condition.wait_for(lambda: self._stopped, _REST_TICK_SECONDS)

    def _return_to(self, directory: _Directory) -> None:
        try:
            self._schedule(directory)
        except OSError:
            del self._watched[directory.path]  # the next call of watch() says why
        # what happened between the last tick and the new watch
        self._notice(directory, busy=False)


class _Directory(FileSystemEventHandler):
    """One watched directory: the handler of its events."""

    def __init__(
        self,
        path: str,
        names: frozenset[str],
        identity: tuple[int, int],
        notice: Callable[..., None],
    ) -> None:
        self.path = path
        self.names = names
        self.identity = identity
        self.watch: ObservedWatch | None = None
        # The directory was deleted, and its watch with it; a new one may get the same inode.
        self.ended = False
        self._notice = notice
        self._window = 0.0
        self._events = 0

    def dispatch(self, event: FileSystemEvent) -> None:
        """Take an event of any kind."""
        if isinstance(event, DirDeletedEvent) and event.src_path == self.path:
            self.ended = True
        now = time.monotonic()
        if now - self._window >= 1.0:
            self._window = now
            self._events = 0
        self._events += 1
        file = ""
        if isinstance(event, FileModifiedEvent):
            file = Path(os.fsdecode(event.src_path)).name
        self._notice(self, busy=self._events > _EVENTS_PER_SECOND, file=file)
