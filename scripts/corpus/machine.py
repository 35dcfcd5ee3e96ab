"""A throw-away machine made of Linux namespaces: own mounts, network, processes, host name.

`collect_logs.py` starts itself again in fresh namespaces for every service. There the folders
of LAYERED are overlays that vanish with the process, /srv is scratch, the rest is read only, the
network is a loopback device without a way out, and every process dies with the first. So a
service can run from its packaged paths and ports, break as it likes, and leave nothing behind.
"""

import contextlib
import os
import socket
import stat
import subprocess
from pathlib import Path

UNSHARE = (
    *("unshare", "--mount", "--net", "--pid", "--ipc", "--uts"),
    *("--fork", "--kill-child", "--mount-proc"),
)
HOME = Path("/srv")
LAYERED = ("etc", "var", "run", "tmp", "opt", "usr")
NETS = ("10.0.0.0/8", "192.168.0.0/16", "172.16.0.0/12", "2001:db8::/32")
NODES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9)}


def must(*argv: str | Path) -> None:
    """Run a command that has to succeed."""
    quiet = subprocess.DEVNULL
    subprocess.run([str(a) for a in argv], check=True, timeout=10, stdout=quiet, stderr=quiet)


def isolate(host: str) -> None:
    """Furnish the namespaces that this process was started in, as the machine `host`."""
    if os.getpid() != 1:
        raise RuntimeError("not in a process namespace of its own")
    must("mount", "-t", "tmpfs", "-o", "mode=755", "lab", HOME)
    for folder in LAYERED:
        upper, work = HOME / ".machine" / folder, HOME / ".machine" / f"{folder}.work"
        upper.mkdir(parents=True)
        upper.chmod(stat.S_IMODE(Path("/", folder).stat().st_mode))
        work.mkdir()
        layers = f"lowerdir=/{folder},upperdir={upper},workdir={work}"
        must("mount", "-t", "overlay", "-o", layers, "lab", f"/{folder}")
    _devices(HOME / ".machine" / "dev")
    must("mount", "-o", "remount,bind,ro", "/")
    must("ip", "link", "set", "lo", "up")
    for net in NETS:
        with contextlib.suppress(subprocess.CalledProcessError):
            must("ip", "route", "add", "local", net, "dev", "lo")
    socket.sethostname(host)


def _devices(dev: Path) -> None:
    """A small /dev, so that /dev/log can be had without touching the real one."""
    dev.mkdir(mode=0o755)
    must("mount", "-t", "tmpfs", "-o", "mode=755", "dev", dev)
    for name, (major, minor) in NODES.items():
        os.mknod(dev / name, 0o20666, os.makedev(major, minor))
        (dev / name).chmod(0o666)
    (dev / "pts").mkdir()
    must("mount", "--bind", "/dev/pts", dev / "pts")
    (dev / "shm").mkdir()
    must("mount", "-t", "tmpfs", "-o", "mode=1777", "shm", dev / "shm")
    for name in ("tty", "ptmx"):
        with contextlib.suppress(OSError):
            os.mknod(dev / name, 0o20666, Path("/dev", name).stat().st_rdev)
            (dev / name).chmod(0o666)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        (dev / name).symlink_to(f"/proc/self/fd/{number}")
    (dev / "fd").symlink_to("/proc/self/fd")
    must("mount", "--rbind", dev, "/dev")
