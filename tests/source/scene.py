"""A log file, its writer, and a tail that can be stopped and started again."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tinylogbert_daemon.clock import ManualClock
from tinylogbert_daemon.source.block import Block, FileKey, Position
from tinylogbert_daemon.source.identity import ANY_CONTENT, alike
from tinylogbert_daemon.source.registry import OpenFiles
from tinylogbert_daemon.source.tail import Form, Limits, Start, Tail

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
}
LIMITS = Limits(block_bytes=4096, record_bytes=256, partial_seconds=5.0, rotate_seconds=5.0)


class Scene:
    """What a test says happens to one path; blocks are committed as they are read."""

    def __init__(
        self,
        directory: Path,
        *,
        limits: Limits = LIMITS,
        start: Start = None,
        form: Form | None = None,
    ) -> None:
        self.path = directory / "app.log"
        self.clock = ManualClock(1000.0)
        self.limits = limits
        self.form = form
        self.saved: dict[FileKey, Position] = {}
        self.read_as: dict[FileKey, str] = {}
        self.blocks: list[Block] = []
        self._begin(start)

    def _begin(self, start: Start) -> None:
        self.files = OpenFiles(
            self.lookup, lambda head: alike(head, self.saved.values()), self.read_as.get
        )
        self.tail = self.new_reader(start, self.files)

    def new_reader(self, start: Start, files: OpenFiles) -> Tail:
        """Return what is read: the log's tail."""
        return self.new_tail(str(self.path), start, files)

    def new_tail(self, path: str, start: Start, files: OpenFiles) -> Tail:
        """Return the tail of a path."""
        return Tail(
            path,
            "app",
            self.clock,
            files=files,
            start=start,
            limits=self.limits,
            form=self.form,
        )

    def lookup(self, device: int, inode: int) -> list[Position]:
        return [at for key, at in self.saved.items() if (key.device, key.inode) == (device, inode)]

    # the reader

    def read(self) -> list[bytes]:
        """Read until there is nothing; return the records handed on."""
        records: list[bytes] = []
        while (block := self.next()) is not None:
            self.check(block)
            if not block.sighting:
                self.blocks.append(block)
            self.save(block.after, block.path)
            records += block.data.split(b"\n")[:-1]
        return records

    def next(self) -> Block | None:
        """Read as :func:`~tinylogbert_daemon.source.follow.follow` does."""
        return self.tail.read_at_once() or self.tail.read()

    def save(self, position: Position, path: str | None = None) -> None:
        """Keep a position as the state does: what is told by its content needs nothing less."""
        key = position.key
        if path is not None:
            self.read_as[key] = path
        self.saved.pop(replace(key, head=ANY_CONTENT), None)
        self.saved[key] = position

    def sight(self) -> Position:
        """Read on up to a file that is new, but nothing of it; return where it is said to stand."""
        while not (block := self.tail.read()) or not block.sighting:
            assert block is not None, "there is no new file"
            self.save(block.after, block.path)
        self.save(block.after, block.path)
        return block.after

    def wait(self, seconds: float) -> list[bytes]:
        self.clock.advance(seconds)
        return self.read()

    def stop(self) -> None:
        self.tail.close()

    def restart(self, start: Start = None) -> None:
        self.tail.close()
        self._begin(start)

    @property
    def lines(self) -> int:
        """Physical lines handed on, outside readback."""
        return sum(block.lines for block in self.blocks if not block.readback)

    @property
    def saved_lines(self) -> int:
        return sum(position.lines for position in self.saved.values())

    def check(self, block: Block) -> None:
        assert not block.data or block.data.endswith(b"\n")
        assert len(block.data) <= self.limits.block_bytes + 1
        assert block.original is None or len(block.original) == len(block.data)
        assert 0 <= block.lines <= (block.original or block.data).count(b"\n")

    # the writer

    def write(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)

    def lines_of(self, *numbers: int) -> list[bytes]:
        return [b"line %d of the log" % number for number in numbers]

    def write_lines(self, *numbers: int) -> list[bytes]:
        records = self.lines_of(*numbers)
        self.write(b"".join(record + b"\n" for record in records))
        return records

    def rename(self, keep: int = 9) -> None:
        """Rotate as logrotate does: .1 becomes .2 and so on, the log becomes .1."""
        self._make_room(keep)
        self.path.rename(self.sibling(".1"))

    def copytruncate(self) -> None:
        self.copy()
        os.truncate(self.path, 0)

    def copy(self) -> None:
        self._make_room(9)
        shutil.copyfile(self.path, self.sibling(".1"))

    def _make_room(self, keep: int) -> None:
        for number in range(keep, 0, -1):
            for suffix in ("", *PACKERS):
                old = self.sibling(f".{number}{suffix}")
                if old.exists():
                    old.rename(self.sibling(f".{number + 1}{suffix}"))

    def pack(self, name: str = ".1", suffix: str = ".gz", *, keep: bool = False) -> Path:
        """Compress a rotated file as the programs do, which keep the time of the last write."""
        old, new = self.sibling(name), self.sibling(name + suffix)
        new.write_bytes(PACKERS[suffix](old.read_bytes()))
        written = old.stat().st_mtime_ns
        if suffix == ".bz2":
            written -= written % 1_000_000_000
        os.utime(new, ns=(written, written))
        if not keep:
            old.unlink()
        return new

    def sibling(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
