"""What a service needs to be run, troubled and read out, in a machine of its own."""

import contextlib
import os
import pwd
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from corpus.machine import HOME
from corpus.phases import HEALTHY, UNKNOWN, Phases
from corpus.shapes import diverse
from corpus.traffic import WORDS, Traffic

__all__ = ["LEVELS", "WORDS", "Lab", "LabTimeout", "Service"]

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": str(HOME / "home"),
    "LC_ALL": "C.UTF-8",
}
# how a process ends that ends well, or because it was told to (a JVM says 128 more than the signal)
ORDERLY = (0, -signal.SIGTERM, -signal.SIGINT, 128 + signal.SIGTERM, 128 + signal.SIGINT)
FAULT_NAME = re.compile(r"[a-z]+(-[a-z]+)*")
LEVELS = "%timegenerated% %HOSTNAME% %syslogfacility-text%.%syslogseverity-text% %syslogtag%%msg%"


class LabTimeout(BaseException):
    """The service's time is over; what it has logged is still collected."""


@dataclass(frozen=True)
class Service:
    """One row of the table: a log's name, the packages it needs, what makes it."""

    name: str
    packages: tuple[str, ...]
    make: Callable[["Lab"], None]
    seconds: int = 50


class Lab(Traffic):
    """The helpers with which a service is configured, started, troubled and read out."""

    def __init__(self, name: str, seed: int) -> None:
        """To be made in namespaces that `machine.isolate` has furnished."""
        self.dir = HOME / "app"
        self.rng = random.Random(f"{seed} {name}")
        self._captures = HOME / "captures"
        self._running: list[subprocess.Popen[bytes]] = []
        self._commands: set[int] = set()
        self._logs: list[str] = []
        self._count = 0
        self._phases = Phases()
        self._phase = UNKNOWN
        self.dir.mkdir(mode=0o755)
        (HOME / "home").mkdir()
        self._captures.mkdir()

    # -- files and processes -------------------------------------------------------------

    def tiny_disk(self, name: str, size: str = "256k") -> Path:
        """A folder on a disk so small that it is soon full."""
        folder = self.dir / name
        folder.mkdir()
        argv = ("mount", "-t", "tmpfs", "-o", f"size={size},mode=1777", "tiny", str(folder))
        subprocess.run(argv, check=True, timeout=10)
        return folder

    @staticmethod
    def fill(path: Path) -> Path:
        """Take all that is left of a disk with one file; remove it to have the room back."""
        with path.open("wb", buffering=0) as out, contextlib.suppress(OSError):
            while True:
                out.write(bytes(4096))
        return path

    def write(self, path: str | Path, text: str | bytes, mode: int = 0o644) -> Path:
        """Write a file (a relative path lies in the lab's folder), making its folders."""
        target = self.dir / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode() if isinstance(text, str) else text)
        target.chmod(mode)
        return target

    @staticmethod
    def sample(name: str) -> str:
        """A small program that fails in many ways, from the folder `samples`."""
        return (Path(__file__).parent / "samples" / name).read_text()

    def folder(self, path: str | Path, user: str | None = None) -> Path:
        """Make a folder and give it to `user`."""
        target = self.dir / path
        target.mkdir(parents=True, exist_ok=True)
        if user:
            shutil.chown(target, user, self._group(user))
        return target

    def start(
        self,
        *argv: str | Path,
        user: str | None = None,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
        keep: bool = True,
    ) -> subprocess.Popen[bytes]:
        """Start a process in its own group; what it prints is collected if `keep`."""
        self._count += 1
        capture = self._captures / f"{self._count:04}.{'log' if keep else 'out'}"
        with capture.open("wb") as out:
            process = subprocess.Popen(
                [str(part) for part in argv],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=user and self._group(user),
                extra_groups=[] if user else None,
                env={**ENVIRONMENT, **(env or {})},
                cwd=cwd or self.dir,
            )
        self._running.append(process)
        return process

    @staticmethod
    def _group(user: str) -> int:
        return pwd.getpwnam(user).pw_gid

    def run(
        self,
        *argv: str | Path,
        timeout: float = 10,
        user: str | None = None,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
        keep: bool = True,
    ) -> int | None:
        """Run a command to its end, or stop it after `timeout`; its exit status, if any."""
        try:
            process = self.start(*argv, user=user, env=env, cwd=cwd, keep=keep)
        except OSError:
            return None
        self._commands.add(process.pid)
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            return self.stop(process)

    def stop(self, process: subprocess.Popen[bytes], sig: int = signal.SIGTERM) -> int | None:
        """End a process group, hard when it doesn't go by itself."""
        for one in (sig, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, one)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(4)
                break
        if process in self._running:
            self._running.remove(process)
        return process.returncode

    @staticmethod
    def gone(process: subprocess.Popen[bytes], seconds: float = 4) -> bool:
        """Wait until a process that was told to end has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        return process.returncode is not None

    def stop_all(self) -> None:
        """Stop what still runs, the newest first."""
        for process in reversed(self._running[:]):
            self.stop(process)

    def signal_named(self, name: str, sig: int) -> None:
        """Signal the processes of this lab whose command name is `name`."""
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (entry / "comm").read_text().strip() == name:
                    os.kill(int(entry.name), sig)

    def syslog(self, template: str = LEVELS, log: str = "/var/log/syslog") -> None:
        """Run a real rsyslogd behind /dev/log and UDP 514, writing lines of `template`."""
        config = self.write(
            "rsyslog.conf",
            f'global(workDirectory="{self.dir}")\n'
            'module(load="imuxsock" SysSock.RateLimit.Interval="0")\n'
            'module(load="imudp")\ninput(type="imudp" port="514" address="127.0.0.1")\n'
            f'template(name="t" type="string" string="{template}\\n")\n'
            f'*.* action(type="omfile" file="{log}" template="t")\n',
        )
        Path(log).unlink(missing_ok=True)
        self.start("rsyslogd", "-n", "-f", config, "-i", self.dir / "rsyslog.pid")
        self.until(lambda: Path("/dev/log").exists(), 5)
        self.collect(log)

    def kill_child(self, parent: int, sig: int) -> None:
        """Kill one child of a server, as an operator or the kernel would."""
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
            if children:
                os.kill(int(children[0]), sig)
        self.pause(0.5)

    # -- time ----------------------------------------------------------------------------

    def pause(self, seconds: float = 0.3) -> None:
        """Give the software time to log."""
        time.sleep(seconds)

    def until(self, done: Callable[[], bool], seconds: float = 10) -> bool:
        """Wait for `done`, for a bounded time."""
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def listening(self, port: int, seconds: float = 10) -> bool:
        """Wait until something listens on a TCP port, without troubling it with a connection."""
        wanted = f":{port:04X}"

        def listens() -> bool:
            for table in ("tcp", "tcp6"):
                rows = Path("/proc/net", table).read_text().splitlines()
                if any(row.split()[1].endswith(wanted) and row.split()[3] == "0A" for row in rows):
                    return True
            return False

        return self.until(listens, seconds)

    def certificate(self, name: str = "localhost", days: int = 30) -> tuple[Path, Path]:
        """A self-signed certificate and its key."""
        cert, key = self.dir / f"{name}.crt", self.dir / f"{name}.key"
        argv: list[str | Path] = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes"]
        argv += ["-keyout", key, "-out", cert, "-days", str(days), "-subj", f"/CN={name}"]
        self.run(*argv, keep=False)
        return cert, key

    # -- phases --------------------------------------------------------------------------

    @contextlib.contextmanager
    def healthy(self, settle: float = 0.4) -> Iterator[None]:
        """What is logged until the end of the block is what healthy software logs.

        Of no phase, if a process that was started gave up meanwhile. Software gets `settle` seconds
        to write before and after. Name the log files with `collect` before the block that they
        grow in.
        """
        with self._during(HEALTHY, settle):
            yield

    @contextlib.contextmanager
    def fault(self, name: str, settle: float = 0.4) -> Iterator[None]:
        """What is logged until the end of the block is the doing of one kind of fault.

        Raises:
            ValueError: `name` isn't in kebab-case.
        """
        if not FAULT_NAME.fullmatch(name):
            raise ValueError(f"not a fault's name: {name!r}")
        with self._during(f"fault:{name}", settle):
            yield

    @contextlib.contextmanager
    def _during(self, phase: str, settle: float) -> Iterator[None]:
        if self._phase != UNKNOWN:
            raise ValueError(f"{phase} inside of {self._phase}")
        self.pause(settle)
        self._phases.mark(self._files(), UNKNOWN)
        self._phase = phase
        failed = self._failed()
        try:
            yield
            self.pause(settle)
        finally:
            ill = phase == HEALTHY and not self._failed() <= failed
            self._phases.mark(self._files(), UNKNOWN if ill else phase)
            self._phase = UNKNOWN

    def _failed(self) -> set[int]:
        """The processes, but for commands, that ended neither well nor by order."""
        ended = {one.pid for one in self._running if one.poll() not in (None, *ORDERLY)}
        return ended - self._commands

    # -- reading out ---------------------------------------------------------------------

    def collect(self, *patterns: str | Path) -> None:
        """Name log files (globs) to be read at the end; what they hold so far is of no phase."""
        known = set(self._files())
        self._logs += [str(pattern) for pattern in patterns]
        self._phases.mark((file for file in self._files() if file not in known), UNKNOWN)

    def _files(self) -> list[Path]:
        """The captured output in order, then the named files."""
        files = sorted(self._captures.glob("*.log"))
        root = Path("/")
        for pattern in self._logs:
            files += sorted(f for f in root.glob(pattern.lstrip("/")) if f.is_file())
        return list(dict.fromkeys(files))

    def lines(self) -> list[tuple[bytes, str]]:
        """All that was logged, file after file, and the phase of every line."""
        rows = (row for file in self._files() for row in self._phases.rows(file))
        return list(diverse(rows))
