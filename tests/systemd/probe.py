"""Tries, in the service's place, what the service must not be able to do; writes how each went.

Usage: probe.py FILE. Run by the unit itself, before its program; only the standard library.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

FOLDERS = (
    *("/", "/boot", "/dev", "/etc", "/etc/tinylogbert", "/home", "/opt", "/opt/tinylogbert"),
    *("/proc/sys/kernel", "/root", "/run", "/srv", "/sys", "/sys/fs/cgroup", "/tmp", "/usr"),
    *("/var", "/var/lib", "/var/lib/tinylogbert", "/var/log", "/var/tmp"),
)
_NEW_USER_NAMESPACE = 0x10000000  # CLONE_NEWUSER


def attempt(action: Callable[[], object]) -> str:
    """Return "done", or the name of the error."""
    try:
        action()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "done"


def unshare() -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(_NEW_USER_NAMESPACE):
        raise OSError(ctypes.get_errno(), "unshare")


def main(path: Path) -> None:
    """Try all and write the results to ``path``, as JSON."""
    found: dict[str, object] = {
        f"write {folder}": attempt(lambda: (Path(folder) / "probe").write_text("x"))  # noqa: B023
        for folder in FOLDERS
    }
    found |= {
        "read /var/log/app.log": attempt(Path("/var/log/app.log").read_bytes),
        "read /var/log/secret.log": attempt(Path("/var/log/secret.log").read_bytes),
        "list /home": attempt(lambda: list(Path("/home").iterdir())),
        "list /root": attempt(lambda: list(Path("/root").iterdir())),
        "chown to itself": attempt(lambda: os.chown(path.parent, os.getuid(), os.getgid())),
        "lower the priority": attempt(lambda: os.setpriority(os.PRIO_PROCESS, 0, 19)),
        "a user namespace": attempt(unshare),
        "a netlink socket": attempt(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),
        "a real-time priority": attempt(
            lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        ),
        "processes of others": Path("/proc/1").exists(),
    }
    path.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
