"""Log content is private: files of their owner alone, whatever the umask, and kept so."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

FILE_MODE = 0o600
FOLDER_MODE = 0o700

_OTHERS = 0o077
_PASS = 0o010  # the group may go through the state directory, to what it may open there
_TOKEN = ("api.token", 0o040)
_WRITE = 0o022
_MODELS = "models"


def open_private(path: str | Path, flags: int) -> int:
    """Open a file, made for its owner alone where it is not there; raises ``OSError``.

    The umask is not asked. The mode of a file that is there is left to :func:`tighten`.
    """
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    except FileExistsError:
        # a symlink may name nothing yet
        return os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    os.fchmod(descriptor, FILE_MODE)
    return descriptor


def make_private(folder: Path) -> None:
    """Make a folder, and those it lies in; itself for its owner alone. Raises ``OSError``."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=FOLDER_MODE)
    except FileExistsError:
        if not folder.is_dir():
            raise
        return
    folder.chmod(FOLDER_MODE)


@dataclass(slots=True)
class Tightened:
    """Paths whose mode let others in: those that were ``changed``, and those that were ``left``."""

    changed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def tighten(state_dir: Path, others: Iterable[Path] = ()) -> Tightened:
    """Take from others what they may do with the state, its models and the files ``others``.

    Only what is this user's own and no symlink is changed. A folder that others use as well (one
    with a sticky bit, or with folders that are not ours) is left. So is a model that others could
    have written: it is refused when it is to be used, and must not become trusted here.
    """
    found = Tightened()
    if not _is_shared(state_dir):
        _tighten(state_dir, found, allowed=_PASS)
    elif stat.S_IMODE(state_dir.stat().st_mode) & _OTHERS:
        found.left.append(str(state_dir))
    for path in (*_state(state_dir), *others):
        _tighten(path, found)
    name, allowed = _TOKEN
    _tighten(state_dir / name, found, allowed=allowed)
    for path in _models(state_dir / _MODELS):
        _tighten(path, found, unless=_WRITE)
    return found


def database_files(path: Path) -> list[Path]:
    """Return the files of a database in WAL mode, of which nobody in its process may close one."""
    return [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm")]


def _state(state_dir: Path) -> Iterator[Path]:
    yield from database_files(state_dir / "state.db")
    yield from state_dir.glob("state.db.v*")
    yield state_dir / "lock"


def _models(models: Path) -> Iterator[Path]:
    for folder, _, files in os.walk(models):
        yield Path(folder)
        yield from (Path(folder, file) for file in files)


def _is_shared(folder: Path) -> bool:
    if folder.stat().st_mode & stat.S_ISVTX:
        return True
    with os.scandir(folder) as entries:
        return any(
            entry.is_dir(follow_symlinks=False) and entry.name != _MODELS for entry in entries
        )


def _tighten(path: Path, found: Tightened, unless: int = 0, allowed: int = 0) -> None:
    try:
        # A name may be made another thing at any time: what is looked at is what is changed. But it
        # is not opened: to close a file ends all locks that this process has on it (fcntl(2)), and
        # without SQLite's on state.db-shm the next reader empties what the daemon has mapped.
        descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        status = os.fstat(descriptor)
        mode = stat.S_IMODE(status.st_mode)
        is_folder = stat.S_ISDIR(status.st_mode)
        loose = mode & _OTHERS & ~allowed
        if not (is_folder or stat.S_ISREG(status.st_mode)) or not loose or mode & unless:
            return
        if status.st_uid != os.geteuid():
            found.left.append(str(path))
            return
        mode = FOLDER_MODE if is_folder else FILE_MODE
        Path(f"/proc/self/fd/{descriptor}").chmod(mode)  # fchmod(2) takes none of O_PATH
        if str(path) not in found.changed:
            found.changed.append(str(path))
    except OSError:
        found.left.append(str(path))
    finally:
        os.close(descriptor)
