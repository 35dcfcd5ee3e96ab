"""One path as one endless stream of blocks, whatever is done to the file behind the name."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tinylogbert_daemon.clock import Clock
from tinylogbert_daemon.source.block import Block, Position
from tinylogbert_daemon.source.identity import Sibling, age, siblings
from tinylogbert_daemon.source.reader import FileReader, Limits, TruncatedError
from tinylogbert_daemon.source.registry import OpenFiles

__all__ = ["Limits", "ReadBack", "Start", "Tail", "TailStats"]


@dataclass(frozen=True, slots=True)
class ReadBack:
    """Hand on the last ``size`` bytes of what is there as readback, then follow."""

    size: int


Start = Position | ReadBack | None


@dataclass(slots=True)
class TailStats:
    """What happened to a path and how it stands; the pipeline makes metrics of it.

    ``file_bytes`` is the size of the file that the path names, ``lag_bytes`` what is left to read
    of it and of files rotated away from it, both as of the last look.
    """

    rotated: int = 0
    truncated: int = 0
    unreadable: str | None = None
    file_bytes: int = 0
    lag_bytes: int = 0


class Tail:
    """One path as one perpetual stream: ``read()`` until it returns None, then again later.

    ``files`` knows the saved positions and is shared by the tails of a process. ``start`` says
    where to begin in the file that the path names at the first look where nothing saved fits it
    (None: at its beginning). A file that appears later is read from its beginning.

    The files of a path are kept in order of age, and a younger one is begun as soon as the older
    ones are at their end. An older one stays open until it was quiet for ``rotate_seconds``, as
    its writer may not have noticed the rotation yet. Not for use from two threads at a time.
    """

    def __init__(
        self,
        path: str,
        source: str,
        clock: Clock,
        *,
        files: OpenFiles | None = None,
        start: Start = None,
        limits: Limits | None = None,
    ) -> None:
        self.path = path
        self.source = source
        self.stats = TailStats()
        self._clock = clock
        self._files = files or OpenFiles()
        self._start = start
        self._limits = limits or Limits()
        # in order of age; the last is what the path names, or named when it last named anything
        self._readers: list[FileReader] = []
        # the last write known of while the path named the last reader's file
        self._named_ns = 0
        self._vacant_since: float | None = None

    @property
    def gone(self) -> bool:
        """Whether the path names no file and nothing that it named is open any more."""
        return self._vacant_since is not None and not self._readers

    def read(self) -> Block | None:
        """Return the next block, or None where there is nothing now.

        Never raises for what the file system does: ``stats.unreadable`` says what is wrong, and
        the next call tries again.
        """
        now = self._clock.monotonic()
        try:
            while True:
                block = self._read_open(now)
                if block is not None or not self._look_at_path(now):
                    return block
        except OSError as error:
            self.stats.unreadable = _reason(error)
            return None
        finally:
            if self._readers:
                self.stats.file_bytes = self._readers[-1].size
            self.stats.lag_bytes = sum(reader.lag_bytes for reader in self._readers)

    def close(self) -> None:
        """Close all descriptors; only saved positions count for whoever reads the files next."""
        for reader in self._readers:
            reader.close()
        self._readers.clear()
        self._files.forget(self)

    def _read_open(self, now: float) -> Block | None:
        """Return the next block of the oldest file that has one; give up quiet old files."""
        index = 0
        while index < len(self._readers):
            reader = self._readers[index]
            younger = self._readers[index + 1 :]
            try:
                # a writer that fills the next file has finished this one
                block = reader.read(now, final=any(file.size for file in younger))
                if block is None and self._is_over(reader, bool(younger), now):
                    block = reader.read(now, final=True)
                    if block is None:
                        self._drop(reader)
                        continue
            except TruncatedError:
                self._readers[index:index] = self._start_over(reader, now)
                continue
            except OSError:
                self._drop(reader)
                raise
            if block is not None:
                return block
            index += 1
        return None

    def _is_over(self, reader: FileReader, old: bool, now: float) -> bool:
        deleted = self._vacant_since is not None and reader.links == 0
        quiet = now - (reader.changed if reader.changed is not None else now)
        return (old or deleted) and quiet >= self._limits.rotate_seconds

    def _drop(self, reader: FileReader) -> None:
        self._readers.remove(reader)
        self._files.release(reader.device, reader.inode, self, reader.position)
        reader.close()

    def _start_over(self, reader: FileReader, now: float) -> list[FileReader]:
        """Begin a truncated file anew; return the copies that hold what it lost unread."""
        position, before = reader.position, reader.modified_ns
        reader.start_over([position])
        self.stats.truncated += 1
        others = [file for file in self._siblings() if file.modified_ns >= before]
        return self._retire(self._unread(others, [position])[1], now)

    def _look_at_path(self, now: float) -> bool:
        """Compare the path with what is open; True where there is another file to read."""
        try:
            status = Path(self.path).stat()
        except (FileNotFoundError, NotADirectoryError):
            if self._vacant_since is None:
                self._vacant_since = now
                self._retire(self._readers[-1:], now)
            self._start = None
            self.stats.unreadable = None
            self.stats.file_bytes = 0
            return False
        if self._vacant_since is not None:
            self._vacant_since = None
        identity = status.st_dev, status.st_ino
        current = self._readers[-1] if self._readers else None
        if current is not None and identity == (current.device, current.inode):
            self._named_ns = status.st_mtime_ns
            self.stats.unreadable = None
            return False
        for reader in self._readers:
            if identity == (reader.device, reader.inode):  # an old file has got its name back
                self._readers.remove(reader)
                self._readers.append(reader)
                return True
        opened = self._open(self.path)
        if opened is None or not self._claim(opened):
            return False
        self.stats.unreadable = None
        if current is None:
            before = self._begin(opened)
        else:
            before = self._rotated_between(current, opened)
            self._resume(opened, self._files.positions(opened.device, opened.inode))
            self.stats.rotated += 1 + len(before)
        self._readers += self._retire(before, now)
        if current is not None:
            self._retire([current], now)
        self._readers.append(opened)
        self._named_ns = opened.modified_ns
        self._start = None
        return True

    def _begin(self, reader: FileReader) -> list[FileReader]:
        """Place the first file of the path; return what was rotated away while nobody read."""
        known = self._files.positions(reader.device, reader.inode)
        if isinstance(self._start, Position):
            known = [self._start, *known]
        others = self._siblings(reader)
        if self._resume(reader, known):
            return self._unread(others, known, fresh=False)[1]
        rotated, before = self._unread(others, known)
        if known:
            self.stats.truncated += 1
        elif rotated:
            self.stats.rotated += 1
        elif isinstance(self._start, ReadBack):
            reader.read_back(self._start.size)
        return before

    def _siblings(self, opened: FileReader | None = None) -> list[Sibling]:
        """Return the path's rotated siblings that are not open here, oldest first."""
        mine = {(reader.device, reader.inode) for reader in self._readers}
        if opened is not None:
            mine.add((opened.device, opened.inode))
        return [file for file in siblings(self.path) if (file.device, file.inode) not in mine]

    def _unread(
        self, others: list[Sibling], known: list[Position], *, fresh: bool = True
    ) -> tuple[bool, list[FileReader]]:
        """Find what is unread in rotated siblings, oldest first; also say if any was read before.

        Those are: siblings with a saved position; a copy (by content, made by copytruncate) of
        the file that ``known`` was taken of; and, where ``fresh``, what is younger than the
        youngest of these. What is older was there before this path was ever read.
        """
        anchored = False
        younger: list[Sibling] = []
        unread: list[FileReader] = []
        for file in reversed(others):
            saved = self._files.positions(file.device, file.inode)
            copied = [] if saved or anchored else [at for at in known if at.offset > 0]
            reader = self._open_sibling(file, saved or copied, foreign=not saved)
            if reader is None:
                younger += [] if anchored else [file]
                continue
            anchored = True
            if reader.lag_bytes and self._claim(reader):
                unread.append(reader)
            elif not reader.lag_bytes:
                reader.close()
        unread.reverse()
        if anchored and fresh:
            unread += self._whole(reversed(younger))
        return anchored, unread

    def _rotated_between(self, last: FileReader, opened: FileReader) -> list[FileReader]:
        """Return what took the path's name and lost it again between ``last`` and ``opened``."""
        found = siblings(self.path)
        names = [f.path for f in found if (f.device, f.inode) == (last.device, last.inode)]
        # Deleted or moved elsewhere, it has no name to decide a tie by: then a tie is younger.
        limit = age(names[0], self._named_ns) if names else (self._named_ns, -sys.maxsize, "")
        return self._whole(file for file in self._siblings(opened) if file.age > limit)

    def _whole(self, files: Iterable[Sibling]) -> list[FileReader]:
        """Open rotated files from their beginning, or from where they are known to stand."""
        readers = []
        for file in files:
            with suppress(OSError):
                reader = self._open(file.path)
                if reader is not None and self._claim(reader):
                    self._resume(reader, self._files.positions(reader.device, reader.inode))
                    readers.append(reader)
        return readers

    def _open_sibling(
        self, file: Sibling, known: list[Position], *, foreign: bool
    ) -> FileReader | None:
        """Open ``file``, unclaimed, at the farthest of the ``known`` positions that fits it."""
        if not any(at.offset <= file.size for at in known):
            return None
        with suppress(OSError):
            reader = self._open(file.path)
            if reader is not None:
                if self._resume(reader, known, foreign=foreign):
                    return reader
                reader.close()
        return None

    @staticmethod
    def _resume(reader: FileReader, known: list[Position], *, foreign: bool = False) -> bool:
        """Go on from the farthest of the ``known`` positions that fits, else start over."""
        for position in sorted(known, key=lambda at: at.offset, reverse=True):
            if reader.resume(position, foreign=foreign):
                return True
        reader.start_over(known)
        return False

    def _open(self, path: str) -> FileReader | None:
        # O_NONBLOCK: opening a FIFO must not wait for its writer
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        descriptor = os.open(path, flags)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            if path == self.path:
                self.stats.unreadable = "not a regular file"
            return None
        return FileReader(descriptor, self._limits, self.source, self.path)

    def _claim(self, reader: FileReader) -> bool:
        """Reserve an open file for this tail; close it where it is read already."""
        mine = any((r.device, r.inode) == (reader.device, reader.inode) for r in self._readers)
        if mine or not self._files.claim(reader.device, reader.inode, self):
            reader.close()
            return False
        return True

    @staticmethod
    def _retire(readers: list[FileReader], now: float) -> list[FileReader]:
        """Start the quiet time after which these files are given up."""
        for reader in readers:
            reader.changed = now
        return readers


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
