"""Texts that await their verdict while their records are committed: owed work, as deliveries are.

One row for each text of a source, so that a storm of one text is one row. What is kept of the
records is what an incident would keep, under the same rules of privacy.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from tinylogbert_daemon.decide.incident import Anomaly
from tinylogbert_daemon.state.sums import seal


@dataclass(frozen=True, slots=True)
class OwedText:
    """What is known of a text's records without its verdict.

    ``first`` is the anomaly that they may turn out to be, all scores 0; ``shape`` a sample, ``now``
    the log time (seconds) up to which their last block reached. While the source was ``learning``,
    or for ``readback``, other rules hold. ``text`` is the model's input. It is not kept: after a
    restart it is ``first.text``, in which there are no secrets.
    """

    first: Anomaly
    shape: bytes
    now: float
    learning: bool
    readback: bool
    text: str

    @property
    def place(self) -> tuple[str, int]:
        """Its source and the key of its text."""
        return self.first.source, self.first.key


def joined(before: OwedText, later: OwedText) -> OwedText:
    """Return ``before`` with the records of a later block; what may alert outweighs what may not.

    Records that were read back for counts only are no part of an incident.
    """
    if before.readback and not later.readback:
        return later
    if later.readback:
        return before
    records = before.first.records + later.first.records
    first = replace(before.first, records=records, last_line=later.first.last_line)
    return replace(
        before,
        first=first,
        now=max(before.now, later.now),
        learning=before.learning and later.learning,
    )


def write_owed(db: sqlite3.Connection, rows: Mapping[tuple[str, int], OwedText | None]) -> None:
    """Save rows by source and key, in the caller's transaction; None strikes one off."""
    db.executemany(
        "DELETE FROM owed WHERE source = ? AND key = ?",
        [place for place, row in rows.items() if row is None],
    )
    db.executemany(
        "INSERT OR REPLACE INTO owed (source, key, first, shape, now, learning, readback) "
        "VALUES (?,?,?,?,?,?,?)",
        [
            (
                *place,
                json.dumps({**asdict(row.first), "origin": row.first.origin.hex()}),
                row.shape,
                row.now,
                row.learning,
                row.readback,
            )
            for place, row in rows.items()
            if row is not None
        ],
    )
    seal(db, "owed", [place for place, row in rows.items() if row is not None])
