"""The spool: deliveries that are owed, at most so many to a sink."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tinylogbert_daemon.state.sums import SUM_OF

LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Spool:
    """How many deliveries a sink may be owed; beyond, the ``oldest`` or the ``newest`` go."""

    limit: int = LIMIT
    drop: Literal["oldest", "newest"] = "oldest"

    def add(self, db: sqlite3.Connection, owed: Sequence[tuple[str, str, str]]) -> Counter[str]:
        """Add deliveries (sink, incident, body); return how many were dropped, by sink.

        Part of the caller's transaction, so that the limit holds in every committed state. Raises
        ``sqlite3.Error``.
        """
        db.executemany(
            "INSERT INTO deliveries (sink, incident, body, sum) "  # noqa: S608
            f"SELECT *, {SUM_OF['deliveries']} FROM (SELECT ? AS sink, ? AS incident, ? AS body)",
            owed,
        )
        dropped: Counter[str] = Counter()
        order = "number" if self.drop == "oldest" else "number DESC"
        for sink in {sink for sink, _, _ in owed}:
            count = "SELECT COUNT(*) FROM deliveries WHERE sink = ?"
            excess = db.execute(count, (sink,)).fetchone()[0] - self.limit
            if excess > 0:
                db.execute(
                    "DELETE FROM deliveries WHERE number IN (SELECT number FROM deliveries "  # noqa: S608
                    f"WHERE sink = ? ORDER BY {order} LIMIT ?)",
                    (sink, excess),
                )
                dropped[sink] = excess
        return dropped
