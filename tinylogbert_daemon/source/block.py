"""What the source stage hands on: blocks of whole records, each with where it leaves its file."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate, pairwise

from tinylogbert_daemon.source.encoding import PLAIN, Coding

HEAD_BYTES = 1024
TAIL_BYTES = 256


def digest(content: bytes) -> bytes:
    """Return a 16-byte content fingerprint (BLAKE2b, RFC 7693)."""
    return blake2b(content, digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class FileKey:
    """What tells one file from another, whatever its name is at the moment.

    ``head`` is the :func:`~tinylogbert_daemon.source.identity.fingerprint` of the first line (its
    newline included), or of the first ``HEAD_BYTES`` bytes where the first line is longer, or of
    the part of it that was handed on before it had an end: it holds while the file grows. It is
    opaque; to ask whether a file is the one meant, use
    :func:`~tinylogbert_daemon.source.identity.matches`. What is no file has device and inode 0.
    """

    device: int
    inode: int
    head: bytes


@dataclass(frozen=True, slots=True)
class Position:
    """How far one file has been read.

    ``offset`` is in bytes of the file; ``lines`` counts the physical lines handed on from it
    outside readback, so that it equals what the file gave to ``read_lines_total`` in its life;
    ``tail`` is the :func:`digest` of the (at most ``TAIL_BYTES``) bytes before ``offset``, by
    which a file that was truncated and has grown again is told from one that was appended to.
    ``mid_line`` says that the byte before ``offset`` is no newline (a partial line was handed on
    after a quiet time); ``skipping`` that the rest of an overlong line is being passed over.
    ``cursor`` is the last entry's of a journal, whose ``offset`` counts the bytes of its records.
    """

    key: FileKey
    offset: int
    lines: int
    tail: bytes
    mid_line: bool = False
    skipping: bool = False
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records of one file, in file order.

    ``data`` holds the records, each ended by a newline (one is added to a final partial record). It
    is an exact slice of the file from ``offset`` on, up to such an added newline and to the rest of
    an overlong line; where ``coding`` is not plain, such a slice in UTF-8. ``lines`` counts the
    physical lines that begin in the block and ``cut`` the records cut to the record limit.
    ``after`` is where the file stands once the block's effects are committed; its ``key`` says
    which file it is, as ``path`` is the followed name even where the bytes come from a file rotated
    away from it. Joined records keep their length, with spaces for the newlines within them;
    ``original`` then is ``data`` before that. ``readback`` marks what was in the file before the
    daemon knew it: it is counted but raises no alert. A block without data only moves the position:
    where a readback found nothing whole to hand on, and now and then while a very long line is
    passed over. ``unreadable`` counts what came between
    the records and is none. A ``sighting`` has no data either: it says that there is a new file,
    before anything of it is read, so that it is known again should it have lost its name by then;
    or a copy of what was read, with nothing more in it.
    """

    source: str
    path: str
    data: bytes
    offset: int
    lines: int
    after: Position
    cut: int = 0
    readback: bool = False
    unreadable: int = 0
    coding: Coding = PLAIN
    original: bytes | None = None
    sighting: bool = False

    @property
    def size(self) -> int:
        """How many bytes of the file ``data`` is."""
        return self.coding.size(self.data)

    def places(self) -> tuple[list[int], list[int]]:
        """Return for each record its offset in the file and its line, from 0, in the block."""
        records = self.data.split(b"\n")
        records.pop()
        size, newline = self.coding.size, self.coding.width
        offsets = accumulate((size(record) + newline for record in records), initial=self.offset)
        if self.original is None:
            return list(offsets), list(range(len(records)))
        begins = list(accumulate((len(record) + 1 for record in records), initial=0))
        counts = (self.original.count(b"\n", *span) for span in pairwise(begins))
        return list(offsets), list(accumulate(counts, initial=0))
