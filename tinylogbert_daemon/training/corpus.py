"""What a model learns from: the distinct texts of log files, with their counts.

Raw logs are turned into texts on the fly, block by block, as the daemon does it. Labelled JSONL is
read too; its labels are not learned from, and lines marked ``label: 1`` by ``convert`` (with
``simulated``) are left out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from tinylogbert_daemon.errors import DataError
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.source.lines import blocks_of, open_input


@dataclass(frozen=True, slots=True)
class LabelledLine:
    """One object of a labelled JSONL file; ``label`` is None where it has none."""

    text: str
    label: int | None
    simulated: str | None


@dataclass(frozen=True, slots=True)
class Corpus:
    """Distinct texts in order of first appearance, with how many records gave each."""

    counts: dict[str, int]
    records: int

    @property
    def texts(self) -> list[str]:
        """The distinct texts that have anything in them."""
        return [text for text in self.counts if text]


def is_labelled(first: bytes) -> bool:
    """Return whether a file that begins with ``first`` is labelled JSONL."""
    line = first.lstrip().split(b"\n", 1)[0]
    return line.startswith(b"{") and b'"log_text"' in line


def parse_labelled(line: bytes, number: int, name: str) -> LabelledLine:
    """Return the object on line ``number`` of ``name``; raises :class:`DataError` if it is none."""
    try:
        fields = json.loads(line)
    except ValueError as error:
        raise DataError(f"{name}:{number}: not JSON: {error}") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("log_text"), str):
        raise DataError(f'{name}:{number}: needs an object with a string "log_text"')
    label = fields.get("label")
    if label not in (None, 0, 1):
        raise DataError(f'{name}:{number}: "label" is {label!r}, must be 0 or 1')
    return LabelledLine(fields["log_text"], label, fields.get("simulated"))


def labelled_lines(name: str) -> Iterator[LabelledLine]:
    """Yield the objects of a labelled JSONL file; empty lines are passed over."""
    number = 0
    with open_input(name) as stream:
        for block in blocks_of(stream):
            for line in block.split(b"\n")[:-1]:
                number += 1
                if line.strip():
                    yield parse_labelled(line, number, name)


def records_of(name: str) -> Iterator[bytes]:
    """Yield blocks of raw records of a log file or, where it is labelled JSONL, of its texts."""
    with open_input(name) as stream:
        blocks = blocks_of(stream)
        first = next(blocks, b"")
        if not is_labelled(first):
            yield first
            yield from blocks
            return
    lines = (line for line in labelled_lines(name) if not line.simulated)
    while batch := list(islice(lines, 4096)):
        yield b"".join(line.text.replace("\n", " ").encode() + b"\n" for line in batch)


def collect(names: Iterable[str], sample_limit: int | None = None) -> Corpus:
    """Return the corpus of the files ``names``: of the first ``sample_limit`` records of each.

    Raises :class:`DataError` if they hold no record with anything to learn from.
    """
    names = list(names)
    seen: Counter[bytes] = Counter()
    for name in names:
        left = sample_limit
        for block in records_of(name):
            found = shapes(block)[:left]
            seen.update(found)
            if left is not None:
                left -= len(found)
                if left <= 0:
                    break
    counts: Counter[str] = Counter()
    for shape, count in seen.items():
        counts[normalize(shape)] += count
    if not any(counts):
        raise DataError(f"{', '.join(names)}: no line to learn from; name a log file with text in it")
    return Corpus(dict(counts), seen.total())
