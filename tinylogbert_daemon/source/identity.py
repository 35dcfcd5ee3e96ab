"""Which file is which, whatever its name is: content fingerprints and rotated siblings."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path

from tinylogbert_daemon.source.block import HEAD_BYTES, TAIL_BYTES, Position, digest
from tinylogbert_daemon.source.content import COMPRESSED_SUFFIXES
from tinylogbert_daemon.source.listing import Listings
from tinylogbert_daemon.source.rawfile import PACKED_SUFFIXES, RawFile

_LENGTH_BYTES = 2
_SECOND_NS = 1_000_000_000
# Rotations come seconds apart, and each is over in a moment.
_MOST_LOOKS = 50
_ROTATION_NUMBER = re.compile(r"\.(\d{1,4})$", re.ASCII)
# A date before the ending, as of logrotate's `extension` and Log4j: app-2031-05-09-1.log.gz. A bare
# number there tells as well which of several programs it is.
_CENTURIES = tuple(f"{sign}{century}" for sign in ".-" for century in (19, 20))
_DATE = re.compile(
    r"[.-](?:19|20)\d\d([-_.]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])(?:[-_.T]?\d+)*$", re.ASCII
)


def fingerprint(head: bytes) -> bytes:
    """Return the fingerprint of a file's first bytes: their number (2 bytes) and their digest.

    The number stands in front so that a longer file can be compared without knowing how much of
    it was there when the fingerprint was taken. That of no bytes fits every file.
    """
    return len(head).to_bytes(_LENGTH_BYTES, "big") + digest(head)


ANY_CONTENT = fingerprint(b"")
"""The fingerprint in the key of a file whose first line has no end yet."""


def fingerprint_length(mark: bytes) -> int:
    """Return how many first bytes a :func:`fingerprint` was taken of."""
    return int.from_bytes(mark[:_LENGTH_BYTES], "big")


def read_head(file: RawFile) -> bytes:
    """Return the bytes that identify an open file: its first line, at most ``HEAD_BYTES``.

    Empty where the first line has no end yet: such a file has no identity.
    """
    head = file.pread(HEAD_BYTES, 0)
    end = head.find(b"\n") + 1
    return head[: end or HEAD_BYTES] if end or len(head) == HEAD_BYTES else b""


def matches(file: RawFile, position: Position, size: int) -> bool:
    """Tell whether an open file of ``size`` bytes continues what ``position`` was taken of.

    Its head must be that of the key and the bytes before the offset must be those of the tail,
    whatever its device and inode are: a copy made by copytruncate matches too.
    """
    if position.offset > size:
        return False
    head = file.pread(fingerprint_length(position.key.head), 0)
    if fingerprint(head) != position.key.head:
        return False
    return digest(read_tail(file, position.offset)) == position.tail


def read_tail(file: RawFile, offset: int) -> bytes:
    """Return the at most ``TAIL_BYTES`` bytes before ``offset``."""
    length = min(TAIL_BYTES, offset)
    return file.pread(length, offset - length)


def alike(head: bytes, positions: Iterable[Position]) -> list[Position]:
    """Return those ``positions`` whose files begin as ``head`` does, if they have an identity."""
    marks: dict[bytes, bytes] = {}  # by the length that stands in front
    found = []
    for position in positions:  # thousands, for each packed file
        mark = position.key.head
        front = mark[:_LENGTH_BYTES]
        if front not in marks:
            length = fingerprint_length(mark)
            marks[front] = fingerprint(head[:length]) if 0 < length <= len(head) else b""
        if marks[front] == mark:
            found.append(position)
    return found


@dataclass(frozen=True, slots=True)
class Sibling:
    """A file whose name says that it was rotated away from a path; its own size, if packed."""

    path: str
    device: int
    inode: int
    size: int
    modified_ns: int

    @property
    def identity(self) -> tuple[int, int]:
        """The device and inode."""
        return self.device, self.inode

    @property
    def packed(self) -> str | None:
        """The kind of its compression, of those that can be read; None without."""
        return PACKED_SUFFIXES.get(Path(self.path).suffix.lower())

    def written_since(self, when_ns: int) -> bool:
        """Tell whether the last write may have been at ``when_ns`` or later.

        Some compressors round the time to seconds.
        """
        return self.modified_ns + (_SECOND_NS if self.rounded else 0) >= when_ns

    @property
    def rounded(self) -> bool:
        """Whether the time of the last write has lost its fraction of a second."""
        return self.packed is not None and self.modified_ns % _SECOND_NS == 0

    @property
    def age(self) -> tuple[int, int, str]:
        """Sort key, oldest first: the time of the last write, then the rotation number.

        The name decides only between files written within one tick of the file system's clock,
        where ``.2`` is older than ``.1`` and a date in the name grows with time.
        """
        return age(self.path, self.modified_ns)


def age(path: str, modified_ns: int) -> tuple[int, int, str]:
    """Return the sort key of :attr:`Sibling.age` for any file."""
    root, suffix = os.path.splitext(path)  # noqa: PTH122 - text is wanted
    number = _ROTATION_NUMBER.search(root if suffix.lower() in PACKED_SUFFIXES else path)
    return modified_ns, -int(number[1]) if number else 0, path


def siblings(path: str, listings: Listings) -> list[Sibling]:
    """Return the regular files rotated away from ``path``, oldest first, by fresh listings.

    They lie in its directory, or beside the file that it links to, and their names begin with
    its name and ``.`` or ``-``, or are its name with a date before the ending. What cannot be
    looked at or unpacked is left out, and so is what is beside the file that it is, or becomes,
    the compressed form of.
    """
    found: dict[tuple[int, int], Sibling] = {}
    for name in dict.fromkeys((path, os.path.realpath(path))):
        for file in _beside(name, listings):
            found[file.identity] = file
    # where one time is known to the second alone, the names decide within that second
    seconds = {file.modified_ns for file in found.values() if file.rounded}

    def order(file: Sibling) -> tuple[int, int, str]:
        second = file.modified_ns - file.modified_ns % _SECOND_NS
        return age(file.path, second if second in seconds else file.modified_ns)

    return sorted(found.values(), key=order)


def bases(path: str) -> list[str]:
    """Return the paths of which ``path`` is a rotated sibling by its name: undated, then cut."""
    directory, name = os.path.split(path)
    ends = [place for place, sign in enumerate(name) if sign in ".-" and place]
    names = [*filter(None, [_undated(name)]), *(name[:end] for end in reversed(ends))]
    return [os.path.join(directory, base) for base in names]  # noqa: PTH118 - text is wanted


def _undated(name: str) -> str | None:
    """Return the name of a log of which ``name`` is, with a date before the ending; or None."""
    root, ending = os.path.splitext(name)  # noqa: PTH122 - text is wanted
    if ending.lower() in COMPRESSED_SUFFIXES:
        root, ending = os.path.splitext(root)  # noqa: PTH122
    date = _DATE.search(root)
    return root[: date.start()] + ending if date and date.start() and ending else None


def _beside(path: str, listings: Listings) -> list[Sibling]:
    """Return the siblings in the directory of ``path``, each under the name that it has.

    A rotation gives many files new names, one after the other: who lists first and looks at each
    then may find none under a name that a file leaves, and miss it. So a look counts only if the
    directory was the same before and after; of one that never rests, all looks together do.
    """
    before = _names(path, listings)
    seen: dict[tuple[int, int], Sibling] = {}
    for _ in range(_MOST_LOOKS):
        looked = [sibling_at(name) for name in before if _may_be_read(name, before, path)]
        found = {file.identity: file for file in looked if file is not None}
        after = _names(path, listings)
        if before == after:
            return list(found.values())
        seen |= found
        before = after
    # they never rest: what any look has found is there, under whatever name
    return list(seen.values())


def _names(path: str, listings: Listings) -> dict[str, int]:
    """Return the regular files whose names say that they were rotated away, with their inodes."""
    file = Path(path)
    dated = tuple(file.stem + century for century in _CENTURIES if file.suffix)
    try:
        found = listings.beginning(file.parent, (file.name + ".", file.name + "-", *dated))
    except OSError:
        return {}
    begun = len(file.name)
    return {
        name: inode
        for name, inode in found.items()
        if (base := os.path.basename(name))[:begun] == file.name or _undated(base) == file.name  # noqa: PTH119
    }


def _may_be_read(name: str, names: Container[str], path: str) -> bool:
    """Tell whether a sibling is no archive, or one that can be unpacked and has to be."""
    root, suffix = os.path.splitext(name)  # noqa: PTH122 - text is wanted
    suffix = suffix.lower()
    return suffix not in COMPRESSED_SUFFIXES or not (
        suffix not in PACKED_SUFFIXES or root in names or Path(root).name == Path(path).name
    )


def sibling_at(path: str) -> Sibling | None:
    """Return the sibling with a name, or None where there is none."""
    try:
        status = Path(path).lstat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Sibling(path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def compressed_meanwhile(file: Sibling) -> Sibling | None:
    """Return the compressed form of a sibling that is no longer there under its name."""
    if file.packed is not None or os.path.lexists(file.path):
        return None
    return next(filter(None, (sibling_at(file.path + suffix) for suffix in PACKED_SUFFIXES)), None)
