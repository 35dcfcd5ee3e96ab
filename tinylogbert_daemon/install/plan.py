"""Plans an installation from what is there: what is in place already is not done again."""

from __future__ import annotations

import argparse
import hashlib
import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tinylogbert_daemon import __version__
from tinylogbert_daemon.errors import InstallError
from tinylogbert_daemon.install import layout
from tinylogbert_daemon.install.actions import Action, Folder, Link, Remove, Run, Write, ask
from tinylogbert_daemon.install.layout import CONFIG, LOCAL, STATE, TIMER, UNIT, USER

RECORD = Path(CONFIG) / ".installed"
"""What was installed last, as sha256sum(1) prints it, so that changes can be told."""

_HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108
# by which systemd knows when a persistent timer has last elapsed (systemd.timer(5))
_STAMP = Path(f"/var/lib/systemd/timers/stamp-{TIMER}")
_DPKG = "/var/lib/dpkg/info/tinylogbert.list"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is asked for beside what is always done."""

    prefix: str
    read_all_logs: bool = False
    start: bool = True


def install(parser: argparse.ArgumentParser, wishes: Wishes) -> list[Action]:
    """Return what is left to do for the service to be there, and to run if wished.

    Raises :class:`InstallError`.
    """
    _need_systemd()
    program = _program(wishes.prefix)
    actions: list[Action] = []
    if not Path(CONFIG).is_dir():
        actions.append(Folder(Path(CONFIG), 0o755))
    record = _Record.read()
    for file in _files(parser, wishes):
        actions += record.put(file)
    link = layout.link(LOCAL)
    if not link.exists() or (link.is_symlink() and link.resolve() != program.resolve()):
        actions.append(Link(link, str(program)))
    is_new = record.is_new
    actions += record.write()
    if not _has_user():
        actions.append(Run(("systemd-sysusers", str(Path(LOCAL["users"]) / "tinylogbert.conf"))))
    if not Path(STATE).is_dir():
        actions.append(Folder(Path(STATE), 0o700, USER))
    units = any(LOCAL["units"] in str(one) for one in actions)
    if units:
        actions.append(Run(("systemctl", "daemon-reload")))
    if wishes.start:
        actions += _start(changed=units or is_new)
    return actions


def _files(parser: argparse.ArgumentParser, wishes: Wishes) -> list[layout.File]:
    """Return all files that are wanted, asked for, or there from another time."""
    items = [
        one
        for one in layout.TABLE
        if one.wanted or wishes.read_all_logs or layout.path(one, LOCAL).exists()
    ]
    return list(layout.files(LOCAL, parser, wishes.prefix, items))


def _start(*, changed: bool) -> Iterator[Action]:
    if ask("systemctl", "is-enabled", UNIT) != "enabled":
        yield Run(("systemctl", "enable", UNIT))
    running = ask("systemctl", "is-active", UNIT) == "active"
    if changed or not running:
        yield Run(("systemctl", "restart" if running else "start", UNIT))
    can_train = find_spec("transformers") is not None and find_spec("sklearn") is not None
    if can_train and ask("systemctl", "is-enabled", TIMER) != "enabled":
        yield Run(("systemctl", "enable", "--now", TIMER))


def uninstall(*, purge: bool) -> list[Action]:
    """Return what is left to do for the service to be gone; state and configuration are kept.

    With ``purge`` they go too, and the user. Raises :class:`InstallError`.
    """
    _need_systemd()
    actions: list[Action] = []
    places = [(one, layout.path(one, LOCAL)) for one in layout.TABLE]
    units = [
        path.name for _, path in places if path.exists() and str(path.parent) == LOCAL["units"]
    ]
    if units:
        # a training run that goes on would keep the state in use
        actions.append(Run(("systemctl", "stop", *units)))
        installed = [name for name in units if name in (UNIT, TIMER)]
        actions.append(Run(("systemctl", "disable", "--quiet", *installed)))
    for item, path in places:
        if item.config and not purge:
            continue
        actions += [
            Remove(one) for one in (path, Path(f"{path}{item.aside}")) if os.path.lexists(one)
        ]
    if os.path.lexists(link := layout.link(LOCAL)) and link.is_symlink():
        actions.append(Remove(link))
    if units:
        actions.append(Run(("systemctl", "daemon-reload")))
    if purge:
        # what an administrator has put beside the unit is gone with all else
        left = [Path(LOCAL["units"]) / f"{UNIT}.d", Path(CONFIG), Path(STATE), _STAMP]
        actions += [Remove(path) for path in left if os.path.lexists(path)]
        if _has_user():
            actions.append(Run(("userdel", USER)))
    return actions


def stage(parser: argparse.ArgumentParser, root: Path, package: str = "") -> list[Action]:
    """Return what puts the files of a package (of all without one) below ``root``, as Debian's are.

    Drop-ins that are only installed when asked for are left out.
    """
    items = [one for one in layout.TABLE if one.wanted and package in ("", one.package)]
    actions: list[Action] = [
        Write(_below(root, file.path), file.content)
        for file in layout.files(layout.PACKAGED, parser, layout.PREFIX, items)
    ]
    if package in ("", layout.DAEMON):
        target = f"{layout.PREFIX}/bin/tinylogbert"
        actions.append(Link(_below(root, layout.link(layout.PACKAGED)), target))
    return actions


class _Record:
    """The digests of what was installed last, and the version that did it."""

    def __init__(self, content: str) -> None:
        self._content = content
        pairs = (line.partition("  ") for line in content.splitlines() if not line.startswith("#"))
        self._digests = {path: digest for digest, _, path in pairs}
        self.is_new = f"# tinylogbert {__version__}" not in content.splitlines()

    @classmethod
    def read(cls) -> _Record:
        return cls(RECORD.read_text(encoding="utf-8") if RECORD.exists() else "")

    def put(self, file: layout.File) -> Iterator[Action]:
        """Give what brings a file to its place; one that was changed is kept, the new beside it."""
        path, content = file.path, file.content
        digest = hashlib.sha256(content).hexdigest()
        there = path.read_bytes() if path.exists() else None
        aside = path.with_name(f"{path.name}{file.item.aside}")
        known = self._digests.get(str(path))
        if there is None or there == content or hashlib.sha256(there).hexdigest() == known:
            if there != content:
                yield Write(path, content)
            if aside.exists():
                yield Remove(aside)
        elif known != digest and not (aside.exists() and aside.read_bytes() == content):
            yield Write(aside, content, f"{path.name} was changed, and is kept")
        self._digests[str(path)] = digest

    def write(self) -> Iterator[Action]:
        """Give what keeps the record, unless it says all this already."""
        lines = [f"{digest}  {path}" for path, digest in sorted(self._digests.items())]
        content = "\n".join([f"# tinylogbert {__version__}", *lines, ""])
        if content != self._content:
            yield Write(RECORD, content.encode())


def _need_systemd() -> None:
    if not Path("/run/systemd/system").is_dir():
        raise InstallError(
            "systemd does not run here, so there is no service to install; run `tinylogbert run` "
            "under what starts daemons on this host"
        )
    if Path(_DPKG).exists():
        raise InstallError(
            "the Debian package tinylogbert is installed here and has its own service; remove it "
            "first (apt remove tinylogbert), or leave the service to it"
        )


def _program(prefix: str) -> Path:
    """Return the program in ``prefix``, which the service must be able to see."""
    program = Path(prefix).absolute() / "bin" / "tinylogbert"
    if not program.exists():
        raise InstallError(f"{program}: is not there; name the environment with --prefix")
    for path in (program, program.resolve()):
        hidden = next((one for one in _HIDDEN if path.is_relative_to(one)), None)
        if hidden:
            raise InstallError(
                f"{path}: the service does not see {hidden}; install the program in "
                f"{layout.PREFIX}, and run this from there"
            )
    return program


def _has_user() -> bool:
    try:
        pwd.getpwnam(USER)
    except KeyError:
        return False
    return True


def _below(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")
