"""Opens the state that a daemon starts from; one that is damaged may be set aside."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Literal

from tinylogbert_daemon.errors import DamagedStateError, StateError
from tinylogbert_daemon.state.lock import lock
from tinylogbert_daemon.state.spool import Spool
from tinylogbert_daemon.state.store import DATABASE, Store

ASIDE_KEPT = 3
"""Damaged databases that are kept; older ones go, so that no loop of damage fills the disk."""

_MARK = ".damaged-"
_PARTS = ("-wal", "-shm", "")


def open_state(
    directory: Path, on_damage: Literal["aside", "stop"], spool: Spool | None = None
) -> tuple[Store, DamagedStateError | None]:
    """Return the store of ``directory``, read through once, and what made it begin anew if it did.

    Raises :class:`StateError` if it cannot be used; of damage only where ``on_damage`` is ``stop``.
    """
    try:
        return _opened(directory, spool), None
    except DamagedStateError as damage:
        if on_damage == "stop":
            raise DamagedStateError(
                f"{damage}; move the file away to start anew, or set state.on_damage to aside"
            ) from damage
        aside = set_aside(directory)
        return _opened(directory, spool), DamagedStateError(f"{damage}; set aside as {aside}")


def _opened(directory: Path, spool: Spool | None) -> Store:
    store = Store(directory, spool=spool)
    try:
        store.check()
    except BaseException:
        store.close()
        raise
    return store


def set_aside(directory: Path) -> Path:
    """Rename the database of ``directory`` and return its new name; raises :class:`StateError`.

    The parts beside it go first: a crash between must not leave a log that a new database would
    take for its own.
    """
    path = directory / DATABASE
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    base = f"{DATABASE}{_MARK}{stamp}"
    names = [base, *(f"{base}-{number}" for number in range(1, 1000))]
    aside = next(directory / name for name in names if not os.path.lexists(directory / name))
    held = lock(directory)
    try:
        for part in _PARTS:
            if os.path.lexists(f"{path}{part}"):
                Path(f"{path}{part}").rename(f"{aside}{part}")
        for old in sorted(_databases(directory))[:-ASIDE_KEPT]:
            for part in _PARTS:
                Path(f"{old}{part}").unlink(missing_ok=True)
    except OSError as error:
        raise StateError(f"{path}: cannot set it aside: {error.strerror}") from error
    finally:
        os.close(held)
    return aside


def _databases(directory: Path) -> list[Path]:
    found = directory.glob(f"{DATABASE}{_MARK}*")
    return [path for path in found if not path.name.endswith(("-wal", "-shm"))]
