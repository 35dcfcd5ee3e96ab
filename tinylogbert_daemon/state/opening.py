"""Opens the state that a daemon starts from; one that is damaged may be set aside."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from tinylogbert_daemon.errors import DamagedStateError, StateError
from tinylogbert_daemon.state.lock import lock
from tinylogbert_daemon.state.spool import Spool
from tinylogbert_daemon.state.store import DATABASE, Store

ASIDE_KEPT = 3
"""Damaged databases that are kept; older ones go, so that no loop of damage fills the disk."""

CHECK_SECONDS = 1.0
"""How long a start may look at a state that was left in good order: some 80 MB of it."""

_MARK = ".damaged-"
_PARTS = ("-wal", "-shm", "")


def open_state(
    directory: Path, on_damage: Literal["aside", "stop"], spool: Spool | None = None
) -> tuple[Store, DamagedStateError | None]:
    """Return the store of ``directory``, read through, and what made it begin anew if it did.

    After a clean end it is read for ``CHECK_SECONDS`` at most; ``checked`` says whether that was
    all of it.

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
    # SQLite takes its log away when it is closed: one that is there tells of a kill or a power loss
    log = directory / f"{DATABASE}-wal"
    in_order = not (log.is_file() and log.stat().st_size)
    store = Store(directory, spool=spool)
    try:
        store.checked = store.check(CHECK_SECONDS if in_order else None)
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
    # so fine that no two are alike, and sort as they were made
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    aside = directory / f"{DATABASE}{_MARK}{stamp}"
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
