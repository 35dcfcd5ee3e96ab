"""Which bytes of which log file were written while the software was healthy, or at fault."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

UNKNOWN = "-"
HEALTHY = "healthy"
READ_LIMIT = 1 << 23


@dataclass
class _File:
    """One inode: how far it has grown, and the phases of its parts as (start, end, phase)."""

    size: int
    spans: list[tuple[int, int, str]] = field(default_factory=list)


class Phases:
    """The sizes of growing files, noted whenever a phase begins or ends.

    Files are known by their inode, so a rotated one keeps its phases under its new name. Of one
    that was truncated everything is unknown, as is what isn't surely of one phase.
    """

    def __init__(self) -> None:
        """Nothing is known of any file."""
        self._files: dict[tuple[int, int], _File] = {}
        self._paths: dict[Path, int] = {}
        self._truncated: set[tuple[int, int]] = set()

    def mark(self, files: Iterable[Path], phase: str) -> None:
        """What `files` have gained since the last mark belongs to `phase`."""
        for path in files:
            status = path.stat()
            key = (status.st_dev, status.st_ino)
            before = self._paths.get(path, 0)
            if key not in self._files:
                # An overlay's file gets another inode when it is first written to.
                self._files[key] = _File(before if status.st_size > before else 0)
            known = self._files[key]
            if status.st_size < known.size:
                self._truncated.add(key)
            elif status.st_size > known.size:
                known.spans.append((known.size, status.st_size, phase))
            known.size = self._paths[path] = status.st_size

    def rows(self, path: Path) -> Iterator[tuple[bytes, str]]:
        """The lines of a file, each with its phase; one cut by a boundary has none."""
        status = path.stat()
        key = (status.st_dev, status.st_ino)
        spans = self._files[key].spans if key in self._files else []
        if key in self._truncated:
            spans = []
        data = path.read_bytes()[:READ_LIMIT]
        ends = (0, *(n + 1 for n, byte in enumerate(data) if byte == 10), len(data))
        for start, end in pairwise(ends):
            while spans and spans[0][1] <= start:
                spans = spans[1:]
            inside = bool(spans) and spans[0][0] <= start and end <= spans[0][1]
            yield data[start:end].rstrip(b"\n"), spans[0][2] if inside else UNKNOWN
