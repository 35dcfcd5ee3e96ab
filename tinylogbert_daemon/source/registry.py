"""The files that the process has open: each is read by one tail only, and left where it was."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection
from typing import Protocol

from tinylogbert_daemon.source.block import FileKey, Position
from tinylogbert_daemon.source.identity import alike
from tinylogbert_daemon.source.listing import Listings

Alike = Callable[[bytes], "list[Position]"]
Lookup = Callable[[int, int], "list[Position]"]
ReadAs = Callable[[FileKey], "str | None"]

_REMEMBERED = 4096


def nothing_saved(device: int, inode: int) -> list[Position]:
    """Return no position: the lookup of a process without a state."""
    del device, inode
    return []


def nothing_alike(head: bytes) -> list[Position]:
    """Return no position, as :func:`nothing_saved` does."""
    del head
    return []


def read_as_anything(key: FileKey) -> str | None:
    """Return no path, as :func:`nothing_saved` no position."""
    del key
    return None


class Reading(Protocol):
    """A file while a tail reads it; asked from any thread."""

    @property
    def head(self) -> bytes:
        """How the file begins. Raises ``OSError`` where it was closed meanwhile."""

    @property
    def given(self) -> Position | None:
        """Where what was handed on of it ends, committed or not; None before anything was."""


class OpenFiles:
    """Claims and positions of files by (device, inode), shared by the tails of a process.

    A glob such as ``app.log*`` follows ``app.log`` and ``app.log.1``, and a rotation makes one
    the other. The tail that has a file open finishes it; the tail of its new name waits, and then
    goes on from where the first one stopped, committed or not. Its methods may be called from
    any thread.
    """

    def __init__(
        self,
        lookup: Lookup = nothing_saved,
        alike: Alike = nothing_alike,
        read_as: ReadAs = read_as_anything,
    ) -> None:
        self.listings = Listings()
        self._alike = alike
        self._lookup = lookup
        self._read_as = read_as
        self._lock = threading.Lock()
        self._owners: dict[tuple[int, int], object] = {}
        self._readers: dict[tuple[int, int], Reading] = {}
        self._left: OrderedDict[tuple[int, int], tuple[object, Position]] = OrderedDict()
        self._followed: defaultdict[str, set[object]] = defaultdict(set)
        # what each owner claims or has left, so that to forget one costs nothing of the others
        self._of: defaultdict[object, set[tuple[int, int]]] = defaultdict(set)

    def follow(self, path: str, owner: object) -> None:
        """Note that ``owner`` follows a path."""
        with self._lock:
            self._followed[path].add(owner)

    def unfollow(self, path: str, owner: object) -> None:
        """Note that ``owner`` follows a path no more."""
        with self._lock:
            self._followed[path].discard(owner)
            if not self._followed[path]:
                del self._followed[path]

    def is_followed(self, path: str) -> bool:
        """Tell whether anybody follows a path."""
        with self._lock:
            return path in self._followed

    def claim(self, device: int, inode: int, owner: object, reader: Reading | None = None) -> bool:
        """Reserve a file for ``owner``, whose ``reader`` it is; False where another reads it."""
        with self._lock:
            mine = self._owners.setdefault((device, inode), owner) is owner
            if mine:
                self._of[owner].add((device, inode))
            if mine and reader is not None:
                self._readers[(device, inode)] = reader
            return mine

    def given(self, device: int, inode: int) -> Position | None:
        """Return where a file's reader stands by what it has handed on; None where it has not."""
        with self._lock:
            reader = self._readers.get((device, inode))
        return None if reader is None else reader.given

    def is_claimed(self, device: int, inode: int) -> bool:
        """Tell whether anybody reads a file."""
        with self._lock:
            return (device, inode) in self._owners

    def release(
        self, device: int, inode: int, owner: object, position: Position | None = None
    ) -> None:
        """End a claim; ``position`` is remembered for whoever opens the file next."""
        identity = (device, inode)
        with self._lock:
            if self._owners.get(identity) is owner:
                del self._owners[identity]
                self._readers.pop(identity, None)
            before = self._left.get(identity)
            if position is not None:
                self._left[identity] = (owner, position)
                self._left.move_to_end(identity)
                self._of[owner].add(identity)
                while len(self._left) > _REMEMBERED:
                    oldest, (left_by, _) = self._left.popitem(last=False)
                    self._tidy(left_by, oldest)
            for one in (owner, before[0] if before is not None else owner):
                self._tidy(one, identity)

    def forget(self, owner: object) -> None:
        """Drop what ``owner`` claimed and left: the saved positions alone count from then on."""
        with self._lock:
            for identity in self._of.pop(owner, ()):
                if self._owners.get(identity) is owner:
                    del self._owners[identity]
                    self._readers.pop(identity, None)
                if identity in self._left and self._left[identity][0] is owner:
                    del self._left[identity]

    def _tidy(self, owner: object, identity: tuple[int, int]) -> None:
        """Let go of what ``owner`` neither claims nor has left any more."""
        left = self._left.get(identity)
        if self._owners.get(identity) is owner or (left is not None and left[0] is owner):
            return
        files = self._of.get(owner)
        if files is not None:
            files.discard(identity)
            if not files:
                del self._of[owner]

    def positions(self, device: int, inode: int) -> list[Position]:
        """Return what is known of a file: what a tail left in this process, then what is saved."""
        with self._lock:
            left = self._left.get((device, inode))
        saved = self._lookup(device, inode)
        return [left[1], *saved] if left else saved

    def is_read_by(self, owner: object, path: str, key: FileKey) -> bool:
        """Tell whether ``owner``, the tail of ``path``, was the last to read what ``key`` is of.

        Where nobody knows, it was.
        """
        with self._lock:
            left = self._left.get((key.device, key.inode))
        if left is not None and left[1].key == key:
            return left[0] is owner
        return self._read_as(key) in (None, path)

    def alike(self, head: bytes, past: Collection[tuple[int, int]] = ()) -> list[Position] | None:
        """Return what is known of files that begin as ``head`` does, whatever file that was.

        None where one of them is open: who reads it will finish it. That does not hold for those
        of ``past``, as (device, inode), which no longer are what they were.
        """
        with self._lock:
            left = [position for _, position in self._left.values()]
        found = [*alike(head, left), *self._alike(head)]
        with self._lock:
            readers = dict(self._readers)
        # what is not committed yet counts for whether it is open
        given = [at for reader in readers.values() if (at := reader.given) is not None]
        for position in [*found, *alike(head, given)]:
            identity = position.key.device, position.key.inode
            # a freed inode number may be that of quite another file now
            reader = None if identity in past else readers.get(identity)
            if reader is not None and _is_open(position, reader):
                return None
        return found


def _is_open(position: Position, reader: Reading) -> bool:
    try:
        return bool(alike(reader.head, [position]))
    except OSError:  # closed meanwhile
        return False
