"""From a raw log to labelled JSONL, in bounded memory: kept lines unchanged, some corrupted.

A line is written as JSON in ASCII. UTF-8 is byte-faithful; a byte that is not UTF-8 becomes a lone
surrogate (PEP 383), from which :func:`~tinylogbert_daemon.model.shape.record` gets it back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from json.encoder import encode_basestring_ascii
from pathlib import Path
from random import Random
from typing import BinaryIO

from tinylogbert_daemon.errors import DataError
from tinylogbert_daemon.source.content import COMPRESSED_SUFFIXES
from tinylogbert_daemon.source.lines import blocks_of, open_input
from tinylogbert_daemon.training.corpus import is_labelled
from tinylogbert_daemon.training.corrupt import corrupt

BLOCK_BYTES = 1 << 24
RECORD_BYTES = BLOCK_BYTES - 1
"""A longer line is cut to this; it bounds the memory."""

_KEPT = ', "label": 0}\n'


@dataclass(slots=True)
class Conversion:
    """What was written: all lines, those that were not UTF-8, and the corrupted ones by name."""

    lines: int = 0
    not_utf8: int = 0
    simulated: Counter[str] = field(default_factory=Counter)


def output_path(name: str) -> Path:
    """Return where the conversion of the file ``name`` goes unless told otherwise.

    >>> output_path("logs/HDFS.log.gz").as_posix()
    'logs/HDFS_jsonl.json'
    """
    path = Path(name)
    if path.suffix in COMPRESSED_SUFFIXES:
        path = path.with_suffix("")
    return path.with_name(f"{path.stem}_jsonl.json")


def count_lines(name: str, report: Callable[[int], None] = lambda _: None) -> tuple[int, int]:
    """Return how many lines a log file has, and how many of them are not blank.

    ``report`` is told the bytes of each block. Raises :class:`DataError` if there is no line or if
    the file is labelled JSONL already.
    """
    lines = filled = 0
    with closing(open_input(name)) as stream:
        for block in blocks_of(stream, BLOCK_BYTES, RECORD_BYTES):
            if not lines and is_labelled(block):
                raise DataError(f"{name}: is labelled JSONL already, not a raw log")
            lines += block.count(b"\n")
            filled += sum(map(bool, map(bytes.strip, block.split(b"\n"))))
            report(len(block))
    if not lines:
        raise DataError(f"{name}: is empty, there is no line to convert")
    return lines, filled


def convert(
    name: str,
    output: BinaryIO,
    ratio: float,
    seed: int = 0,
    report: Callable[[int], None] = lambda _: None,
) -> Conversion:
    """Write the log file ``name`` to ``output`` as labelled JSONL; read twice, so not a pipe.

    round(``ratio`` x lines) of the lines that are not blank, or all of those if they are fewer,
    are corrupted; which and how depends on ``seed`` and the number of lines alone (selection
    sampling: Knuth, TAOCP vol. 2, algorithm S). Raises what :func:`count_lines` does.
    """
    lines, filled = count_lines(name, report)
    wanted = min(filled, round(ratio * lines))
    random = Random(seed)  # noqa: S311 - reproducible, not secret
    done = Conversion()
    with closing(open_input(name)) as stream:
        for block in blocks_of(stream, BLOCK_BYTES, RECORD_BYTES):
            records = _decode(block, done)
            written: list[str] = []
            for record, content in zip(records, block.split(b"\n"), strict=False):
                if wanted and content.strip():
                    if random.random() * filled < wanted:
                        changed, corruption = corrupt(record, random)
                        done.simulated[corruption] += 1
                        wanted -= 1
                        written.append(_simulated(changed, corruption))
                    else:
                        written.append(_kept(record))
                    filled -= 1
                else:
                    written.append(_kept(record))
            done.lines += len(records)
            output.writelines(text.encode("ascii") for text in written)
            report(len(block))
    return done


def mix(lines: Iterable[str], ratio: float, seed: int) -> tuple[list[str], list[int]]:
    """Return ``lines`` with a share ``ratio`` of them corrupted, and the label of each."""
    mixed = list(lines)
    random = Random(seed)  # noqa: S311 - reproducible, not secret
    labels = [0] * len(mixed)
    for i in random.sample(range(len(mixed)), round(ratio * len(mixed))):
        mixed[i], _ = corrupt(mixed[i], random)
        labels[i] = 1
    return mixed, labels


def _decode(block: bytes, done: Conversion) -> list[str]:
    try:
        return block.decode().split("\n")[:-1]
    except UnicodeDecodeError:
        records = block.decode("utf-8", "surrogateescape").split("\n")[:-1]
        done.not_utf8 += sum(_has_surrogate(record) for record in records)
        return records


def _has_surrogate(record: str) -> bool:
    return not record.isascii() and any("\ud800" <= character <= "\udfff" for character in record)


def _kept(record: str) -> str:
    return f'{{"log_text": {encode_basestring_ascii(record)}{_KEPT}'


def _simulated(record: str, corruption: str) -> str:
    text = encode_basestring_ascii(record)
    return f'{{"log_text": {text}, "label": 1, "simulated": "{corruption}"}}\n'
