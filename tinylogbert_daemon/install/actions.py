"""What an installation does, one step at a time: each can say itself, and be done."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tinylogbert_daemon.errors import InstallError

_TIMEOUT_SECONDS = 300


class Action(Protocol):
    """One step; ``str()`` of it is the line that people read."""

    def do(self) -> None:
        """Do it; raises :class:`InstallError`, or ``OSError`` with the file's name."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Make a folder, of root or of a user that is there by then."""

    path: Path
    mode: int
    owner: str = ""

    def __str__(self) -> str:
        return f"make folder {self.path} (mode {self.mode:o}, {self.owner or 'root'})"

    def do(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(self.mode)
        if self.owner:
            shutil.chown(self.path, self.owner, self.owner)


@dataclass(frozen=True, slots=True)
class Write:
    """Write a file, whole or not at all, readable for all; ``why`` is said behind its name."""

    path: Path
    content: bytes
    why: str = ""

    def __str__(self) -> str:
        return f"write {self.path}{self.why and f' ({self.why})'}"

    def do(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # the readers of the folders pass over names with a dot before
        new = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            new.write_bytes(self.content)
            new.chmod(0o644)
            new.replace(self.path)
        finally:
            new.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Link:
    """Make a symlink."""

    path: Path
    target: str

    def __str__(self) -> str:
        return f"link {self.path} to {self.target}"

    def do(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(self.target)


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a file, or a folder with all that is in it."""

    path: Path

    def __str__(self) -> str:
        return f"remove {self.path}"

    def do(self) -> None:
        if self.path.is_dir() and not self.path.is_symlink():
            shutil.rmtree(self.path)
        else:
            self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Run:
    """Run a program of the system."""

    command: tuple[str, ...]

    def __str__(self) -> str:
        return f"run {' '.join(self.command)}"

    def do(self) -> None:
        said = _call(self.command)
        if said.returncode:
            lines = (said.stderr.strip() or said.stdout.strip()).splitlines() or ["no reason given"]
            raise InstallError(f"{' '.join(self.command)}: {lines[0]}")


def ask(*command: str) -> str:
    """Return the first word that a program of the system prints, whatever its exit status."""
    return next(iter(_call(command).stdout.split()), "")


def _call(command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError as error:
        raise InstallError(f"{command[0]}: is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise InstallError(f"{' '.join(command)}: has not ended in time") from error
