"""Which files the globs name, and why others are left out."""

from __future__ import annotations

import fnmatch
import glob
import os
import stat
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

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
        # (device, inode): size when looked into, and the verdict; saves opening each at each scan
        self._looked: dict[tuple[int, int], tuple[int, str | None]] = {}

    def scan(self) -> Found:
        """Look at the file system once."""
        found = Found()
        seen: dict[tuple[int, int], str] = {}
        present: dict[tuple[int, int], tuple[int, str | None]] = {}
        for path in self._candidates():
            reason: str | None
            try:
                status = Path(path).stat()
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

    def _candidates(self) -> list[str]:
        """Return what the globs name and nothing excludes; links last, so that files win."""
        names: set[str] = set()
        for pattern in self._globs:
            # a plain path is a candidate even where it is not there, so that it gets a reason
            if glob.has_magic(pattern):
                # pathlib's own gives no `**` across links and no plain strings
                names.update(glob.iglob(pattern, recursive=True))  # noqa: PTH207
            else:
                names.add(pattern)
        kept = [name for name in names if not self._excluded(name)]
        return sorted(kept, key=lambda name: (Path(name).is_symlink(), name))

    def _excluded(self, path: str) -> bool:
        name = Path(path).name
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
        suffix = Path(path).suffix.lower()
        if suffix in COMPRESSED_SUFFIXES:
            return f"compressed ({suffix})"
        looked = self._looked.get(identity)
        if looked is None or not SNIFF_BYTES <= looked[0] <= status.st_size:
            known = self._lookup(*identity)
            looked = status.st_size, _content_refusal(path, self._encoding, known)
            self._looked[identity] = looked
        return looked[1]


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
