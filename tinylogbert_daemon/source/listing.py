"""The files of a directory whose names begin alike; a directory at rest is listed once for many."""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

_REST_NS = 2_000_000_000
"""As coarse as file systems note times: a change so soon after another may not show."""

_SHARED_SECONDS = 1.0
"""No listing is shared for longer, should a file system note no changes at all."""

_MOST_NAMES = 100_000  # kept of one directory, some 20 MB
_MOST_DIRECTORIES = 64

_State = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Listing:
    state: _State
    taken: float
    names: list[str]
    entries: list[os.DirEntry[str]]

    def beginning(self, prefix: str) -> list[os.DirEntry[str]]:
        """Return the entries whose names begin with ``prefix``."""
        names, at = self.names, bisect_left(self.names, prefix)
        end = at
        while end < len(names) and names[end].startswith(prefix):
            end += 1
        return self.entries[at:end]


class Listings:
    """Listings of directories, shared by the tails of a process, from any thread.

    A name made, removed or given to another file changes the directory's own times. So a listing
    holds, as if it were made now, for as long as one ``stat`` finds them as they were before it
    was made, if they were not so young then that a later change may have the same. Of a directory
    that is not at rest, every call lists anew.
    """

    def __init__(self) -> None:
        self._kept: dict[str, _Listing] = {}

    def beginning(self, directory: Path, prefixes: tuple[str, ...]) -> dict[str, int]:
        """Return the regular files with names beginning so, by path, each with its inode.

        Raises ``OSError`` where the directory cannot be listed.
        """
        listing = self._shared(os.fspath(directory))
        if listing is None:
            with os.scandir(directory) as entries:
                found = [entry for entry in entries if entry.name.startswith(prefixes)]
        else:
            found = [entry for prefix in prefixes for entry in listing.beginning(prefix)]
        return {
            entry.path: entry.inode() for entry in found if entry.is_file(follow_symlinks=False)
        }

    def _shared(self, directory: str) -> _Listing | None:
        """Return a listing that holds now, or None where none can be kept."""
        state, at_rest = _look(directory)
        kept, now = self._kept.get(directory), time.monotonic()
        if kept is not None and kept.state == state and now - kept.taken <= _SHARED_SECONDS:
            return kept
        self._kept.pop(directory, None)
        if not at_rest:
            return None
        with os.scandir(directory) as found:
            entries = list(islice(found, _MOST_NAMES + 1))
        if len(entries) > _MOST_NAMES or _look(directory)[0] != state:
            return None
        entries.sort(key=lambda entry: entry.name)
        listing = _Listing(state, now, [entry.name for entry in entries], entries)
        for name, old in list(self._kept.items()):
            if now - old.taken > _SHARED_SECONDS or len(self._kept) >= _MOST_DIRECTORIES:
                self._kept.pop(name, None)
        self._kept[directory] = listing
        return listing


def _look(directory: str) -> tuple[_State, bool]:
    """Return what changes with a directory's names, and whether that was a while ago."""
    status = os.stat(directory)  # noqa: PTH116 - text is at hand
    state = status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns
    age = time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns)
    return state, age >= _REST_NS
