"""Which files the globs name, and why others are left out."""

from __future__ import annotations

import fnmatch
import glob
import os
import stat
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tinylogbert_daemon.source.block import Position
from tinylogbert_daemon.source.content import (
    COMPRESSED_SUFFIXES,
    SNIFF_BYTES,
    binary_reason,
    compression,
)
from tinylogbert_daemon.source.encoding import recognise
from tinylogbert_daemon.source.identity import matches
from tinylogbert_daemon.source.rawfile import RawFile
from tinylogbert_daemon.source.registry import Lookup, nothing_saved
from tinylogbert_daemon.source.seek import sniff

_KINDS = {
    stat.S_IFDIR: "directory",
    stat.S_IFIFO: "FIFO",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


@dataclass(slots=True)
class Found:
    """What a scan found: the paths to follow, sorted, and the reason for each left out."""

    paths: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


class _Looked(NamedTuple):
    """The size and the last change of a file that was looked into, and why it is no log."""

    size: int
    changed_ns: int
    reason: str | None

    def holds(self, status: os.stat_result) -> bool:
        """Tell whether the file begins as it did: unchanged, or grown from a full beginning."""
        if self.changed_ns == status.st_ctime_ns and self.size == status.st_size:
            return True
        return SNIFF_BYTES <= self.size <= status.st_size


class Discovery:
    """Finds the files of a source.

    ``globs`` and ``exclude`` are shell patterns of paths; ``**`` reaches through directories. A
    pattern of ``exclude`` without a slash is matched against the file's name alone. ``own`` holds
    (device, inode) of what the daemon writes itself; it may change between scans. ``encoding`` is
    one of :data:`~tinylogbert_daemon.encodings.ENCODINGS`. What ``lookup`` knows to have been
    read before is read on, whatever bytes a line has brought into it: nobody who writes to a log
    shall blind us to it.
    """

    def __init__(
        self,
        globs: Sequence[str],
        exclude: Sequence[str] = (),
        own: Collection[tuple[int, int]] = frozenset(),
        *,
        encoding: str = "auto",
        lookup: Lookup = nothing_saved,
    ) -> None:
        self._globs = tuple(globs)
        self._exclude = tuple(exclude)
        self._own = own
        self._encoding = encoding
        self._lookup = lookup
        # (device, inode): what was looked into, and the verdict; saves opening each at each scan
        self._looked: dict[tuple[int, int], _Looked] = {}

    def scan(self) -> Found:
        """Look at the file system once."""
        found = Found()
        seen: dict[tuple[int, int], str] = {}
        present: dict[tuple[int, int], _Looked] = {}
        for path, looked in self._candidates():
            reason: str | None
            try:
                status = looked or os.stat(path)  # noqa: PTH116 - thousands of times, as text
                identity = status.st_dev, status.st_ino
                reason = self._refusal(path, status, identity)
                if reason is None and identity in seen:
                    reason = f"the same file as {seen[identity]}"
                if identity in self._looked:
                    present[identity] = self._looked[identity]
            except PermissionError:
                reason = "permission denied"
            except FileNotFoundError:
                reason = self._missing(path)
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
            if reason is None:
                seen[identity] = path
                found.paths.append(path)
            else:
                found.skipped[path] = reason
        self._looked = present
        found.paths.sort()
        return found

    def _candidates(self) -> list[tuple[str, os.stat_result | None]]:
        """Return what the globs name and nothing excludes; links last, so that files win.

        With each goes what a look at it says, None where it is a link or cannot be looked at.
        """
        names: set[str] = set()
        for pattern in self._globs:
            # a plain path is a candidate even where it is not there, so that it gets a reason
            if glob.has_magic(pattern):
                # pathlib's own gives no `**` across links and no plain strings
                names.update(glob.iglob(pattern, recursive=True))  # noqa: PTH207
            else:
                names.add(pattern)
        files: list[tuple[str, os.stat_result | None]] = []
        links: list[tuple[str, os.stat_result | None]] = []
        for name in sorted(names):
            if not self._excluded(name):
                status = _look(name)
                is_link = status is not None and stat.S_ISLNK(status.st_mode)
                (links if is_link else files).append((name, None if is_link else status))
        return files + links

    def _excluded(self, path: str) -> bool:
        if not self._exclude:
            return False
        name = path.rpartition("/")[2]
        return any(
            fnmatch.fnmatchcase(path if "/" in pattern else name, pattern)
            for pattern in self._exclude
        )

    def _missing(self, path: str) -> str:
        if Path(path).is_symlink():
            return "link to nothing"
        return "no such file" if path in self._globs else "vanished"

    def _refusal(self, path: str, status: os.stat_result, identity: tuple[int, int]) -> str | None:
        """Say why a file is no log, or None where it may be one. Raises ``OSError``."""
        kind = stat.S_IFMT(status.st_mode)
        if kind != stat.S_IFREG:
            return _KINDS.get(kind, "not a regular file")
        if identity in self._own:
            return "our own output"
        suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122 - thousands of times, as text
        if suffix in COMPRESSED_SUFFIXES:
            return f"compressed ({suffix})"
        looked = self._looked.get(identity)
        if looked is None or not looked.holds(status):
            known = self._lookup(*identity)
            reason = _content_refusal(path, self._encoding, known)
            looked = self._looked[identity] = _Looked(status.st_size, status.st_ctime_ns, reason)
        return looked.reason


def _look(path: str) -> os.stat_result | None:
    """Return what is there, be it a link, or None where nothing can be said."""
    try:
        return os.lstat(path)
    except OSError:
        return None


def _content_refusal(path: str, encoding: str, known: Iterable[Position] = ()) -> str | None:
    # O_NONBLOCK: should a FIFO have taken the name meanwhile, opening it must not wait
    file = RawFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
    try:
        size = file.look().size
        if any(at.offset > 0 and matches(file, at, size) for at in known):
            return None
        head = sniff(file, size, SNIFF_BYTES)
    finally:
        file.close()
    if kind := compression(head):
        return f"compressed ({kind})"
    coding, mark, _ = recognise(head, encoding)
    return binary_reason(coding.transcode(head[mark : coding.whole(len(head))]))


def own_files(paths: list[Path]) -> set[tuple[int, int]]:
    """Return (device, inode) of our own output: standard output and error, and ``paths``."""
    return identities([1, 2, *paths])


def identities(targets: Iterable[int | str | Path]) -> set[tuple[int, int]]:
    """Return (device, inode) of descriptors and paths, of those that there are."""
    found = set()
    for target in targets:
        try:
            status = os.stat(target)  # noqa: PTH116 (descriptors too)
        except OSError:
            continue
        found.add((status.st_dev, status.st_ino))
    return found


def directories_of_globs(globs: list[str]) -> set[str]:
    """Return the directories, there now, in which the last part of a glob is looked for."""
    parents: set[str] = set()
    for pattern in globs:
        parent = os.path.dirname(os.path.abspath(pattern))  # noqa: PTH100, PTH120 (a pattern)
        found = glob.glob(parent, recursive=True) if glob.has_magic(parent) else [parent]  # noqa: PTH207
        parents.update(name for name in found if Path(name).is_dir())
    return parents
