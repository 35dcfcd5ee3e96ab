"""The copy of a state that is made before its tables change: the way back to an older version."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from tinylogbert_daemon.state.damage import state_error
from tinylogbert_daemon.state.modes import open_private

KEPT_SECONDS = 7 * 86400.0
"""How long a copy is kept: it holds content of logs, to which neither retention nor newer masking
rules come. Who has not gone back in a week does not."""

_MARK = ".v"


def back_up(db: sqlite3.Connection, path: Path, version: int) -> Path:
    """Copy the database ``db`` of ``path`` beside it, and return the copy; others go.

    It appears whole, under its name and on the disk, or not at all
    (sqlite.org/backup.html). Raises ``OSError`` or ``sqlite3.Error``.
    """
    copy = path.with_name(f"{path.name}{_MARK}{version}")
    unfinished = path.with_name(f"{copy.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = open_private(unfinished, os.O_RDWR)
    try:
        with closing(sqlite3.connect(unfinished)) as target:
            db.backup(target)
            # one file that needs no other beside it
            target.execute("PRAGMA journal_mode=DELETE")
        os.fsync(descriptor)
        unfinished.replace(copy)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    _sync(path.parent)
    for other in copies(path):
        if other != copy:
            other.unlink(missing_ok=True)
    return copy


def copies(path: Path) -> list[Path]:
    """Return the copies of the database ``path``, of the oldest version first."""
    found = path.parent.glob(f"{path.name}{_MARK}*")
    return sorted(
        (one for one in found if one.suffix.removeprefix(_MARK).isdecimal()), key=_version
    )


def _version(copy: Path) -> int:
    return int(copy.suffix.removeprefix(_MARK))


def way_back(path: Path, version: int) -> str:
    """Return what whoever knows tables up to ``version`` may do with a newer ``path``."""
    usable = [copy for copy in copies(path) if _version(copy) <= version]
    if usable:
        return f"put its copy {usable[-1].name} in its place (docs/install.md, Rollback)"
    return "move the file away to start anew"


def drop_old(path: Path) -> None:
    """Delete copies that were made longer ago than they are kept; raises :class:`StateError`."""
    try:
        for copy in copies(path):
            if time.time() - copy.stat().st_mtime > KEPT_SECONDS:
                copy.unlink(missing_ok=True)
    except OSError as error:
        raise state_error(f"{path}: cannot delete an old copy", error) from error


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
