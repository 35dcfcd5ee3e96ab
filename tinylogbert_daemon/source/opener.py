"""Opens the files of one path, each where it was left, and finds those rotated away from it."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from tinylogbert_daemon.source.block import HEAD_BYTES, Block, Position
from tinylogbert_daemon.source.identity import (
    ANY_CONTENT,
    Sibling,
    age,
    compressed_meanwhile,
    siblings,
)
from tinylogbert_daemon.source.limits import Form, Limits
from tinylogbert_daemon.source.rawfile import PackedFile, RawFile
from tinylogbert_daemon.source.reader import FileReader
from tinylogbert_daemon.source.registry import OpenFiles

# How often a file may be moved on between its listing and its opening.
_MOST_MOVES = 50


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
        self._mine: dict[tuple[int, int], FileReader] = {}
        # (device, inode, size) of packed files that were looked into
        self._judged: set[tuple[int, int, int]] = set()
        self.read_copies: list[Block] = []
        """Copies with nothing to read, for the state to know; whoever takes one removes it."""

    def open(self, path: str) -> FileReader | None:
        """Open and claim a file, at its beginning; None where it is read already.

        Raises ``OSError``, also for what is no regular file.
        """
        reader = self._open(path)
        with _closing_on_error(reader):
            return reader if self._claim(reader) else None

    def place(self, reader: FileReader, known: list[Position], *, foreign: bool = False) -> bool:
        """Go on from the farthest of the ``known`` positions that fits, else start over."""
        known = sorted(known, key=lambda at: at.offset)
        if reader.packed:  # which is read forward
            known = [position for position in known if reader.fits(position)]
        for position in reversed(known):
            if reader.resume(position, foreign=foreign):
                return True
        reader.start_over(known)
        return False

    def known(self, reader: FileReader) -> list[Position]:
        """Return what is known of the content of an open file."""
        return _of_content(self._files.positions(*reader.identity))

    def is_sighted(self, reader: FileReader) -> bool:
        """Tell whether an open file is known, be it only that it is there."""
        return bool(self._files.positions(*reader.identity))

    def leave(self, reader: FileReader, *, remember: bool = True) -> None:
        """Close a file and end its claim; remember where it stands for whoever opens it next."""
        self._mine.pop(reader.identity, None)
        position = reader.position if remember else None
        self._files.release(*reader.identity, self._owner, position)
        reader.close()

    def begin(self, file: Sibling, *, unpacked: bool = False) -> bytes:
        """Return the first ``HEAD_BYTES`` of a sibling; none where it cannot be read."""
        try:
            raw = self._raw(file.path, file.packed if unpacked else None)
        except OSError:
            return b""
        try:
            return raw.pread(HEAD_BYTES, 0)
        except OSError:
            return b""
        finally:
            raw.close()

    def siblings(self) -> list[Sibling]:
        """Return the path's rotated siblings that are not open here, oldest first."""
        return self._not_open(self._siblings())

    def _siblings(self) -> list[Sibling]:
        return siblings(self._path, self._files.listings)

    def _not_open(self, found: list[Sibling]) -> list[Sibling]:
        found = [file for file in found if file.identity not in self._mine]
        self._judged &= {(*file.identity, file.size) for file in found}
        return found

    def unread(
        self, others: list[Sibling], known: list[Position], *, fresh: bool = True
    ) -> tuple[bool, list[FileReader]]:
        """Open what is unread in rotated siblings, oldest first; also say if any was read before.

        Those are: siblings with a position; a copy (by content, made by copytruncate) of the file
        that ``known`` was taken of; the compressed form of any file with a position; and, where
        ``fresh``, what is younger than the youngest of these. What is older was there before this
        path was ever read. A file that was only seen, and empty, counts for this where there is
        nothing better, as its inode may be that of a younger one now.
        """
        anchored = False
        found: list[FileReader | Sibling] = []  # the youngest first
        count = 0  # of those up to the oldest that was only seen
        for file in reversed(others):
            saved = self._files.positions(*file.identity)
            of_content = _of_content(saved)
            only_seen = bool(saved) and not of_content and not file.packed
            contents = [] if anchored else [at for at in known if at.offset > 0]
            copied = [] if of_content else contents
            if file.packed and (copied or of_content):
                # of a copy that was read farther; an inode may be that of quite another file now
                copied = [*copied, *of_content, *(self._packed_before(file, known) or [])]
            reader = self._open_known(file, copied, foreign=True)
            reader = reader or self._open_known(file, of_content, foreign=False)
            # a copy may have got the inode of what was read before
            again = contents if of_content and not file.packed else []
            reader = reader or self._open_known(file, again, foreign=True)
            if reader is None:
                file = compressed_meanwhile(file) or file  # noqa: PLW2901 - the same one
            if reader is None and file.packed and not anchored:
                before = self._packed_before(file, known)
                if before is None:
                    anchored = True
                    continue
                reader = self._open_known(file, before, foreign=True)
            if reader is None:
                # truncated: an older one may be the copy of what it was
                known = [*known, *of_content]
                if only_seen or (fresh and not anchored):
                    found.append(file)
                if only_seen and not anchored:
                    count = len(found)
                continue
            anchored = True
            if reader.lag_bytes == 0:
                # remembered, so that a copy is not taken for a file that nobody has read
                if not file.packed and reader.position.key not in {at.key for at in of_content}:
                    self.read_copies.append(reader.standing())
                self._files.release(*reader.identity, self._owner, reader.position)
                reader.close()
            elif self._claim(reader):
                found.append(reader)
        readers: list[FileReader] = []
        for one in reversed(found if anchored else found[:count]):
            readers += [one] if isinstance(one, FileReader) else self.whole([one])
        return anchored or count > 0, readers

    def rotated_between(self, last: FileReader, named_ns: int) -> list[FileReader]:
        """Open what took the path's name after ``last`` and has lost it again.

        ``named_ns`` is the time of the last write to ``last`` known of while it had the name.
        """
        found = self._siblings()
        names = [file.path for file in found if file.identity == last.identity]
        # Deleted or moved elsewhere, it has no name to decide a tie by: then a tie is younger.
        limit = age(names[0], named_ns) if names else (named_ns, -sys.maxsize, "")
        # of packed files the content decides
        return self.whole(
            (
                file
                for file in self._not_open(found)
                if file.age > limit or (file.packed and file.written_since(named_ns))
            ),
            last,
        )

    def whole(self, files: Iterable[Sibling], last: FileReader | None = None) -> list[FileReader]:
        """Open rotated files at their beginning, or where they are known to stand.

        Copies of ``last`` are left out, and so are packed forms of what was read or is open.
        """
        readers = []
        for file in files:
            with suppress(OSError):  # gone again, or not ours to read
                try:
                    reader = self._begin(file, last)
                except FileNotFoundError:
                    packed = compressed_meanwhile(file)
                    reader = self._begin(packed, last) if packed is not None else None
                if reader is not None:
                    readers.append(reader)
        return readers

    def _begin(self, file: Sibling, last: FileReader | None) -> FileReader | None:
        """Open one file for :meth:`whole`; None where it is no new one. Raises ``OSError``."""
        if file.packed:
            # unpacking it takes time: once is enough, unless it was not complete
            if (state := (*file.identity, file.size)) in self._judged:
                return None
            self._judged.add(state)
        reader = self._open_sibling(file)
        with _closing_on_error(reader):
            if not self._claim(reader):
                return None
        try:
            new = not self._is_read(reader) if file.packed else self._is_new(reader, last)
        except BaseException:
            self.leave(reader, remember=False)
            raise
        if not new:
            self.leave(reader, remember=False)
        return reader if new else None

    def _is_new(self, reader: FileReader, last: FileReader | None) -> bool:
        """Place a file; tell whether it is no mere copy of ``last``."""
        placed = self.place(reader, self.known(reader))
        return placed or last is None or not reader.is_part_of(last)

    def _is_read(self, reader: FileReader) -> bool:
        """Place a packed file; tell whether all of it was read, or is read, unpacked."""
        others = [other for other in self._mine.values() if other is not reader]
        if any(reader.is_part_of(other) for other in others):
            return True
        if not self.place(reader, self.known(reader)):
            before = self._files.alike(reader.head)
            if before is None:
                return True
            self.place(reader, before, foreign=True)
        return reader.lag_bytes == 0

    def _packed_before(self, file: Sibling, known: list[Position]) -> list[Position] | None:
        """Return what is known of files that may be ``file`` unpacked; None where one is open.

        Those that ``known`` was taken of are no longer what they were.
        """
        past = {(at.key.device, at.key.inode) for at in known}
        return self._files.alike(self.begin(file, unpacked=True), past)

    def _open_known(
        self, file: Sibling, known: list[Position], *, foreign: bool
    ) -> FileReader | None:
        """Open ``file``, unclaimed, at the farthest of the ``known`` positions that fits it."""
        if not any(file.packed or at.offset <= file.size for at in known):
            return None
        try:
            reader = self._open_sibling(file)
            with _closing_on_error(reader):
                if self.place(reader, known, foreign=foreign):
                    return reader
        except OSError:
            return None
        reader.close()
        return None

    def _open_sibling(self, file: Sibling) -> FileReader:
        """Open a sibling, wherever rotations have moved it since. Raises ``OSError``."""
        for _ in range(_MOST_MOVES):
            with suppress(FileNotFoundError):
                reader = self._open(file.path, file.packed)
                if reader.identity == file.identity:
                    return reader
                reader.close()
            moved = [one for one in self._siblings() if one.identity == file.identity]
            if not moved:
                break
            file = moved[0]
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), file.path)

    def _open(self, path: str, packed: str | None = None) -> FileReader:
        file = self._raw(path, packed)
        try:
            return FileReader(file, self._limits, self._form, self._source, self._path)
        except BaseException:
            file.close()
            raise

    def _raw(self, path: str, packed: str | None) -> RawFile:
        # O_NONBLOCK: opening a FIFO must not wait for its writer
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        descriptor = os.open(path, flags)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError("not a regular file")
            return PackedFile(descriptor, packed) if packed else RawFile(descriptor)
        except BaseException:
            os.close(descriptor)
            raise

    def _claim(self, reader: FileReader) -> bool:
        """Reserve an open file; close it where it is read already, here or by another tail."""
        if reader.identity in self._mine or not self._files.claim(
            *reader.identity, self._owner, lambda: reader.head
        ):
            reader.close()
            return False
        self._mine[reader.identity] = reader
        return True


def _of_content(positions: list[Position]) -> list[Position]:
    """Leave out what says only that a file with this inode was there, with nothing read of it."""
    return [at for at in positions if at.offset > 0 or at.key.head != ANY_CONTENT]


@contextmanager
def _closing_on_error(reader: FileReader) -> Iterator[None]:
    try:
        yield
    except BaseException:
        reader.close()
        raise
