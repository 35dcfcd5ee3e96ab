"""Opens the files of one path, each where it was left, and claims them for its tail."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tinylogbert_daemon.source.block import HEAD_BYTES, Position
from tinylogbert_daemon.source.identity import ANY_CONTENT, Sibling, siblings
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
        self.readers: dict[tuple[int, int], FileReader] = {}
        """The files that are claimed here, by (device, inode)."""

    def open(self, path: str) -> FileReader | None:
        """Open and claim a file, at its beginning; None where it is read already.

        Raises ``OSError``, also for what is no regular file.
        """
        reader = self._open(path)
        with closing_on_error(reader):
            return reader if self.claim(reader) else None

    @contextmanager
    def looking_at(self, path: str) -> Iterator[FileReader]:
        """Open a file for the block alone, unclaimed. Raises ``OSError``, as :meth:`open` does."""
        reader = self._open(path)
        try:
            yield reader
        finally:
            reader.close()

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
        return with_content(self._files.positions(*reader.identity))

    def is_sighted(self, reader: FileReader) -> bool:
        """Tell whether an open file is known, be it only that it is there."""
        return bool(self._files.positions(*reader.identity))

    def leave(self, reader: FileReader, *, remember: bool = True) -> None:
        """Close a file and end its claim; remember where it stands for whoever opens it next."""
        self.readers.pop(reader.identity, None)
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

    def is_read(self, file: Sibling) -> bool:
        """Tell whether a sibling is read by any tail."""
        return self._files.is_claimed(*file.identity)

    def was_read_here(self, reader: FileReader, known: list[Position]) -> bool:
        """Tell whether it was this tail that has read up to where ``reader`` was placed.

        That is one of the ``known`` positions. Where nobody knows, it was.
        """
        keys = [at.key for at in known if at.offset == reader.offset]
        return not keys or any(self._files.is_read_by(self._owner, self._path, key) for key in keys)

    def siblings(self) -> list[Sibling]:
        """Return the path's rotated siblings, open or not, oldest first."""
        return siblings(self._path, self._files.listings)

    def open_known(
        self, file: Sibling, known: list[Position], *, foreign: bool
    ) -> FileReader | None:
        """Open ``file``, unclaimed, at the farthest of the ``known`` positions that fits it."""
        if not any(file.packed or at.offset <= file.size for at in known):
            return None
        try:
            reader = self.open_sibling(file)
            with closing_on_error(reader):
                if self.place(reader, known, foreign=foreign):
                    return reader
        except OSError:
            return None
        reader.close()
        return None

    def open_sibling(self, file: Sibling) -> FileReader:
        """Open a sibling, wherever rotations have moved it since. Raises ``OSError``."""
        for _ in range(_MOST_MOVES):
            with suppress(FileNotFoundError):
                reader = self._open(file.path, file.packed)
                if reader.identity == file.identity:
                    return reader
                reader.close()
            moved = [one for one in self.siblings() if one.identity == file.identity]
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

    def claim(self, reader: FileReader) -> bool:
        """Reserve an open file; close it where it is read already, here or by another tail."""
        if reader.identity in self.readers or not self._files.claim(
            *reader.identity, self._owner, reader
        ):
            reader.close()
            return False
        self.readers[reader.identity] = reader
        return True


def with_content(positions: list[Position]) -> list[Position]:
    """Leave out what says only that a file with this inode was there, with nothing read of it."""
    return [at for at in positions if at.offset > 0 or at.key.head != ANY_CONTENT]


@contextmanager
def closing_on_error(reader: FileReader) -> Iterator[None]:
    """Close ``reader`` where the block raises."""
    try:
        yield
    except BaseException:
        reader.close()
        raise
