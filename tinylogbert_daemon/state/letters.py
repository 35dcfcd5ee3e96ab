"""Dead letters: alerts that a sink would not take, kept until someone looks at them."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tinylogbert_daemon.errors import DamagedStateError, StateError
from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.state.damage import state_error
from tinylogbert_daemon.state.schema import MIGRATIONS
from tinylogbert_daemon.state.sums import broken, provide, seal, seal_new

LETTERS_VERSION = 6
"""The schema's first version that has them."""

SELECT_LETTERS = (
    "SELECT number, sink, incident, body, attempts, died, reason FROM dead ORDER BY number"
)
_REASON_CHARACTERS = 300
_WAIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Letter:
    """An alert that was given up at ``died`` (epoch seconds) after so many failed ``attempts``."""

    number: int
    sink: str
    incident: str
    body: str
    attempts: int
    died: float
    reason: str


def bury(
    db: sqlite3.Connection, reasons: Mapping[int, str], now: float, limit: int
) -> Counter[str]:
    """Move deliveries to the dead letters; return how many older letters went, by sink.

    Part of the caller's transaction; raises ``sqlite3.Error``.
    """
    for number, reason in reasons.items():
        buried = db.execute(
            "INSERT INTO dead (sink, incident, body, attempts, died, reason) "
            "SELECT sink, incident, body, attempts + 1, ?, ? FROM deliveries WHERE number = ?",
            (now, printable(reason, _REASON_CHARACTERS), number),
        )
        seal(db, "dead", [(buried.lastrowid,)])
        db.execute("DELETE FROM deliveries WHERE number = ?", (number,))
    gone: Counter[str] = Counter()
    for (sink,) in db.execute("SELECT DISTINCT sink FROM dead").fetchall():
        deleted = db.execute(
            "DELETE FROM dead WHERE number IN "
            "(SELECT number FROM dead WHERE sink = ? ORDER BY number DESC LIMIT -1 OFFSET ?)",
            (sink, limit),
        ).rowcount
        if deleted:
            gone[sink] = deleted
    return gone


def revive(db: sqlite3.Connection, sink: str | None, incidents: Iterable[str]) -> int:
    """Owe letters anew, all or those of a sink or of incidents; return how many.

    Part of the caller's transaction; raises ``sqlite3.Error``, and :class:`DamagedStateError` where
    a letter is not what was written: it would be sent under a new sum.
    """
    if db.execute(broken("dead")).fetchone():
        raise DamagedStateError("the state is damaged: a row of dead has another checksum")
    wanted = list(incidents)
    where = "(?1 IS NULL OR sink = ?1)"
    if wanted:
        where += f" AND incident IN ({','.join(['?'] * len(wanted))})"
    values = (sink, *wanted)
    db.execute(
        "INSERT INTO deliveries (sink, incident, body) "  # noqa: S608
        f"SELECT sink, incident, body FROM dead WHERE {where} ORDER BY number",
        values,
    )
    seal_new(db, "deliveries")
    return db.execute(f"DELETE FROM dead WHERE {where}", values).rowcount  # noqa: S608


def revive_beside(path: Path, sink: str | None, incidents: Iterable[str]) -> int:
    """Do :func:`revive` in the database ``path``, also while a daemon has it open.

    One short transaction of SQLite's, which the daemon's wait for. Raises :class:`StateError`.
    """
    if not path.exists():
        raise StateError(f"{path.parent}: holds no state of a daemon; check state_dir")
    try:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute(f"PRAGMA busy_timeout={int(_WAIT_SECONDS * 1000)}")
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA secure_delete=ON")
            if db.execute("PRAGMA user_version").fetchone()[0] != len(MIGRATIONS):
                raise StateError(
                    f"{path}: was written by another version; start the daemon of this one first"
                )
            provide(db)
            db.execute("BEGIN IMMEDIATE")
            count = revive(db, sink, incidents)
            db.execute("COMMIT")
            return count
    except sqlite3.Error as error:
        raise state_error(f"{path}: cannot put alerts back", error) from error
