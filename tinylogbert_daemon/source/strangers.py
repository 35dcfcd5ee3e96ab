"""What lay beside a path when it was seen to name nothing, and what has come there since."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tinylogbert_daemon.source.identity import Sibling


class Strangers:
    """Rotated siblings that were there already.

    They are told by how they begin, too: a file that has come since may have the inode number of
    one that was deleted. ``begin`` returns how a sibling begins, nothing where it cannot be read.
    """

    def __init__(self, files: Iterable[Sibling], begin: Callable[[Sibling], bytes]) -> None:
        self._begin = begin
        self._there = {file.identity: (file.size, begin(file)) for file in files}

    def newcomers(self, files: Iterable[Sibling]) -> list[Sibling]:
        """Return those of ``files`` that have come since."""
        return [file for file in files if not self._was_there(file)]

    def _was_there(self, file: Sibling) -> bool:
        size, begin = self._there.get(file.identity, (0, b""))
        # of what was empty everything is new, whichever file it is
        return 0 < size <= file.size and self._begin(file).startswith(begin)
