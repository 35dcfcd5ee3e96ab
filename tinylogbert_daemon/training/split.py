"""A labelled file in a part to learn from and a part to test on, without a text in both."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from random import Random
from typing import BinaryIO

from tinylogbert_daemon.errors import DataError
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.shape import record, shapes
from tinylogbert_daemon.source.lines import blocks_of, open_input
from tinylogbert_daemon.training.convert import BLOCK_BYTES, RECORD_BYTES
from tinylogbert_daemon.training.corpus import LabelledLine, parse_labelled

TEST_SHARE = 0.2
TEST_TEXTS = 1000
"""Distinct texts of the test part: with DistilBERT each costs about a quarter of a second."""


@dataclass(slots=True)
class Parts:
    """Lines of each part, the test part's anomalies, distinct texts of both and how many share.

    ``left_out`` are lines in neither part: simulated ones that could only be learned from, and
    what ``TEST_TEXTS`` leaves out.
    """

    train_lines: int = 0
    test_lines: int = 0
    test_anomalies: int = 0
    train_texts: int = 0
    test_texts: int = 0
    shared_texts: int = 0
    left_out: int = 0


def split(
    name: str,
    train: BinaryIO,
    test: BinaryIO,
    *,
    shared_texts: bool = False,
    share: float = TEST_SHARE,
    texts_limit: int = TEST_TEXTS,
    seed: int = 0,
) -> Parts:
    """Write the labelled JSONL file ``name`` as two; read twice, so not a pipe.

    ``train`` gets objects with a ``log_text`` only, without simulated lines: nothing can be learned
    from labels that are not there. ``test`` gets labelled lines as they are. A line's text is what
    the model reads of it. Each text falls to one part, so that a ``share`` of the normal texts and
    of the anomalous ones, common and rare alike, is tested on; with ``shared_texts`` it is the
    last ``share`` of the lines instead. Raises :class:`DataError` if ``name`` is not labelled
    JSONL or a part has nothing (of both labels) in it.
    """
    lines: Counter[str] = Counter()
    anomalous: set[str] = set()
    labels: set[int] = set()
    for _, line, text in _read(name):
        lines[text] += 1
        if line.label is not None:
            labels.add(line.label)
        if line.label:
            anomalous.add(text)
    if len(labels) < 2:
        only = f"only label {min(labels)}" if labels else "no labelled line"
        raise DataError(f"{name}: needs normal lines and anomalies to test on, found {only}")
    tested = set(lines) if shared_texts else _draw(lines, anomalous, share, seed)
    kept = _capped(tested, anomalous, texts_limit, seed)
    first_tested = (1 - share) * lines.total() if shared_texts else 0
    parts = Parts()
    texts: tuple[set[str], set[str]] = (set(), set())
    for position, (content, line, text) in enumerate(_read(name)):
        if text in tested and position >= first_tested:
            if line.label is None or text not in kept:
                parts.left_out += 1
                continue
            test.write(content + b"\n")
            parts.test_lines += 1
            parts.test_anomalies += line.label
            texts[1].add(text)
        elif line.simulated:
            parts.left_out += 1
        else:
            train.write(json.dumps({"log_text": line.text}).encode() + b"\n")
            parts.train_lines += 1
            texts[0].add(text)
    parts.train_texts, parts.test_texts = map(len, texts)
    parts.shared_texts = len(texts[0] & texts[1])
    if not parts.train_lines or not 0 < parts.test_anomalies < parts.test_lines:
        raise DataError(
            f"{name}: too few distinct texts to split: {parts.train_lines} lines to learn from, "
            f"{parts.test_lines} to test on, {parts.test_anomalies} of them anomalies"
        )
    return parts


def _read(name: str) -> Iterator[tuple[bytes, LabelledLine, str]]:
    """Yield each line as it stands, what it says, and its text."""
    number = 0
    with closing(open_input(name)) as stream:
        for block in blocks_of(stream, BLOCK_BYTES, RECORD_BYTES):
            rows = block.split(b"\n")[:-1]
            found = [
                (content, parse_labelled(content, number + i, name))
                for i, content in enumerate(rows, start=1)
                if content.strip()
            ]
            number += len(rows)
            records = b"".join(record(line.text) + b"\n" for _, line in found)
            for (content, line), shape in zip(found, shapes(records), strict=True):
                yield content, line, normalize(shape)


def _draw(lines: Counter[str], anomalous: set[str], share: float, seed: int) -> set[str]:
    """Return the texts to test on: systematically from each kind, ranked by how common they are."""
    random = Random(seed)  # noqa: S311 - reproducible, not secret
    step = round(1 / share)
    drawn: set[str] = set()
    for kind in (anomalous, set(lines) - anomalous):
        texts = sorted(kind)
        random.shuffle(texts)
        texts.sort(key=lambda text: -lines[text])
        drawn.update(texts[min(step // 2, len(texts) - 1) :: step])
    return drawn


def _capped(tested: set[str], anomalous: set[str], limit: int, seed: int) -> set[str]:
    """Return at most ``limit`` of ``tested``, with the same share of anomalous ones."""
    if len(tested) <= limit:
        return tested
    random = Random(seed)  # noqa: S311 - reproducible, not secret
    kinds = (sorted(tested & anomalous), sorted(tested - anomalous))
    return {
        text
        for kind in kinds
        for text in random.sample(kind, min(len(kind), max(1, len(kind) * limit // len(tested))))
    }
