"""One daemon at a time on a state directory."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from tinylogbert_daemon.errors import StateError
from tinylogbert_daemon.state.modes import open_private


def lock(directory: Path) -> int:
    """Return the descriptor of a lock that ends with the process, however that ends.

    Raises :class:`StateError` if another process has it.
    """
    descriptor = open_private(directory / "lock", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StateError(
            f"{directory}: another daemon uses this state; stop it, or set another state_dir"
        ) from error
    return descriptor
