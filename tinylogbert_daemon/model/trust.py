"""Whose files a model may be made of: nobody's but ours and root's."""

from __future__ import annotations

import os
from pathlib import Path

from tinylogbert_daemon.errors import ArtifactError

_OTHERS_WRITE = 0o022


def check_private(path: Path) -> None:
    """Raise :class:`ArtifactError` unless ``path`` is ours or root's, and nobody else's to write.

    A symlink is refused as well: it says nothing of what it names.
    """
    try:
        found = path.lstat()
    except OSError as error:
        raise ArtifactError(
            f"{path}: cannot read this part of the model: {error.strerror}"
        ) from error
    if path.is_symlink() or found.st_uid not in (0, os.geteuid()):
        raise ArtifactError(
            f"{path}: belongs to another user, or is a symlink; only a model of the user who runs "
            "this, or of root, is used: copy it, or chown it"
        )
    if found.st_mode & _OTHERS_WRITE:
        raise ArtifactError(
            f"{path}: can be written by others; whoever changes a model decides what alerts: "
            "chmod go-w it, if you know who wrote it"
        )


def make_private(path: Path) -> None:
    """Take from others the right to write ``path``, which an odd umask may have given."""
    path.chmod(path.stat().st_mode & ~_OTHERS_WRITE & 0o7777)
