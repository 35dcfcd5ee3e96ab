"""Finds what was rotated away from one path, and opens of it what is unread."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import suppress

from tinylogbert_daemon.source.block import Block, Position
from tinylogbert_daemon.source.identity import Sibling, age, bases, compressed_meanwhile
from tinylogbert_daemon.source.opener import Opener, closing_on_error, with_content
from tinylogbert_daemon.source.reader import FileReader
from tinylogbert_daemon.source.registry import OpenFiles


class Rotated:
    """The rotated siblings of a path, opened by its ``opener``; ``files`` knows positions."""

    def __init__(self, opener: Opener, files: OpenFiles) -> None:
        self._opener = opener
        self._files = files
        # (device, inode, size) of packed files that were looked into
        self._judged: set[tuple[int, int, int]] = set()
        self.copies: list[Block] = []
        """Copies of what was read, for the state to know; whoever takes one removes it."""

    def siblings(self) -> list[Sibling]:
        """Return the path's rotated siblings that are not open here, oldest first."""
        return self._not_open(self._opener.siblings())

    def _not_open(self, found: list[Sibling]) -> list[Sibling]:
        found = [file for file in found if file.identity not in self._opener.readers]
        self._judged &= {(*file.identity, file.size) for file in found}
        return found

    def unread(
        self,
        others: list[Sibling],
        known: list[Position],
        log: FileReader | None = None,
        *,
        fresh: bool = True,
    ) -> tuple[bool, list[FileReader]]:
        """Open what is unread in rotated siblings, oldest first; also say if any was read before.

        Those are: siblings with a position; a copy (by content, made by copytruncate) of the file
        that ``known`` was taken of; the compressed form of any file with a position; and, where
        ``fresh``, what is younger than one of these. What is older was there before this path was
        ever read. It ends with the youngest that this tail has read, as it reads the oldest first;
        the tail of another name may have read its file before what is older. Mere copies of
        ``log`` are left out. A file that was only seen, and empty, counts for this where there is
        nothing better, as its inode may be that of a younger one now.
        """
        begun = over = False  # whether any was read before, and by this tail
        found: list[FileReader | Sibling] = []  # the youngest first
        new = 0  # of those, how many are younger than one that was read before
        seen: set[tuple[int, int]] = set()
        for file in reversed(others):
            saved = self._files.positions(*file.identity)
            own = with_content(saved)
            only_seen = bool(saved) and not own and not file.packed
            reader, tried = self._resumed(file, own, known, older=over)
            if reader is None and (packed := compressed_meanwhile(file)) is not None:
                file = packed  # noqa: PLW2901 - the same one
                reader, tried = self._resumed(file, own, known, older=over)
            if reader is None and tried is not None:
                # truncated: an older one may be the copy of what it was
                known = [*known, *own]
                if only_seen or (fresh and not over):
                    found.append(file)
                if only_seen:
                    seen.add(file.identity)
                    new = new if begun else len(found)
                continue
            begun, new = True, len(found)
            over = over or reader is None or self._opener.was_read_here(reader, tried or [])
            if reader is not None and self._taken(reader, file, own):
                found.append(reader)
        readers: list[FileReader] = []
        for place, one in reversed(list(enumerate(found))):
            if isinstance(one, FileReader):
                readers.append(one)
            elif place < new or one.identity in seen:
                readers += self.whole([one], log)
        return begun or new > 0, readers

    def _taken(self, reader: FileReader, file: Sibling, own: list[Position]) -> bool:
        """Claim what was placed where it was left; tell whether there is anything more to read."""
        unread = reader.lag_bytes > 0
        if unread and not self._opener.claim(reader):
            return False
        # remembered, so that a copy is not taken for a file that nobody has read
        if not file.packed and reader.position.key not in {at.key for at in own}:
            self.copies.append(reader.standing())
        if not unread:
            self._opener.leave(reader)
        return unread

    def between(
        self, last: FileReader, named_ns: int, log: FileReader | None = None
    ) -> list[FileReader]:
        """Open what took the path's name after ``last`` and has lost it again, now to ``log``.

        ``named_ns`` is the time of the last write to ``last`` known of while it had the name.
        """
        found = self._opener.siblings()
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
            log,
        )

    def whole(self, files: Iterable[Sibling], *logs: FileReader | None) -> list[FileReader]:
        """Open rotated files at their beginning, or where they are known to stand.

        Copies of ``logs`` are left out, and so are packed forms of what was read or is open.
        """
        originals = [log for log in logs if log is not None]
        readers = []
        for file in files:
            with suppress(OSError):  # gone again, or not ours to read
                try:
                    reader = self._begin(file, originals)
                except FileNotFoundError:
                    packed = compressed_meanwhile(file)
                    reader = self._begin(packed, originals) if packed is not None else None
                if reader is not None:
                    readers.append(reader)
        return readers

    def is_copy(self, path: str) -> bool:
        """Tell whether the file at ``path``, of which nothing is known, is the copy of a log.

        By content and by name, and of one that is followed too: copytruncate makes such a copy, and
        a glob may match it. It is left to the tail of that log, which reads of it what the log has
        lost. What is empty may become one.
        """
        look = self._opener.looking_at
        for base in filter(self._files.is_followed, bases(path)):
            with suppress(OSError), look(path) as file, look(base) as log:
                own = self._opener.known(file)
                if file.identity == log.identity or any(file.fits(at) for at in own):
                    return False
                if file.size == 0 or file.is_part_of(log, 1) or self._was_part_of(file, log):
                    return True
        return False

    def _was_part_of(self, file: FileReader, log: FileReader) -> bool:
        """Tell whether ``log`` was truncated, nobody has looked yet, and ``file`` is its copy.

        All of this may happen, and go on, while it is looked at. Read from a log that was not
        truncated up to now, ``file`` would have been told for a part of it.
        """
        given = self._files.given(*log.identity)
        known = self._files.positions(*log.identity) if given is None else [given]
        if any(log.fits(at) for at in known):
            return False
        file.look()  # what it lacked a moment ago it has now: only then is a log truncated
        return any(file.fits(at) for at in known)

    def _begin(self, file: Sibling, logs: list[FileReader]) -> FileReader | None:
        """Open one file for :meth:`whole`; None where it is no new one. Raises ``OSError``."""
        if file.packed:
            # unpacking it takes time: once is enough, unless it was not complete
            if (state := (*file.identity, file.size)) in self._judged:
                return None
            self._judged.add(state)
        reader = self._opener.open_sibling(file)
        with closing_on_error(reader):
            if not self._opener.claim(reader):
                return None
        try:
            new = not self._is_read(reader) if file.packed else self._is_new(reader, logs)
        except BaseException:
            self._opener.leave(reader, remember=False)
            raise
        if not new:
            self._opener.leave(reader, remember=False)
        return reader if new else None

    def _is_new(self, reader: FileReader, logs: list[FileReader]) -> bool:
        """Place a file; tell whether it is no mere copy of one of ``logs``."""
        placed = self._opener.place(reader, self._opener.known(reader))
        return placed or not any(reader.is_part_of(log) for log in logs)

    def _is_read(self, reader: FileReader) -> bool:
        """Place a packed file; tell whether all of it was read, or is read, unpacked."""
        others = [other for other in self._opener.readers.values() if other is not reader]
        # what was compressed is no log that somebody has begun
        if any(reader.is_part_of(other, 1) for other in others):
            return True
        if not self._opener.place(reader, self._opener.known(reader)):
            before = self._files.alike(reader.head)
            if before is None:
                return True
            self._opener.place(reader, before, foreign=True)
        return reader.lag_bytes == 0

    def _packed_before(self, file: Sibling, known: list[Position]) -> list[Position] | None:
        """Return what is known of files that may be ``file`` unpacked; None where one is open.

        Those that ``known`` was taken of are no longer what they were.
        """
        past = {(at.key.device, at.key.inode) for at in known}
        return self._files.alike(self._opener.begin(file, unpacked=True), past)

    def _resumed(
        self, file: Sibling, own: list[Position], known: list[Position], *, older: bool
    ) -> tuple[FileReader | None, list[Position] | None]:
        """Open ``file`` where a position fits: its own, or one that ``known`` was taken of.

        Also return the positions tried, None where a file is open that may be ``file`` unpacked.
        What is ``older`` than what was read before is a copy if all of it was read, too.
        """
        contents = [at for at in known if at.offset > 0]
        if file.packed:
            if older and not own:
                return None, []
            # of a copy that was read farther; an inode may be that of quite another file now
            before = self._packed_before(file, known)
            if before is None:
                return None, None
            tried = [*(own or contents), *before]
            return self._opener.open_known(file, tried, foreign=True), tried
        # a copy may have got the inode of what was read before
        reader = self._opener.open_known(file, own, foreign=False)
        if reader is not None:
            return reader, own
        reader = self._opener.open_known(file, contents, foreign=True)
        if reader is not None and older and reader.lag_bytes:
            reader.close()
            reader = None
        return reader, contents
