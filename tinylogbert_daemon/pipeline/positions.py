"""Where every known file and journal stands, by what it is and by how it begins."""

from __future__ import annotations

from collections.abc import Iterable

from tinylogbert_daemon.source.block import FileKey, Position
from tinylogbert_daemon.source.identity import ANY_CONTENT, alike
from tinylogbert_daemon.state.effects import FileRow
from tinylogbert_daemon.state.store import FILES_KEPT


class Positions:
    """Positions committed or about to be; asked from the reading threads."""

    def __init__(self, rows: Iterable[FileRow]) -> None:
        self._of_file: dict[tuple[int, int], dict[FileKey, tuple[Position, str]]] = {}
        for row in rows:
            self.put(row.position, row.path)

    def put(self, position: Position, path: str) -> None:
        """Take note of where a file stands now, and as which path it is read."""
        key = position.key
        known = self._of_file.pop((key.device, key.inode), {})
        if key.head != ANY_CONTENT:  # the file as it was seen before it had a first line
            known = {of: at for of, at in known.items() if of.head != ANY_CONTENT}
        # what was used last stands last, and only so many are kept
        self._of_file[(key.device, key.inode)] = {**known, key: (position, path)}
        if len(self._of_file) > FILES_KEPT:
            del self._of_file[next(iter(self._of_file))]

    def look_up(self, device: int, inode: int) -> list[Position]:
        """Return what is known of a file."""
        return [at for at, _ in self._of_file.get((device, inode), {}).values()]

    def read_as(self, key: FileKey) -> str | None:
        """Return the path as which a file was read last."""
        found = self._of_file.get((key.device, key.inode), {}).get(key)
        return None if found is None else found[1]

    def alike(self, head: bytes) -> list[Position]:
        """Return what is known of any file that begins as ``head`` does."""
        # a copy: the event loop may put one meanwhile
        files = list(self._of_file.values())
        return alike(head, (at for known in files for at, _ in known.values()))
