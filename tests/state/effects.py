"""Effects as blocks leave them, and what a database says of them."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path

from tests.decide.anomalies import anomaly
from tinylogbert_daemon.decide.incident import Incident
from tinylogbert_daemon.source.block import FileKey, Position
from tinylogbert_daemon.state.effects import Effects, FileRow

SOURCE = "app"
PATH = "/var/log/app.log"


def file_key(number: int = 2) -> FileKey:
    return FileKey(1, number, b"head%d" % number)


def incident(number: int = 1, closed: float | None = None, opened: float = 1000.0) -> Incident:
    first = anomaly(f"text {number}", offset=number, time=opened)
    return Incident(
        first.id, first, opened, opened + 5, 3, "the last line", True, closed, peak=first.score
    )


def block_effects(block: int, lines: int = 10, file: int = 2) -> Effects:
    """Return the effects of block number ``block`` (from 0), each of so many lines of a file."""
    key = file_key(file)
    after = Position(key, (block + 1) * 100, (block + 1) * lines, b"tail%d" % block)
    found = incident(block)
    return Effects(
        files={key: FileRow(SOURCE, PATH, after, float(block))},
        lines=Counter({key: lines}),
        records=Counter({SOURCE: lines}),
        learning={SOURCE: 500.0 + block},
        log_times={SOURCE: 1000.0 + block},
        counts={7: (float(block + 1), 1000.0 + block, b"shape 0"), block + 100: (1.0, 1.0, b"s")},
        reference=("model", b"%d" % block),
        incidents={found.id: found},
        deliveries=[("jsonl", found.id, f'{{"block": {block}}}')],
        blocks=1,
    )


def dump(directory: Path) -> list[str]:
    """Return the whole content of a state directory's database, read by SQLite itself."""
    with sqlite3.connect(directory / "state.db") as database:
        content = list(database.iterdump())
    database.close()
    return content
