"""What is installed and where: one table for ``install-service`` and for the Debian packages."""

from __future__ import annotations

import argparse
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tinylogbert_daemon.errors import InstallError
from tinylogbert_daemon.install.completion import bash, fish, zsh
from tinylogbert_daemon.install.manpage import man

USER = "tinylogbert"
PREFIX = "/opt/tinylogbert"
"""Where the files in the repository expect the program's environment."""
CONFIG = "/etc/tinylogbert"
STATE = "/var/lib/tinylogbert"
UNIT = "tinylogbert.service"
TRAINING_UNIT = "tinylogbert-retrain.service"
TIMER = "tinylogbert-retrain.timer"

DAEMON = "tinylogbert"
TRAINING = "tinylogbert-training"
"""The two Debian packages."""

Make = Callable[[argparse.ArgumentParser], str]

LOCAL = {
    "units": "/etc/systemd/system",
    "users": "/etc/sysusers.d",
    "bin": "/usr/local/bin",
    "man": "/usr/local/share/man/man1",
    "bash": "/usr/local/share/bash-completion/completions",
    "zsh": "/usr/local/share/zsh/site-functions",
    "fish": "/usr/local/share/fish/vendor_completions.d",
}
"""Where an administrator's own installations go (hier(7), systemd.unit(5), sysusers.d(5))."""

PACKAGED = {
    "units": "/lib/systemd/system",
    "users": "/usr/lib/sysusers.d",
    "bin": "/usr/bin",
    "man": "/usr/share/man/man1",
    "bash": "/usr/share/bash-completion/completions",
    "zsh": "/usr/share/zsh/vendor-completions",
    "fish": "/usr/share/fish/vendor_completions.d",
}
"""Where the files of Debian's packages go."""


@dataclass(frozen=True, slots=True)
class Item:
    """A file to install. ``place`` names a folder of the layout in braces, or is absolute."""

    place: str
    source: str | Make
    """A file below the root of the repository, or what makes the content of the parser."""
    package: str = DAEMON
    config: bool = False
    """Whether it is an administrator's to change, and stays when the service is removed."""
    wanted: bool = True
    """Whether it is installed without being asked for."""
    aside: str = ".new"
    """Ending of the new file beside a changed one; one that the folder's reader passes over."""


READ_ALL_LOGS = Item(
    f"{{units}}/{UNIT}.d/read-all-logs.conf",
    f"systemd/{UNIT}.d/read-all-logs.conf",
    wanted=False,
)
TABLE = (
    Item("{users}/tinylogbert.conf", "config/tinylogbert.sysusers"),
    Item(f"{CONFIG}/tinylogbert.yaml", "config/tinylogbert.yaml", config=True),
    # logrotate(8) reads all but some endings, of which this is one and .new is not
    Item(
        "/etc/logrotate.d/tinylogbert",
        "config/tinylogbert.logrotate",
        config=True,
        aside=".dpkg-new",
    ),
    Item(f"{{units}}/{UNIT}", f"systemd/{UNIT}"),
    READ_ALL_LOGS,
    Item(f"{{units}}/{TRAINING_UNIT}", f"systemd/{TRAINING_UNIT}", package=TRAINING),
    Item(f"{{units}}/{TIMER}", f"systemd/{TIMER}", package=TRAINING),
    Item("{man}/tinylogbert.1", man),
    Item("{bash}/tinylogbert", bash),
    Item("{zsh}/_tinylogbert", zsh),
    Item("{fish}/tinylogbert.fish", fish),
)
LINK = "{bin}/tinylogbert"
"""A symlink to the program, for the shell's search path."""


@dataclass(frozen=True, slots=True)
class File:
    """An item at its place, with its content."""

    path: Path
    content: bytes
    item: Item


def files(
    layout: dict[str, str], parser: argparse.ArgumentParser, prefix: str, items: Iterable[Item]
) -> Iterator[File]:
    """Give the files of ``items``; the program is in ``prefix``/bin. Raises InstallError."""
    for item in items:
        content = item.source(parser) if callable(item.source) else _read(item.source)
        moved = content.replace(PREFIX, prefix)
        yield File(path(item, layout), moved.encode(), item)


def path(item: Item, layout: dict[str, str]) -> Path:
    """Return where an item goes."""
    return Path(item.place.format(**layout))


def link(layout: dict[str, str]) -> Path:
    """Return where the symlink to the program goes."""
    return Path(LINK.format(**layout))


def _read(name: str) -> str:
    path = _folder() / name
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InstallError(f"{path}: cannot be read: {error.strerror}") from error


def _folder() -> Path:
    """Return where systemd/ and config/ are: in the source tree, or in the environment's data."""
    tree = Path(__file__).parents[2]
    installed = Path(sysconfig.get_path("data")) / "share" / "tinylogbert"
    for folder in (tree, installed):
        if (folder / "systemd" / UNIT).exists():
            return folder
    raise InstallError(
        f"{installed}: the files of the service are missing; install the program with pip"
    )
