"""The database file: opened, locked, migrated; its failures as errors of the state."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from tinylogbert_daemon.errors import StateError
from tinylogbert_daemon.state.backup import back_up, way_back
from tinylogbert_daemon.state.damage import state_error, undamaged
from tinylogbert_daemon.state.lock import lock
from tinylogbert_daemon.state.modes import make_private, open_private
from tinylogbert_daemon.state.schema import MIGRATIONS
from tinylogbert_daemon.state.sums import provide, seal_all

DATABASE = "state.db"

LOG_BYTES = 1 << 23
"""What the write-ahead log is cut back to, where a reader has kept it from starting anew."""

_T = TypeVar("_T")


class Database:
    """One SQLite database (WAL). Used by one thread at a time; raises :class:`StateError`.

    The write-ahead log with ``synchronous=FULL`` makes a commit durable, and whole or absent, also
    when the power goes (sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous).
    """

    def __init__(self, directory: Path, *, read_only: bool = False) -> None:
        self.path = directory / DATABASE
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
                self._db.execute(f"PRAGMA journal_size_limit={LOG_BYTES}")
                # what is deleted is overwritten: it may be content of logs
                self._db.execute("PRAGMA secure_delete=ON")
                provide(self._db)
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
                f"knows {len(MIGRATIONS)}); upgrade, or {way_back(self.path, len(MIGRATIONS))}"
            )

    def _migrate(self) -> None:
        self._check_version()
        if pending := MIGRATIONS[self._version() :]:
            if self._version():
                back_up(self._db, self.path, self._version())
            self._db.executescript(
                f"BEGIN;{';'.join(pending)};PRAGMA user_version={len(MIGRATIONS)};"
            )
            seal_all(self._db)
            self._db.execute("COMMIT")

    def _read(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Return the rows of a query; raises :class:`StateError` if the database is damaged."""
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise state_error(f"{self.path}: cannot read the state", error) from error

    def _many(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        with self._transaction("cannot write"):
            self._db.executemany(statement, rows)

    def ask(self, query: Callable[[sqlite3.Connection], _T]) -> _T:
        """Return what ``query`` reads; raises :class:`StateError` if the database is damaged."""
        try:
            with undamaged(self.path, "an incident or feedback"):
                return query(self._db)
        except sqlite3.Error as error:
            raise state_error(f"{self.path}: cannot read the state", error) from error

    def change(self, change: Callable[[sqlite3.Connection], _T]) -> _T:
        """Return what ``change`` gives, all that it writes committed, or nothing if it raises."""
        with self._transaction("cannot write"):
            return change(self._db)

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
