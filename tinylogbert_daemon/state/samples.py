"""What this host has seen, as texts: read from the state while the daemon goes on writing it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinylogbert_daemon.decide.incident import Anomaly
from tinylogbert_daemon.decide.score import Decider
from tinylogbert_daemon.errors import StateError
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.state.rows import anomaly
from tinylogbert_daemon.state.store import DATABASE, Store

RECENT_SECONDS = 7 * 86_400.0
"""Log time before the newest text that counts as recent."""

SHAPE_BYTES = 4096
"""A longer sample shape is passed over: a text of 128 tokens needs less, hostile lines do not."""

WORDED_TEXTS = 20_000
"""Texts whose wording is read back at start, at some 60 microseconds each."""

_INCIDENTS = 500


@dataclass(frozen=True, slots=True)
class Seen:
    """Texts with how often each was seen, the heaviest first, and the recent incidents.

    Counts have decayed to ``newest``, the log time (seconds) that the state has come to, and are
    at least 1. ``incidents`` holds the first anomaly of each, the newest first.
    """

    counts: dict[str, int]
    incidents: list[Anomaly]
    newest: float


def seen(directory: Path, limit: int, half_life: float, *, recent_only: bool = False) -> Seen:
    """Return at most ``limit`` texts of the state in ``directory``, by decayed count.

    ``half_life`` is in seconds of log time; ``recent_only`` leaves out what did not come within
    ``RECENT_SECONDS``. Changes nothing. Raises :class:`StateError` if the state cannot be read.
    """
    path = directory / DATABASE
    if not path.exists():
        raise StateError(f"{directory}: holds no state of a daemon; name its state_dir")
    try:
        with closing(_connect(path)) as db:
            db.execute("BEGIN")  # one snapshot for all that follows
            return _read(db, limit, half_life, recent_only)
    except sqlite3.Error as error:
        raise StateError(f"{path}: cannot read the state: {error}") from error


def remember(decider: Decider, store: Store) -> None:
    """Tell ``decider`` the wording of the texts that the host has seen, which follows from them."""
    for shape, count in store.sample_shapes(SHAPE_BYTES, WORDED_TEXTS):
        if text := normalize(shape):
            decider.pairs.add(text, count)


def _connect(path: Path) -> sqlite3.Connection:
    """Open for reading, also where the directory itself cannot be written to.

    SQLite needs its -wal and -shm files then; without a daemon there are none, and nothing changes
    the file either (sqlite.org/wal.html#readonly).
    """
    uri = f"{path.resolve().as_uri()}?mode=ro"
    if not path.with_name(f"{path.name}-wal").exists():
        uri += "&immutable=1"
    return sqlite3.connect(uri, uri=True, isolation_level=None)


def _read(db: sqlite3.Connection, limit: int, half_life: float, recent_only: bool) -> Seen:
    rows = db.execute(
        "SELECT key, count, updated FROM texts WHERE length(shape) BETWEEN 1 AND ?", (SHAPE_BYTES,)
    ).fetchall()
    if not rows:
        return Seen({}, [], 0.0)
    updated = np.array([row[2] for row in rows])
    # a text that a model's training data counted may be dated later
    (reached,) = db.execute("SELECT MAX(log_time) FROM sources").fetchone()
    newest = float(updated.max()) if reached is None else float(reached)
    ages = np.maximum(0.0, newest - updated)
    weights = np.array([row[1] for row in rows]) * 0.5 ** (ages / half_life)
    order = np.argsort(-weights, kind="stable")
    if recent_only:
        order = order[updated[order] >= newest - RECENT_SECONDS]
    counts: dict[str, int] = {}
    for index in map(int, order[:limit]):
        found = db.execute("SELECT shape FROM texts WHERE key = ?", (rows[index][0],))
        text = normalize(found.fetchone()[0])
        if text:
            # several keys may have become one text with a newer normaliser
            counts[text] = counts.get(text, 0) + max(1, round(float(weights[index])))
    incidents = db.execute(
        "SELECT first FROM incidents WHERE last_seen >= ? ORDER BY opened DESC LIMIT ?",
        (newest - RECENT_SECONDS, _INCIDENTS),
    )
    return Seen(counts, [anomaly(first) for (first,) in incidents], newest)
