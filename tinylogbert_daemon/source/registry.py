"""The files that the process has open: each is read by one tail only, and left where it was."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from tinylogbert_daemon.source.block import Position

Lookup = Callable[[int, int], "list[Position]"]

_REMEMBERED = 4096


def nothing_saved(device: int, inode: int) -> list[Position]:
    """Return no position: the lookup of a process without a state."""
    del device, inode
    return []


class OpenFiles:
    """Claims and positions of files by (device, inode), shared by the tails of a process.

    A glob such as ``app.log*`` follows ``app.log`` and ``app.log.1``, and a rotation makes one
    the other. The tail that has a file open finishes it; the tail of its new name waits, and then
    goes on from where the first one stopped, committed or not. Its methods may be called from
    any thread.
    """

    def __init__(self, lookup: Lookup = nothing_saved) -> None:
        self._lookup = lookup
        self._lock = threading.Lock()
        self._owners: dict[tuple[int, int], object] = {}
        self._left: OrderedDict[tuple[int, int], tuple[object, Position]] = OrderedDict()

    def claim(self, device: int, inode: int, owner: object) -> bool:
        """Reserve a file for ``owner``; False where another one reads it."""
        with self._lock:
            return self._owners.setdefault((device, inode), owner) is owner

    def release(
        self, device: int, inode: int, owner: object, position: Position | None = None
    ) -> None:
        """End a claim; ``position`` is remembered for whoever opens the file next."""
        identity = (device, inode)
        with self._lock:
            if self._owners.get(identity) is owner:
                del self._owners[identity]
            if position is not None:
                self._left[identity] = (owner, position)
                self._left.move_to_end(identity)
                while len(self._left) > _REMEMBERED:
                    self._left.popitem(last=False)

    def forget(self, owner: object) -> None:
        """Drop what ``owner`` claimed and left: the saved positions alone count from then on."""
        with self._lock:
            self._owners = {k: v for k, v in self._owners.items() if v is not owner}
            for identity in [k for k, (left_by, _) in self._left.items() if left_by is owner]:
                del self._left[identity]

    def positions(self, device: int, inode: int) -> list[Position]:
        """Return what is known of a file: what a tail left in this process, then what is saved."""
        with self._lock:
            left = self._left.get((device, inode))
        saved = self._lookup(device, inode)
        return [left[1], *saved] if left else saved
