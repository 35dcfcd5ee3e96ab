"""A whole system under a real systemd, in a container over this one's files, gone afterwards."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL
from typing import Any, Self

ROOT = Path(__file__).parents[2]
INSTALLED = "/opt/tinylogbert"
SOURCE = "/opt/src"
TIMEOUT_SECONDS = 30.0

_PYTHON = "/opt/python"
_LIBRARY = f"python{sys.version_info.major}.{sys.version_info.minor}"

# Everything that is written goes into memory, and every mount ends with the process: the host sees
# none of it. What the host keeps in /var/log is not the container's.
_ROOT = """
set -e
mount -t tmpfs -o size="$3",mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
rm -rf "$1/root/var/log" "$1/root/etc/tinylogbert" "$1/root/opt/tinylogbert"
mkdir -p "$1/root/var/log"
cp -a "$2/." "$1/root/"
folder="$1/root"
shift 3
exec systemd-nspawn --directory="$folder" "$@"
"""
_PROGRAM = f"""#!{INSTALLED}/bin/python3
import sys
sys.path.insert(0, "{SOURCE}")
from tinylogbert_daemon.cli import main
sys.exit(main())
"""


def until(condition: Callable[[], object], what: str, seconds: float = TIMEOUT_SECONDS) -> None:
    """Wait until ``condition`` holds; fails if it does not come to that."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"did not come to be: {what}"
        time.sleep(0.05)


def reason_to_skip(directory: Path) -> str | None:
    """Return why no container can be run here, None if one can."""
    if os.geteuid() != 0:
        return "needs root to run a container"
    missing = [name for name in ("systemd-nspawn", "nsenter", "setpriv") if not shutil.which(name)]
    if missing:
        return f"not installed: {', '.join(missing)}"
    machine = Machine(directory)
    done = subprocess.run(
        [*machine.command(), "/bin/true"], check=False, capture_output=True, timeout=60
    )
    said = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
    return f"cannot run a container here: {said[-1]}" if done.returncode else None


class Machine:
    """The container; ``directory`` is where its files are mounted, for its own eyes only."""

    memory = "512M"
    """The most that may be written inside."""

    def __init__(self, directory: Path) -> None:
        self.name = f"tinylogbert-{os.getpid()}"
        self._mounts = directory / "mounts"
        self._stage = directory / "stage"
        self._mounts.mkdir(exist_ok=True)
        if not self._stage.exists():
            self._install()
        self._log = directory / "boot.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._leader = 0

    def _install(self) -> None:
        """Put the environment where the units expect it: a Python and the libraries of this one.

        Homes are hidden from the service, so what may stand in one is bound into /opt.
        """
        home = self._stage / INSTALLED.lstrip("/")
        (home / "bin").mkdir(parents=True)
        (home / "lib" / _LIBRARY / "site-packages").mkdir(parents=True)
        (home / "pyvenv.cfg").write_text(f"home = {_PYTHON}/bin\n")
        (home / "bin" / "python3").symlink_to(f"{_PYTHON}/bin/{_LIBRARY}")
        program = home / "bin" / "tinylogbert"
        program.write_text(_PROGRAM)
        program.chmod(0o755)
        libraries = self._stage / "etc/ld.so.conf.d"
        libraries.mkdir(parents=True)
        (libraries / "tinylogbert-test.conf").write_text(f"{_PYTHON}/lib\n")
        for folder in ("opt", "etc"):
            (self._stage / folder).chmod(0o755)

    def command(self) -> list[str]:
        """Return the start of a command line that runs something in the container."""
        return [
            # the container ends with the tests, however these end
            *("setpriv", "--pdeathsig", "KILL", "unshare", "--mount"),
            *("sh", "-c", _ROOT, "sh", str(self._mounts), str(self._stage), self.memory),
            *("--register=no", "--keep-unit", "--private-network", "--quiet", "--console=pipe"),
            *("--link-journal=no", f"--machine={self.name}", f"--uuid={os.urandom(16).hex()}"),
            *(f"--bind-ro={outside}:{inside}" for outside, inside in self._binds().items()),
        ]

    def _binds(self) -> dict[str | Path, str]:
        """Return what of the host is seen inside, and where."""
        packages = sysconfig.get_path("purelib")
        return {
            sys.base_prefix: _PYTHON,
            packages: f"{INSTALLED}/lib/{_LIBRARY}/site-packages",
            ROOT: SOURCE,
        }

    def boot(self) -> None:
        """Start systemd and wait until it has started what a bare system needs."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*self.command(), "--boot", "--", "--unit=basic.target"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until(self._find_leader, f"systemd in a container: {self._log.read_text()}")
        until(lambda: self.run("systemctl is-active basic.target", check=False) == "active", "boot")
        self.run("ldconfig")

    def _find_leader(self) -> bool:
        """Look for the container's first process: the one below nspawn that is number 1 inside."""
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        for children in Path(f"/proc/{self._process.pid}/task").glob("*/children"):
            for child in children.read_text().split():
                status = Path(f"/proc/{child}/status").read_text()
                if re.search(r"^NSpid:\s+\d+\s+1$", status, re.MULTILINE):
                    self._leader = int(child)
        return self._leader != 0

    def run(self, script: str, *, check: bool = True, timeout: float = 60) -> str:
        """Run a shell script inside, as root; return what it writes on standard output."""
        done = self.call(script, timeout)
        assert not check or done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def call(self, script: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a shell script inside, as root, to its end."""
        return subprocess.run(
            ["nsenter", f"--target={self._leader}", "--all", "--", "sh", "-c", script],
            check=False,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd="/",
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
        )

    def show(self, unit: str, name: str) -> str:
        """Return a property of a unit."""
        return self.run(f"systemctl show --value -p {name} {unit}")

    def path(self, inside: str) -> Path:
        """Return where a file of the container is found from outside."""
        return Path(f"/proc/{self._leader}/root") / inside.lstrip("/")

    def stop(self) -> None:
        """End it at once."""
        if self._leader:
            # with it all that runs inside; it would outlive nspawn
            with suppress(ProcessLookupError):
                os.kill(self._leader, SIGKILL)
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()


class BareMachine(Machine):
    """One in which nothing of ours is installed; sees a folder as /media/packages."""

    memory = "4G"
    packages = "/media/packages"

    def __init__(self, directory: Path, packages: Path) -> None:
        self._packages = packages
        super().__init__(directory)

    def _install(self) -> None:
        self._stage.mkdir(mode=0o755)

    def _binds(self) -> dict[str | Path, str]:
        return {self._packages: self.packages}
