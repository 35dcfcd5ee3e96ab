"""What the state holds, read from its database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import inf
from threading import Event
from time import monotonic

from tinylogbert_daemon.decide.budget import BudgetRow, SuppressedRow
from tinylogbert_daemon.decide.incident import Incident
from tinylogbert_daemon.errors import DamagedStateError, StateError
from tinylogbert_daemon.state.damage import undamaged
from tinylogbert_daemon.state.database import Database
from tinylogbert_daemon.state.effects import FileRow
from tinylogbert_daemon.state.owed import OwedText
from tinylogbert_daemon.state.rows import (
    FILE_COLUMNS,
    OWED_COLUMNS,
    file_row,
    incident,
    incident_columns,
    owed_text,
)
from tinylogbert_daemon.state.sums import LARGE, SMALL, broken

INCIDENTS_KEPT = 10_000

_STEPS = 1000  # of SQLite's machine between two looks at the clock: well under a millisecond


class View(Database):
    """The questions that the daemon and its commands ask of the state."""

    def check(self, seconds: float | None = None) -> bool:
        """Read the file through; raises :class:`DamagedStateError` if it does not hold together.

        That is rows of another form, rows whose sum is not theirs, and what
        sqlite.org/pragma.html#pragma_quick_check finds. Returns whether it came to the end within
        so many ``seconds`` (None: however long it takes). What is read at every start is looked at
        first and whole.
        """
        self._check_sums(SMALL)
        self.files()
        self.incidents(only_open=True)
        self.owed()
        with self._limited(seconds) as limited:
            self._check_sums(LARGE)
            self.incidents()
            found = self._read("PRAGMA quick_check(1)")[0][0]
            if found != "ok":
                raise DamagedStateError(f"{self.path}: is damaged: {' '.join(str(found).split())}")
        return not limited.is_set()

    def _check_sums(self, tables: Sequence[str]) -> None:
        for table in tables:
            if self._read(broken(table)):
                raise DamagedStateError(
                    f"{self.path}: is damaged: a row of {table} has another checksum"
                )

    @contextmanager
    def _limited(self, seconds: float | None) -> Iterator[Event]:
        """Break off what is read inside after so many seconds; then the event is set."""
        reached = Event()
        end = inf if seconds is None else monotonic() + seconds
        self._db.set_progress_handler(lambda: monotonic() >= end, _STEPS)
        try:
            yield reached
        except StateError as error:
            code = getattr(error.__cause__, "sqlite_errorcode", None)
            if code != sqlite3.SQLITE_INTERRUPT:
                raise
            reached.set()
        finally:
            self._db.set_progress_handler(None, 0)

    def files(self) -> list[FileRow]:
        """Return where every known file stands, the one read last at the end."""
        rows = self._read(f"SELECT {FILE_COLUMNS} FROM files ORDER BY seen")  # noqa: S608
        with undamaged(self.path, "a file's position"):
            return [file_row(*row) for row in rows]

    def committed_lines(self) -> dict[str, int]:
        """Return the physical lines committed by path, over all files that it has named."""
        return dict(
            self._read("SELECT path, SUM(committed) FROM files GROUP BY path ORDER BY path")
        )

    def sources(self) -> dict[str, tuple[int, float | None, float | None]]:
        """Return records, start of learning and log time (seconds) by source."""
        rows = self._read("SELECT name, records, learning_since, log_time FROM sources")
        return {name: (records, since, time) for name, records, since, time in rows}

    def counts(self) -> list[tuple[int, float, float]]:
        """Return key, count and time of every counted text, oldest first."""
        return self._read("SELECT key, count, updated FROM texts ORDER BY updated")

    def sample_shapes(self, longest: int, limit: int) -> list[tuple[bytes, float]]:
        """Return sample shape (of at most ``longest`` bytes) and count of the newest texts."""
        return self._read(
            "SELECT shape, count FROM texts WHERE length(shape) BETWEEN 1 AND ? "
            "ORDER BY updated DESC LIMIT ?",
            (longest, limit),
        )

    def sketch(self) -> tuple[bytes, float] | None:
        """Return the saved sketch of evicted texts and its time, if there is one."""
        return next(iter(self._read("SELECT cells, time FROM sketch")), None)

    def reference(self, model: str) -> bytes | None:
        """Return the saved calibration reference of a model, if there is one."""
        rows = self._read("SELECT raw FROM reference WHERE model = ?", (model,))
        return bytes(rows[0][0]) if rows else None

    def incidents(
        self, *, only_open: bool = False, only_alerted: bool = False, limit: int = INCIDENTS_KEPT
    ) -> list[Incident]:
        """Return incidents, the newest first; with ``only_alerted`` those whose alert was sent."""
        where = "WHERE closed IS NULL" if only_open else "WHERE TRUE"
        where += " AND alerted" if only_alerted else ""
        columns = incident_columns(self._db)
        rows = self._read(
            f"SELECT {columns} FROM incidents {where} ORDER BY opened DESC LIMIT ?",  # noqa: S608
            (limit,),
        )
        with undamaged(self.path, "an incident"):
            return [incident(*row) for row in rows]

    def owed(self) -> list[OwedText]:
        """Return the texts that await their verdict."""
        rows = self._read(f"SELECT {OWED_COLUMNS} FROM owed ORDER BY now")  # noqa: S608
        with undamaged(self.path, "a text that awaits its verdict"):
            return [owed_text(*row) for row in rows]

    def budget(self) -> list[BudgetRow]:
        """Return the saved rows of the alert budget."""
        return self._read("SELECT source, tokens, time FROM budget")

    def suppressed(self) -> list[SuppressedRow]:
        """Return what was not sent, by source and reason."""
        return self._read("SELECT source, reason, total, pending, since FROM suppressed")

    def suppressed_totals(self) -> dict[str, int]:
        """Return how many alerts were ever suppressed, by reason."""
        if self._version() < 2:  # whoever only reads does not migrate
            return {}
        return dict(
            self._read("SELECT reason, SUM(total) FROM suppressed GROUP BY reason ORDER BY reason")
        )

    def open_incidents(self) -> int:
        """Return how many incidents are open."""
        return int(self._read("SELECT COUNT(*) FROM incidents WHERE closed IS NULL")[0][0])
