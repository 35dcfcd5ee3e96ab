"""Which failures of the database mean that its file is damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tinylogbert_daemon.errors import DamagedStateError, StateError

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_PRIMARY = 0xFF


def state_error(what: str, error: OSError | sqlite3.Error) -> StateError:
    """Return the error that says ``what`` failed and why, of the kind that fits the cause.

    A full disk, a lock or a missing permission is no damage (sqlite.org/rescode.html).
    """
    if isinstance(error, OSError):
        return StateError(f"{what}: {error.strerror}")
    if isinstance(error, sqlite3.OperationalError) and not hasattr(error, "sqlite_errorcode"):
        # Python's, not SQLite's; its words would show the bytes, which are of a log
        return DamagedStateError(f"{what}: bytes that are no text where there was one")
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & _PRIMARY
    kind = DamagedStateError if code in _DAMAGE else StateError
    return kind(f"{what}: {error}")


@contextmanager
def undamaged(path: Path, what: str) -> Iterator[None]:
    """Take rows that SQLite can read, but that are not of the form they had, as damage."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedStateError(f"{path}: is damaged: {what} cannot be read") from error
