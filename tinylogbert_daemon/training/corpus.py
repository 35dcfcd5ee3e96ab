"""What a model learns from: the distinct texts of log files, with their counts.

Raw logs are turned into texts on the fly, block by block, as the daemon does it. Labelled JSONL is
read too; its labels are not learned from, and lines marked ``label: 1`` by ``convert`` (with
``simulated``) are left out.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, islice
from zlib import crc32

from tinylogbert_daemon.decide.score import EPISODE_SECONDS
from tinylogbert_daemon.errors import DataError
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.shape import record, shapes
from tinylogbert_daemon.source.lines import blocks_of, open_input
from tinylogbert_daemon.source.logtime import pieces

HELD_OUT_EVERY = 10
HELD_OUT_RECORDS = 5000
_LEAST_TEXTS = 200


@dataclass(frozen=True, slots=True)
class LabelledLine:
    """One object of a labelled JSONL file; ``label`` is None where it has none."""

    text: str
    label: int | None
    simulated: str | None


@dataclass(frozen=True, slots=True)
class Corpus:
    """Distinct texts in order of first appearance, with how many records gave each.

    ``episodes`` says how often each turned up anew in log time, as the daemon counts it; without
    it, each text did once.
    """

    counts: dict[str, int]
    records: int
    episodes: dict[str, int] = field(default_factory=dict)

    @property
    def texts(self) -> list[str]:
        """The distinct texts that have anything in them."""
        return [text for text in self.counts if text]


def held_out(texts: Sequence[str]) -> list[str]:
    """Return the texts that are kept from learning, to calibrate on: every tenth, by its hash.

    What was learned surprises less than what is new and harmless, which is what alerts are weighed
    against. None, where there are too few texts to do without them.
    """
    if len(texts) < _LEAST_TEXTS:
        return []
    return [text for text in texts if crc32(text.encode()) % HELD_OUT_EVERY == 0]


def is_labelled(first: bytes) -> bool:
    """Return whether a file that begins with ``first`` is labelled JSONL."""
    line = first.lstrip().split(b"\n", 1)[0]
    return line.startswith(b"{") and b'"log_text"' in line


def parse_labelled(line: bytes, number: int, name: str) -> LabelledLine:
    """Return the object on line ``number`` of ``name``; raises :class:`DataError` if it is none."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name}:{number}: not JSON: {error}") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("log_text"), str):
        raise DataError(f'{name}:{number}: needs an object with a string "log_text"')
    label = fields.get("label")
    if label not in (None, 0, 1):
        raise DataError(f'{name}:{number}: "label" is {label!r}, must be 0 or 1')
    return LabelledLine(fields["log_text"], label, fields.get("simulated"))


def labelled_lines(name: str) -> Iterator[LabelledLine]:
    """Yield the objects of a labelled JSONL file; empty lines are passed over.

    Raises :class:`DataError` if it is none.
    """
    with closing(open_input(name)) as stream:
        yield from _parse_blocks(blocks_of(stream), name)


def _parse_blocks(blocks: Iterable[bytes], name: str) -> Iterator[LabelledLine]:
    number = 0
    for block in blocks:
        for line in block.split(b"\n")[:-1]:
            number += 1
            if line.strip():
                yield parse_labelled(line, number, name)


class HeldOut:
    """Records kept from learning: of the raw logs every tenth, at most ``limit``, evenly spread."""

    def __init__(self, limit: int = HELD_OUT_RECORDS) -> None:
        self.records: list[bytes] = []
        self._limit = limit
        self._stride = 1
        self._seen = 0

    def take(self, block: bytes, position: int) -> slice:
        """Keep records of ``block``, whose first is the ``position``-th; return which they are."""
        which = slice(-(position + 1) % HELD_OUT_EVERY, None, HELD_OUT_EVERY)
        found = block.split(b"\n")[:-1][which]
        self.records += found[-self._seen % self._stride :: self._stride]
        self._seen += len(found)
        while len(self.records) > self._limit:
            self.records = self.records[::2]
            self._stride *= 2
        return which


def records_of(name: str) -> tuple[bool, Iterator[bytes]]:
    """Return whether a file is labelled JSONL, and blocks of its raw records (of its texts)."""
    blocks = _blocks(name)
    first = next(blocks, b"")
    blocks = chain([first], blocks)
    if is_labelled(first):
        return True, _texts(_parse_blocks(blocks, name))
    return False, blocks


def _blocks(name: str) -> Iterator[bytes]:
    with closing(open_input(name)) as stream:
        yield from blocks_of(stream)


def _texts(lines: Iterator[LabelledLine]) -> Iterator[bytes]:
    kept = (line for line in lines if not line.simulated)
    while batch := list(islice(kept, 4096)):
        yield b"".join(record(line.text) + b"\n" for line in batch)


def collect(
    names: Iterable[str],
    sample_limit: int | None = None,
    held_out: HeldOut | None = None,
    report: Callable[[int], None] = lambda _: None,
) -> Corpus:
    """Return the corpus of the files ``names``: of the first ``sample_limit`` records of each.

    Without what goes into ``held_out``; ``report`` is told the bytes of each block. Raises
    :class:`DataError` if the files hold no record with anything to learn from.
    """
    names = list(names)
    seen: Counter[bytes] = Counter()
    episodes = _Episodes()
    for name in names:
        episodes.begin()
        labelled, blocks = records_of(name)
        position = 0
        for block in blocks:
            found = shapes(block)
            length = len(found)
            if sample_limit is not None and position + length > sample_limit:
                del found[sample_limit - position :]
                block = b"\n".join(block.split(b"\n", len(found))[:-1]) + b"\n"  # noqa: PLW2901
            if held_out is not None and not labelled:
                del found[held_out.take(block, position)]
            seen.update(found)
            episodes.add(found, block)
            report(len(block))
            position += length
            if sample_limit is not None and position >= sample_limit:
                break
    counts: Counter[str] = Counter()
    for shape, count in seen.items():
        counts[episodes.text_of[shape]] += count
    if not any(counts):
        raise DataError(
            f"{', '.join(names)}: no line to learn from; name a log file with text in it"
        )
    return Corpus(dict(counts), seen.total(), dict(episodes.counts))


class _Episodes:
    """Counts how often a text turned up anew: again after ``EPISODE_SECONDS`` of log time.

    Log time is read once a chunk of records.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.text_of: dict[bytes, str] = {}
        self._clock = time.time()
        self.begin()

    def begin(self) -> None:
        """A file begins: its times have nothing to do with those of the one before."""
        self._last: dict[str, float] = {}
        self._now = 0.0

    def add(self, shapes: list[bytes], block: bytes) -> None:
        """Take in the shapes of a block of raw records (of most of them)."""
        lines = block.split(b"\n")
        heads = [lines[i * (len(lines) - 1) // len(shapes)] for i in range(len(shapes))]
        for piece, now in pieces(heads, self._now, self._clock):
            self._now = now
            chunk = set(shapes[piece])
            for shape in chunk - self.text_of.keys():
                self.text_of[shape] = normalize(shape)
            for text in {self.text_of[shape] for shape in chunk}:
                if self._now - self._last.get(text, -EPISODE_SECONDS) >= EPISODE_SECONDS:
                    self._last[text] = self._now
                    self.counts[text] += 1
