"""The lines that the quality benchmark judges: where they come from, patterns, splits."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from common import data

from tinylogbert_daemon.model.shape import shapes

_VALUES = (
    rb"(?P<ip>\d+\.\d+\.\d+\.\d+)|(?P<address>0x[0-9a-f]+)"
    rb"|(?P<hex>\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{6,}\b)|(?P<num>\d+)"
)
_DATES = (
    rb"(?P<month>\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b)"
    rb"|(?P<day>\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b)"
)
_PATHS = (
    rb"(?P<path>(?<![\w/.])/[^\s\"'<>,;:()\[\]{}|]+"
    rb"|(?<!\w)[a-zA-Z]:\\[^\s\"'<>|]+|[a-z]{2,8}://[^\s\"'<>]+)"
)
_HIDDEN = re.compile(_VALUES)
_HIDDEN_ANYWHERE = re.compile(_DATES + rb"|" + _PATHS + rb"|(?i:" + _VALUES + rb")")
_BGL_HEADER_COLUMNS = 4  # epoch, date, node and time; the label is gone already


@dataclass(frozen=True, slots=True)
class Lines:
    """Records and, for each, the pattern that it is counted by (header, digits, hex masked)."""

    records: Sequence[bytes]
    patterns: Sequence[str]

    def __len__(self) -> int:
        return len(self.records)

    def take(self, which: Sequence[int] | npt.NDArray[np.int64]) -> Lines:
        """Return the lines at ``which``, in that order."""
        return Lines([self.records[i] for i in which], [self.patterns[i] for i in which])


NOTHING = Lines((), ())


@dataclass(frozen=True, slots=True)
class Split:
    """Unlabelled history, judged lines, and the kind of each judged one: ``""`` for normal."""

    history: Lines
    judged: Lines
    kinds: Sequence[str]

    @property
    def labels(self) -> npt.NDArray[np.int8]:
        """1 for each judged line that is an anomaly, else 0."""
        return np.array([bool(kind) for kind in self.kinds], dtype=np.int8)


def of_records(records: Sequence[bytes]) -> Lines:
    """Return records of any log as lines; patterns are of the whole record.

    Dates, paths and URLs are masked too, and the class of an HTTP status stays visible.

    >>> of_records([b"Jun 3 10:20:30 db: took 35 ms for /srv/db/17"]).patterns
    ['<month> <num> <num>:<num>:<num> db: took <num> ms for <path>']
    """
    found = shapes(b"\n".join(records) + b"\n") if records else []
    return Lines(records, [_mask(_HIDDEN_ANYWHERE, shape) for shape in found])


def of_bgl(records: Sequence[bytes]) -> Lines:
    """Return records of Blue Gene/L (label taken off) as lines; patterns are without header."""
    rest = (record.split(b" ", _BGL_HEADER_COLUMNS)[-1] for record in records)
    return Lines(records, [_mask(_HIDDEN, part) for part in rest])


@cache
def bgl(name: str) -> tuple[Lines, tuple[str, ...]]:
    """Return the lines of ``bgl-100k`` or ``bgl-2k`` without label, and the kind of each alert."""
    content = data("benchmark/bgl-100k.log.xz") if name == "bgl-100k" else systems()["BGL"]
    labelled = [line.split(b" ", 1) for line in split_lines(content)]
    kinds = tuple("" if label == b"-" else _text(label) for label, _ in labelled)
    return of_bgl([record for _, record in labelled]), kinds


@cache
def systems() -> dict[str, bytes]:
    """Return the raw logs of the 13 systems by name; BGL's still carries its labels."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data("logs/loghub-2k.tar.xz"))) as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            if file is not None and member.name.endswith("_2k.log"):
                found[member.name.rsplit("/", 1)[-1].removesuffix("_2k.log")] = file.read()
    return dict(sorted(found.items()))


@cache
def system(name: str) -> Lines:
    """Return the lines of one of the 13 systems, BGL's without labels."""
    return bgl("bgl-2k")[0] if name == "BGL" else of_records(split_lines(systems()[name]))


def split_lines(content: bytes) -> list[bytes]:
    """Return the lines that are not blank, cut at newlines alone as the daemon cuts them."""
    return [line for line in content.split(b"\n") if line.strip()]


def _mask(hidden: re.Pattern[bytes], content: bytes) -> str:
    return _text(hidden.sub(lambda found: f"<{found.lastgroup}>".encode(), content))


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")
