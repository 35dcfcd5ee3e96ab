"""HDFS: a label a session, not a line; the sessions of one block id, split in time.

The product has no detector of sessions yet: a session's score is the highest among its lines, so
what can be found is an event that is unusual in itself, not a normal one that comes too often.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from common import data
from quality_data import split_lines
from quality_detector import THRESHOLD, Detector
from quality_figures import Figures, Labels, figures
from quality_measure import Run, over_seeds

_BLOCK = re.compile(rb"blk_-?\d+")
_VALUES = re.compile(rb"/?\d+\.\d+\.\d+\.\d+(?::\d+)?|/(?:user|mnt)/\S+|\d+")
_BLOCKS = re.compile(rb"blk(?: blk)+")
_HEADER_COLUMNS = 3  # date, time, thread
_TOP = 3


@dataclass(frozen=True, slots=True)
class Session:
    """The lines that name one block: their numbers and their events, in time order."""

    lines: list[int]
    events: list[int]
    anomaly: bool


def read() -> tuple[list[bytes], list[Session]]:
    """Return the raw lines and the labelled sessions in the order in which they begin."""
    records = split_lines(data("benchmark/hdfs-2pct.log.xz"))
    table = io.StringIO(data("benchmark/hdfs-2pct-labels.csv.xz").decode())
    labels = {row["BlockId"].encode(): row["anomaly"] == "1" for row in csv.DictReader(table)}
    number_of: dict[bytes, int] = {}
    sessions: dict[bytes, Session] = {}
    for line, record in enumerate(records):
        message = _BLOCK.sub(b"blk", record.split(b" ", _HEADER_COLUMNS)[-1])
        event = _BLOCKS.sub(b"blk", _VALUES.sub(b"*", message))
        number = number_of.setdefault(event, len(number_of))
        for block in set(_BLOCK.findall(record)):
            if block in labels:
                session = sessions.setdefault(block, Session([], [], labels[block]))
                session.lines.append(line)
                session.events.append(number)
    return records, list(sessions.values())


def hdfs(run: Run) -> Figures:
    """Return the figures of the later half of the sessions, after the earlier half unlabelled."""
    records, sessions = read()
    half = len(sessions) // 2
    history, judged = sessions[:half], sessions[half:]
    labels = np.array([session.anomaly for session in judged], dtype=np.int8)
    # what is of no session, and what two sessions share, is counted once
    known = sorted({line for session in history for line in session.lines})
    detector = Detector(run.model, [records[line] for line in known])
    scores = detector.score(run.model.verdicts(records))
    of_session = [[scores[line] for line in session.lines] for session in judged]
    kinds = [" ".join(map(str, sorted(set(session.events)))) for session in judged]
    found = figures(labels, [max(found) for found in of_session], kinds, THRESHOLD)
    parts = {f"mean-of-top-{_TOP}": [_top(found) for found in of_session]}
    return over_seeds(
        [
            {
                **found,
                "lines": len(labels),
                "anomalies": int(labels.sum()),
                "parts": _rows(labels, parts, kinds),
                "baselines": _rows(labels, baselines(history, judged), kinds),
            }
        ]
    )


def baselines(history: Sequence[Session], judged: Sequence[Session]) -> dict[str, list[float]]:
    """Return the scores of the simple detectors of sessions, learned from ``history``."""
    with_event: Counter[int] = Counter()
    with_count: Counter[tuple[int, int]] = Counter()
    grams: Counter[tuple[int, int]] = Counter()
    for session in history:
        counts = Counter(session.events)
        with_event.update(counts.keys())
        with_count.update(counts.items())
        grams.update(_grams(session))
    every, all_grams = len(history), sum(grams.values())

    def rare(seen: int, of: int) -> float:
        return math.log((of + 1) / (seen + 1))

    return {
        "rarest-event-count": [
            max(rare(with_count[pair], every) for pair in Counter(session.events).items())
            for session in judged
        ],
        "rarest-event": [
            max(rare(with_event[event], every) for event in session.events) for session in judged
        ],
        "2-gram-mean": [
            sum(rare(grams[gram], all_grams) for gram in _grams(session))
            / (len(session.events) + 1)
            for session in judged
        ],
    }


def _grams(session: Session) -> list[tuple[int, int]]:
    return list(pairwise([-1, *session.events, -2]))


def _top(scores: list[float]) -> float:
    best = sorted(scores, reverse=True)[:_TOP]
    return sum(best) / len(best)


def _rows(
    labels: Labels, scores: dict[str, list[float]], kinds: Sequence[str]
) -> dict[str, Figures]:
    return {name: figures(labels, values, kinds) for name, values in scores.items()}


SETS: dict[str, Callable[[Run], Figures]] = {"hdfs-2pct": hdfs}
