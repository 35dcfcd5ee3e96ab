"""Which file is which, whatever its name is: content fingerprints and rotated siblings."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from tinylogbert_daemon.source.block import HEAD_BYTES, TAIL_BYTES, Position, digest
from tinylogbert_daemon.source.content import COMPRESSED_SUFFIXES

_LENGTH_BYTES = 2
_ROTATION_NUMBER = re.compile(r"\.(\d{1,4})$", re.ASCII)


def fingerprint(head: bytes) -> bytes:
    """Return the fingerprint of a file's first bytes: their number (2 bytes) and their digest.

    The number stands in front so that a longer file can be compared without knowing how much of
    it was there when the fingerprint was taken. That of no bytes fits every file.
    """
    return len(head).to_bytes(_LENGTH_BYTES, "big") + digest(head)


def fingerprint_length(mark: bytes) -> int:
    """Return how many first bytes a :func:`fingerprint` was taken of."""
    return int.from_bytes(mark[:_LENGTH_BYTES], "big")


def read_head(descriptor: int) -> bytes:
    """Return the bytes that identify an open file: its first line, at most ``HEAD_BYTES``.

    Empty where the first line has no end yet: such a file has no identity.
    """
    head = os.pread(descriptor, HEAD_BYTES, 0)
    end = head.find(b"\n") + 1
    return head[: end or HEAD_BYTES] if end or len(head) == HEAD_BYTES else b""


def matches(descriptor: int, position: Position, size: int) -> bool:
    """Tell whether an open file of ``size`` bytes continues what ``position`` was taken of.

    Its head must be that of the key and the bytes before the offset must be those of the tail,
    whatever its device and inode are: a copy made by copytruncate matches too.
    """
    if position.offset > size:
        return False
    head = os.pread(descriptor, fingerprint_length(position.key.head), 0)
    if fingerprint(head) != position.key.head:
        return False
    return digest(read_tail(descriptor, position.offset)) == position.tail


def read_tail(descriptor: int, offset: int) -> bytes:
    """Return the at most ``TAIL_BYTES`` bytes before ``offset``."""
    length = min(TAIL_BYTES, offset)
    return os.pread(descriptor, length, offset - length)


@dataclass(frozen=True, slots=True)
class Sibling:
    """A file whose name says that it was rotated away from a path."""

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
    def age(self) -> tuple[int, int, str]:
        """Sort key, oldest first: the time of the last write, then the rotation number.

        The name decides only between files written within one tick of the file system's clock,
        where ``.2`` is older than ``.1`` and a date in the name grows with time.
        """
        return age(self.path, self.modified_ns)


def age(path: str, modified_ns: int) -> tuple[int, int, str]:
    """Return the sort key of :attr:`Sibling.age` for any file."""
    number = _ROTATION_NUMBER.search(path)
    return modified_ns, -int(number[1]) if number else 0, path


def siblings(path: str) -> list[Sibling]:
    """Return the uncompressed regular files rotated away from ``path``, oldest first.

    They lie in its directory, or beside the file that it links to, and their names begin with
    its name and ``.`` or ``-``. What cannot be looked at is left out.
    """
    found: dict[tuple[int, int], Sibling] = {}
    for name in dict.fromkeys((path, os.path.realpath(path))):
        base = Path(name).name
        prefixes = (base + ".", base + "-")
        try:
            with os.scandir(Path(name).parent) as entries:
                names = [
                    entry.path
                    for entry in entries
                    if entry.name.startswith(prefixes)
                    and not entry.name.lower().endswith(COMPRESSED_SUFFIXES)
                    and entry.is_file(follow_symlinks=False)
                ]
        except OSError:
            continue
        for candidate in names:
            try:
                status = Path(candidate).lstat()
            except OSError:
                continue
            sibling = Sibling(
                candidate, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
            )
            found[sibling.identity] = sibling
    return sorted(found.values(), key=lambda sibling: sibling.age)
