"""One path as one endless stream of blocks, whatever is done to the file behind the name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tinylogbert_daemon.clock import Clock
from tinylogbert_daemon.source.block import Block, Position
from tinylogbert_daemon.source.limits import Form, Limits, TruncatedError
from tinylogbert_daemon.source.opener import Opener
from tinylogbert_daemon.source.reader import FileReader
from tinylogbert_daemon.source.registry import OpenFiles
from tinylogbert_daemon.source.rotated import Rotated
from tinylogbert_daemon.source.settled import Settled
from tinylogbert_daemon.source.strangers import Strangers

__all__ = ["Form", "Limits", "ReadBack", "Start", "Tail", "TailStats"]


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
        form: Form | None = None,
    ) -> None:
        self.path = path
        self.source = source
        self.stats = TailStats()
        self._clock = clock
        self._files = files if files is not None else OpenFiles()
        self._start = start
        self._limits = limits or Limits()
        self._opener = Opener(
            path, source, self._limits, self._files, form=form or Form(), owner=self
        )
        self._rotated = Rotated(self._opener, self._files)
        self._files.follow(path, self)
        # in order of age; the last is what the path names, or named when it last named anything
        self._readers: list[FileReader] = []
        # the last write known of while the path named the last reader's file
        self._named_ns = 0
        self._vacant_since: float | None = None
        self._settled = Settled()
        self._strangers: Strangers | None = None  # since the path was seen to name nothing

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
        self._settled.end()
        try:
            while True:
                block = self._read_open(now)
                if block is not None or not self._look_at_path(now):
                    return block
        except OSError as error:
            self.stats.unreadable = _reason(error)
            return None
        finally:
            self._measure()

    def read_at_once(self) -> Block | None:
        """Return the next block if it lies in memory and is one of a file that is read on.

        It does not wait for the disk, so that the event loop may call it: what two threads take
        turns at costs as much as a third of the hot path. None says nothing; :meth:`read` does.
        """
        if len(self._readers) != 1 or self._rotated.copies:
            return None
        try:
            block = self._readers[0].read_at_once(self._clock.monotonic())
        except (OSError, TruncatedError):
            return None
        if block is not None:
            self._settled.end()
            self._measure()
        return block

    def _measure(self) -> None:
        named = self._readers and self._vacant_since is None
        self.stats.file_bytes = self._readers[-1].size if named else 0
        self.stats.lag_bytes = sum(reader.lag_bytes for reader in self._readers)

    def look_at_size(self) -> None:
        """Bring ``stats`` up to date where nothing is read, as a block is not done with yet.

        Also while another thread reads: at worst its figures stand.
        """
        readers = list(self._readers)
        try:
            status = Path(self.path).stat()
        except OSError:
            return
        if readers and (status.st_dev, status.st_ino) == readers[-1].identity:
            growth = max(0, status.st_size - readers[-1].size)
            self.stats.file_bytes = readers[-1].size + growth
            self.stats.lag_bytes = sum(reader.lag_bytes for reader in readers) + growth

    @property
    def settled(self) -> bool:
        """Whether the last read found all read, nothing waiting for time to pass, for a while."""
        return bool(self._settled)

    def is_unchanged(self) -> bool:
        """Whether :meth:`read` would find nothing, told by one ``stat``; for any thread.

        Only what is ``settled`` can be; of all else, False.
        """
        return self._settled.still(self.path)

    def close(self) -> None:
        """Close all descriptors; only saved positions count for whoever reads the files next."""
        for reader in self._readers:
            self._opener.leave(reader, remember=False)
        self._readers.clear()
        self._files.forget(self)
        self._files.unfollow(self.path, self)

    def _read_open(self, now: float) -> Block | None:
        """Return the next block of the oldest file that has one; give up quiet old files."""
        index = 0
        while index < len(self._readers) or self._rotated.copies:
            # before the log's new position tells that it was truncated
            if self._rotated.copies:
                return self._rotated.copies.pop(0)
            reader = self._readers[index]
            younger = self._readers[index + 1 :]
            try:
                # in its turn: a truncated file's old position must hold while its copies are read
                if (sighting := reader.sight()) is not None:
                    return sighting
                # a writer that fills the next file has finished this one
                block = reader.read(now, final=any(file.has_content() for file in younger))
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
        self._opener.leave(reader)

    def _start_over(self, reader: FileReader, now: float) -> list[FileReader]:
        """Begin a truncated file anew; return the copies that hold what it lost unread."""
        position, before = reader.position, reader.modified_ns
        reader.start_over([position])
        self.stats.truncated += 1
        others = [file for file in self._rotated.siblings() if file.written_since(before)]
        return _retire(self._rotated.unread(others, [position], reader)[1], now)

    def _look_at_path(self, now: float) -> bool:
        """Compare the path with what is open; True where there is another file to read."""
        try:
            status = Path(self.path).stat()
        except (FileNotFoundError, NotADirectoryError):
            return self._look_beside(now)
        self._vacant_since = None
        identity = status.st_dev, status.st_ino
        current = self._readers[-1] if self._readers else None
        if current is not None and identity == current.identity:
            self._named_ns = status.st_mtime_ns
            self._strangers = None
            self.stats.unreadable = None
            read = current.lag_bytes == 0 and current.size == status.st_size
            read = read and current.modified_ns == status.st_mtime_ns and len(self._readers) == 1
            self._settled.note(status, now, read=read)
            return False
        for reader in self._readers:
            if identity == reader.identity:  # an old file has got its name back
                _retire(self._readers[-1:], now)
                self._readers.remove(reader)
                self._readers.append(reader)
                return True
        copy = self._start is None and self._rotated.is_copy(self.path)
        opened = None if copy else self._opener.open(self.path)
        self.stats.unreadable = None
        if copy:  # an empty one need not be looked into before it grows
            self._settled.note(status, now, read=status.st_size == 0 and not self._readers)
        if opened is None:
            return False
        try:
            before = self._succeed(opened, current)
        except BaseException:
            self._opener.leave(opened, remember=False)
            raise
        _retire(before if current is None else [current, *before], now)
        self._readers += [*before, opened]
        self._named_ns = opened.modified_ns
        self._start = self._strangers = None
        return True

    def _look_beside(self, now: float) -> bool:
        """Deal with a path that names nothing; True where a file rotated away is unread."""
        beside = self._rotated
        first_look = self._vacant_since is None
        if first_look:
            self._vacant_since = now
            self._start = None
            self.stats.unreadable = None
            _retire(self._readers[-1:], now)
        others = beside.siblings()
        if self._readers:
            come = beside.between(self._readers[-1], self._named_ns)
        elif self._strangers is None:
            come = beside.unread(others, [])[1]
        else:
            come = beside.whole(self._strangers.newcomers(others))
        if self._strangers is None:
            self._strangers = Strangers(others, self._opener.begin)
        if come:
            self._readers += _retire(come, now)
            self._named_ns = come[-1].modified_ns
            self.stats.rotated += len(come)
        return bool(come)

    def _succeed(self, opened: FileReader, current: FileReader | None) -> list[FileReader]:
        """Place the file that has the path's name now; return what had it before, unread."""
        opener, beside = self._opener, self._rotated
        known = opener.known(opened)
        if current is not None:
            opener.place(opened, known)
            before = beside.between(current, self._named_ns, opened)
            self.stats.rotated += 1 + len(before)
            return before
        if isinstance(self._start, Position):
            known = [self._start, *known]
        others = beside.siblings()
        if self._strangers is not None:
            opener.place(opened, known)
            come = self._strangers.newcomers(others)
            old = [file for file in others if file not in come]
            self.stats.rotated += len(come)
            before = beside.unread(old, [], opened, fresh=False)[1]
            return [*before, *beside.whole(come, opened)]
        if opener.place(opened, known):
            return beside.unread(others, [], opened, fresh=False)[1]
        if isinstance(self._start, ReadBack):  # what a tail of its own begins with is no past
            others = [file for file in others if not opener.is_read(file)]
        rotated, before = beside.unread(others, known, opened)
        if known:
            self.stats.truncated += 1
        elif rotated:
            self.stats.rotated += 1
        elif isinstance(self._start, ReadBack) and not opener.is_sighted(opened):
            opened.read_back(self._start.size)
        return before


def _retire(readers: list[FileReader], now: float) -> list[FileReader]:
    """Start the quiet time after which files are given up."""
    for reader in readers:
        reader.changed = now
    return readers


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
