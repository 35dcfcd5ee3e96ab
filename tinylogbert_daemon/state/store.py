"""The store: opens, migrates and checks the database, commits effects, owes deliveries."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tinylogbert_daemon.decide.budget import BudgetRow, SuppressedRow
from tinylogbert_daemon.decide.incident import Incident
from tinylogbert_daemon.decide.incidents import OPEN_TEXTS
from tinylogbert_daemon.errors import DamagedStateError, StateError
from tinylogbert_daemon.privacy import Masker
from tinylogbert_daemon.state.damage import state_error, undamaged
from tinylogbert_daemon.state.effects import Delivery, Effects, FileRow
from tinylogbert_daemon.state.lock import lock
from tinylogbert_daemon.state.modes import make_private, open_private
from tinylogbert_daemon.state.owed import OwedText, write_owed
from tinylogbert_daemon.state.retention import expire, limit
from tinylogbert_daemon.state.rows import (
    FILE_COLUMNS,
    INCIDENT_COLUMNS,
    INCIDENT_COLUMNS_1,
    OWED_COLUMNS,
    file_row,
    file_values,
    incident,
    incident_values,
    owed_text,
)
from tinylogbert_daemon.state.schema import MIGRATIONS
from tinylogbert_daemon.state.scrub import scrub
from tinylogbert_daemon.state.spool import Spool

DATABASE = "state.db"
FILES_KEPT = 10_000
INCIDENTS_KEPT = 10_000


class Store:
    """One SQLite database (WAL). Used by one thread at a time; raises :class:`StateError`.

    The write-ahead log with ``synchronous=FULL`` makes a commit durable, and whole or absent, also
    when the power goes (sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous).
    """

    def __init__(
        self, directory: Path, *, read_only: bool = False, spool: Spool | None = None
    ) -> None:
        self.path = directory / DATABASE
        self._spool = spool or Spool()
        self._stale = False  # whether the files hold something of what was deleted
        opened = contextlib.ExitStack()
        try:
            if read_only:
                if not self.path.exists():
                    raise StateError(f"{directory}: holds no state of a daemon; check state_dir")
                self._db = sqlite3.connect(
                    f"{self.path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False
                )
                opened.callback(self._db.close)
                self._check_version()
            else:
                make_private(directory)
                opened.callback(os.close, lock(directory))
                # SQLite gives its -wal and -shm files the mode of this one
                os.close(open_private(self.path, os.O_RDWR))
                self._db = sqlite3.connect(
                    self.path, isolation_level=None, check_same_thread=False, timeout=5
                )
                opened.callback(self._db.close)
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")
                # what is deleted is overwritten: it may be content of logs
                self._db.execute("PRAGMA secure_delete=ON")
                self._migrate()
            self._opened = opened.pop_all()
        except (OSError, sqlite3.Error) as error:
            raise state_error(f"{self.path}: cannot use the state", error) from error
        finally:
            opened.close()

    def close(self) -> None:
        """Close the database and let another process have it."""
        self._opened.close()

    def _version(self) -> int:
        return int(self._read("PRAGMA user_version")[0][0])

    def _check_version(self) -> None:
        if self._version() > len(MIGRATIONS):
            raise StateError(
                f"{self.path}: was written by a newer version (schema {self._version()}, this one "
                f"knows {len(MIGRATIONS)}); upgrade, or move the file away to start anew"
            )

    def _migrate(self) -> None:
        self._check_version()
        for version in range(self._version(), len(MIGRATIONS)):
            self._db.executescript(
                f"BEGIN;{MIGRATIONS[version]};PRAGMA user_version={version + 1};COMMIT;"
            )

    # -- reading ------------------------------------------------------------------------------

    def _read(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Return the rows of a query; raises :class:`StateError` if the database is damaged."""
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise state_error(f"{self.path}: cannot read the state", error) from error

    def check(self) -> None:
        """Read all of the file; raises :class:`DamagedStateError` if it does not hold together.

        That is what sqlite.org/pragma.html#pragma_quick_check finds, and rows of another form.
        """
        found = self._read("PRAGMA quick_check(1)")[0][0]
        if found != "ok":
            raise DamagedStateError(f"{self.path}: is damaged: {' '.join(str(found).split())}")
        self.files()
        self.incidents()
        self.owed()

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

    def incidents(self, *, only_open: bool = False, limit: int = INCIDENTS_KEPT) -> list[Incident]:
        """Return incidents, the newest first."""
        where = "WHERE closed IS NULL" if only_open else ""
        columns = INCIDENT_COLUMNS if self._version() > 1 else INCIDENT_COLUMNS_1
        rows = self._read(
            f"SELECT {columns} FROM incidents {where} ORDER BY opened DESC LIMIT ?",  # noqa: S608
            (limit,),
        )
        with undamaged(self.path, "an incident"):
            return [incident(*row) for row in rows]

    def resume_incidents(self, limit: int = OPEN_TEXTS) -> list[Incident]:
        """Return the open incidents, the one seen last at the end; close those beyond ``limit``."""
        self._many(
            "UPDATE incidents SET closed = last_seen, close_reason = 'too many open' WHERE id IN "
            "(SELECT id FROM incidents WHERE closed IS NULL "
            "ORDER BY last_seen DESC LIMIT -1 OFFSET ?)",
            [(limit,)],
        )
        found = self.incidents(only_open=True, limit=limit)
        return sorted(found, key=lambda one: one.last_seen)

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

    def pending(self, sink: str, limit: int) -> list[Delivery]:
        """Return the oldest deliveries owed to ``sink``."""
        rows = self._read(
            "SELECT number, sink, incident, body, attempts FROM deliveries "
            "WHERE sink = ? ORDER BY number LIMIT ?",
            (sink, limit),
        )
        return [Delivery(*row) for row in rows]

    def owed(self) -> list[OwedText]:
        """Return the texts that await their verdict."""
        rows = self._read(f"SELECT {OWED_COLUMNS} FROM owed ORDER BY now")  # noqa: S608
        with undamaged(self.path, "a text that awaits its verdict"):
            return [owed_text(*row) for row in rows]

    def pending_counts(self) -> dict[str, int]:
        """Return how many deliveries are owed, by sink."""
        return dict(self._read("SELECT sink, COUNT(*) FROM deliveries GROUP BY sink"))

    # -- writing ------------------------------------------------------------------------------

    def commit(self, effects: Effects) -> Counter[str]:
        """Commit the effects of whole blocks in one transaction, all or nothing.

        Returns how many deliveries the full spool has dropped, by sink.
        """
        with self._transaction("cannot commit"):
            self._write(effects)
            return self._spool.add(self._db, effects.deliveries)

    def _write(self, effects: Effects) -> None:
        db = self._db
        db.executemany(
            f"INSERT INTO files ({FILE_COLUMNS}, committed) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) "  # noqa: S608
            "ON CONFLICT DO UPDATE SET source=excluded.source, path=excluded.path, "
            "offset=excluded.offset, lines=excluded.lines, tail=excluded.tail, "
            "mid_line=excluded.mid_line, skipping=excluded.skipping, cursor=excluded.cursor, "
            "seen=excluded.seen, "
            "committed=committed+excluded.committed",
            [file_values(key, row, effects.lines[key]) for key, row in effects.files.items()],
        )
        db.executemany(
            "INSERT INTO sources VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET "
            "records=records+excluded.records, "
            "learning_since=COALESCE(learning_since, excluded.learning_since), "
            "log_time=COALESCE(excluded.log_time, log_time)",
            [
                (
                    name,
                    effects.records[name],
                    effects.learning.get(name),
                    effects.log_times.get(name),
                )
                for name in effects.records | effects.learning.keys() | effects.log_times.keys()
            ],
        )
        db.executemany(
            "INSERT INTO texts VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET "
            "count=excluded.count, updated=excluded.updated, "
            "shape=CASE WHEN length(shape) THEN shape ELSE excluded.shape END",
            [(key, *row) for key, row in effects.counts.items()],
        )
        if effects.sketch is not None:
            db.executemany("DELETE FROM texts WHERE key = ?", [(key,) for key in effects.evicted])
            db.execute("INSERT OR REPLACE INTO sketch VALUES (1,?,?)", effects.sketch)
        if effects.reference is not None:
            db.execute("INSERT OR REPLACE INTO reference VALUES (?,?)", effects.reference)
        db.executemany(
            f"INSERT OR REPLACE INTO incidents ({INCIDENT_COLUMNS}) "  # noqa: S608
            "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            [incident_values(one) for one in effects.incidents.values()],
        )
        if effects.budget is not None:
            db.execute("DELETE FROM budget")
            db.executemany("INSERT INTO budget VALUES (?,?,?)", effects.budget)
        db.executemany(
            "INSERT OR REPLACE INTO suppressed VALUES (?,?,?,?,?)",
            list(effects.suppressed.values()),
        )
        write_owed(db, effects.owed)

    def delivered(self, numbers: Iterable[int]) -> None:
        """Strike deliveries off: the sink has them."""
        self._many("DELETE FROM deliveries WHERE number = ?", [(number,) for number in numbers])

    def postponed(self, numbers: Iterable[int]) -> None:
        """Count one more failed attempt at each of these deliveries."""
        self._many(
            "UPDATE deliveries SET attempts = attempts + 1 WHERE number = ?",
            [(number,) for number in numbers],
        )

    def prune(self, retention: float = 0.0, now: float = 0.0) -> None:
        """Let go of the oldest files and closed incidents beyond what is kept.

        With a ``retention`` (seconds) also of what is older at ``now``: that is gone for good.
        """
        with self._transaction("cannot write"):
            limit(self._db, FILES_KEPT, INCIDENTS_KEPT)
            if retention > 0 and expire(self._db, retention, now):
                self._stale = True
        if retention > 0:
            self._rewrite()

    def scrub(self, masker: Masker | None) -> None:
        """Mask what was kept before these rules were on; None: from now on nothing is masked."""
        with self._transaction("cannot write"):
            self._stale |= scrub(self._db, masker)
        if self._stale:
            self._rewrite()

    def _rewrite(self) -> None:
        """Leave nothing of what was deleted or masked in the files."""
        if self._stale:
            self._read("VACUUM")
            self._stale = False
        # the log that holds it still is emptied; while others read it, the next time
        self._read("PRAGMA wal_checkpoint(TRUNCATE)")

    def _many(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        with self._transaction("cannot write"):
            self._db.executemany(statement, rows)

    @contextlib.contextmanager
    def _transaction(self, failure: str) -> Iterator[None]:
        """Commit what is done inside, all or nothing; raises :class:`StateError`."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise state_error(f"{self.path}: {failure}", error) from error
