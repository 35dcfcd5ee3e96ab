"""One daemon at a time on a state directory."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from tinylogbert_daemon.errors import StateError


def lock(directory: Path) -> int:
    """Return the descriptor of a lock that ends with the process, however that ends.

    Raises :class:`StateError` if another process has it.
    """
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StateError(
            f"{directory}: another daemon uses this state; stop it, or set another state_dir"
        ) from error
    return descriptor
