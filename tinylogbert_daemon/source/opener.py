"""Opens the files of one path, each where it was left, and finds those rotated away from it."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tinylogbert_daemon.source.block import Position
from tinylogbert_daemon.source.identity import Sibling, age, siblings
from tinylogbert_daemon.source.limits import Form, Limits
from tinylogbert_daemon.source.reader import FileReader
from tinylogbert_daemon.source.registry import OpenFiles


class Opener:
    """Opens, places and claims files for a tail.

    ``files`` knows positions and claims; ``owner`` is in whose name files are claimed.
    """

    def __init__(
        self,
        path: str,
        source: str,
        limits: Limits,
        files: OpenFiles,
        *,
        form: Form,
        owner: object,
    ) -> None:
        self._path = path
        self._source = source
        self._limits = limits
        self._form = form
        self._files = files
        self._owner = owner
        self._mine: set[tuple[int, int]] = set()

    def open(self, path: str) -> FileReader | None:
        """Open and claim a file, at its beginning; None where it is read already.

        Raises ``OSError``, also for what is no regular file.
        """
        reader = self._open(path)
        with _closing_on_error(reader):
            return reader if self._claim(reader) else None

    def place(self, reader: FileReader, known: list[Position], *, foreign: bool = False) -> bool:
        """Go on from the farthest of the ``known`` positions that fits, else start over."""
        for position in sorted(known, key=lambda at: at.offset, reverse=True):
            if reader.resume(position, foreign=foreign):
                return True
        reader.start_over(known)
        return False

    def known(self, reader: FileReader) -> list[Position]:
        """Return what is known of an open file."""
        return self._files.positions(reader.device, reader.inode)

    def leave(self, reader: FileReader, *, remember: bool = True) -> None:
        """Close a file and end its claim; remember where it stands for whoever opens it next."""
        self._mine.discard(reader.identity)
        position = reader.position if remember else None
        self._files.release(*reader.identity, self._owner, position)
        reader.close()

    def siblings(self) -> list[Sibling]:
        """Return the path's rotated siblings that are not open here, oldest first."""
        return [file for file in siblings(self._path) if file.identity not in self._mine]

    def unread(
        self, others: list[Sibling], known: list[Position], *, fresh: bool = True
    ) -> tuple[bool, list[FileReader]]:
        """Open what is unread in rotated siblings, oldest first; also say if any was read before.

        Those are: siblings with a position; a copy (by content, made by copytruncate) of the file
        that ``known`` was taken of; and, where ``fresh``, what is younger than the youngest of
        these. What is older was there before this path was ever read.
        """
        anchored = False
        younger: list[Sibling] = []
        found: list[FileReader] = []
        for file in reversed(others):
            saved = self._files.positions(*file.identity)
            copied = [] if saved or anchored else [at for at in known if at.offset > 0]
            reader = self._open_known(file, saved or copied, foreign=not saved)
            if reader is None:
                known = [*known, *saved]  # truncated: an older one may be the copy of what it was
                younger += [] if anchored else [file]
                continue
            anchored = True
            if reader.lag_bytes == 0:
                # remembered, so that a copy is not taken for a file that nobody has read
                self._files.release(*reader.identity, self._owner, reader.position)
                reader.close()
            elif self._claim(reader):
                found.append(reader)
        found.reverse()
        if anchored and fresh:
            found += self.whole(reversed(younger))
        return anchored, found

    def rotated_between(self, last: FileReader, named_ns: int) -> list[FileReader]:
        """Open what took the path's name after ``last`` and has lost it again.

        ``named_ns`` is the time of the last write to ``last`` known of while it had the name.
        """
        found = siblings(self._path)
        names = [file.path for file in found if file.identity == last.identity]
        # Deleted or moved elsewhere, it has no name to decide a tie by: then a tie is younger.
        limit = age(names[0], named_ns) if names else (named_ns, -sys.maxsize, "")
        return self.whole((file for file in self.siblings() if file.age > limit), last)

    def whole(self, files: Iterable[Sibling], last: FileReader | None = None) -> list[FileReader]:
        """Open rotated files at their beginning, or where they are known to stand.

        Copies of ``last`` are left out.
        """
        readers = []
        for file in files:
            try:
                reader = self.open(file.path)
                if reader is None:
                    continue
                try:
                    placed = self.place(reader, self.known(reader))
                    copied = not placed and last is not None and reader.is_part_of(last)
                except BaseException:
                    self.leave(reader, remember=False)
                    raise
                if copied:
                    self.leave(reader, remember=False)
                else:
                    readers.append(reader)
            except OSError:  # gone again, or not ours to read
                continue
        return readers

    def _open_known(
        self, file: Sibling, known: list[Position], *, foreign: bool
    ) -> FileReader | None:
        """Open ``file``, unclaimed, at the farthest of the ``known`` positions that fits it."""
        if not any(at.offset <= file.size for at in known):
            return None
        try:
            reader = self._open(file.path)
            with _closing_on_error(reader):
                if self.place(reader, known, foreign=foreign):
                    return reader
        except OSError:
            return None
        reader.close()
        return None

    def _open(self, path: str) -> FileReader:
        # O_NONBLOCK: opening a FIFO must not wait for its writer
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        descriptor = os.open(path, flags)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError("not a regular file")
            return FileReader(descriptor, self._limits, self._form, self._source, self._path)
        except BaseException:
            os.close(descriptor)
            raise

    def _claim(self, reader: FileReader) -> bool:
        """Reserve an open file; close it where it is read already, here or by another tail."""
        if reader.identity in self._mine or not self._files.claim(*reader.identity, self._owner):
            reader.close()
            return False
        self._mine.add(reader.identity)
        return True


@contextmanager
def _closing_on_error(reader: FileReader) -> Iterator[None]:
    try:
        yield
    except BaseException:
        reader.close()
        raise
