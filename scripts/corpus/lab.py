"""What a service needs to be run, troubled and read out, in a machine of its own."""

import contextlib
import http.client
import os
import pwd
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from corpus.machine import HOME

DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": str(HOME / "home"),
    "LC_ALL": "C.UTF-8",
}
HEX = re.compile(rb"\b(?:0x)?(?=[a-fA-F]*0)[0a-fA-F]{6,}\b")
TROUBLE = re.compile(
    rb"\b(?:err|error|errors|fail|failed|failure|fatal|crit|critical|alert|emerg|emergency|panic"
    rb"|warn|warning|severe|exception|denied|refused)\b",
    re.IGNORECASE,
)
PLAIN_WORD = re.compile(rb"[a-z]{2,}[,.:;]?")
LEVELS = "%timegenerated% %HOSTNAME% %syslogfacility-text%.%syslogseverity-text% %syslogtag%%msg%"
USERS = ("root", "admin", "alice", "bob", "oracle", "git", "deploy", "test", "guest", "ubuntu")
WORDS = ("invoice", "report", "orders", "login", "images", "backup", "api", "session", "archive")


class LabTimeout(BaseException):
    """The service's time is over; what it has logged is still collected."""


@dataclass(frozen=True)
class Service:
    """One row of the table: a log's name, the packages it needs, what makes it."""

    name: str
    packages: tuple[str, ...]
    make: Callable[["Lab"], None]
    seconds: int = 50


def shape(line: bytes) -> bytes:
    """A line without its digits and long hex words.

    >>> shape(b"pid 17 at 0x7fe1a2b3c4d5 of deadbeef1")
    b'pid 00 at # of #'
    """
    return HEX.sub(b"#", line.translate(DIGITS))


def family(line: bytes) -> bytes:
    """What a line says, with every word that isn't plain lower case taken as a name.

    >>> family(b"[0.1s][info] loaded java.util.Map from cache 7")
    b'* loaded * from cache *'
    """
    words = (word if PLAIN_WORD.fullmatch(word) else b"*" for word in line.split())
    return b" ".join(word for word, _ in groupby(words))


def diverse(lines: Iterable[bytes], per_shape: int = 3, per_family: int = 60) -> Iterator[bytes]:
    """Keep a few lines of every shape and family; drop empty and binary ones.

    >>> list(diverse([b"a 1", b"a 2", b"", b"b"], per_shape=1))
    [b'a 1', b'b']
    """
    seen: Counter[tuple[str, bytes]] = Counter()
    for line in lines:
        if not line.strip() or b"\0" in line:
            continue
        keys = (("shape", shape(line)), ("family", family(line)))
        seen.update(keys)
        if seen[keys[0]] <= per_shape and seen[keys[1]] <= per_family:
            yield line


class Lab:
    """The helpers with which a service is configured, started, troubled and read out."""

    def __init__(self, name: str, seed: int) -> None:
        """To be made in namespaces that `machine.isolate` has furnished."""
        self.dir = HOME / "app"
        self.rng = random.Random(f"{seed} {name}")
        self._captures = HOME / "captures"
        self._running: list[subprocess.Popen[bytes]] = []
        self._logs: list[str] = []
        self._count = 0
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
        """Wait until something accepts connections on a loopback port."""

        def answers() -> bool:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return True
            return False

        return self.until(answers, seconds)

    # -- traffic -------------------------------------------------------------------------

    def user(self) -> str:
        """A login name, often a wrong one."""
        if self.rng.random() < 0.6:
            return self.rng.choice(USERS)
        return "".join(self.rng.choices("abcdefghiklmnoprstuvw", k=self.rng.randint(3, 9)))

    def path(self) -> str:
        """A path as a client would ask for."""
        parts = self.rng.choices(WORDS, k=self.rng.randint(1, 3))
        return "/" + "/".join(parts) + self.rng.choice(("", ".php", ".html", ".png", "?id=7"))

    def address(self) -> str:
        """A source address that this lab's loopback owns."""
        net = self.rng.choice(("10.{}.{}.{}", "192.168.{1}.{2}", "172.16.{1}.{2}", "127.0.0.{2}"))
        return net.format(*(self.rng.randint(2, 250) for _ in range(3)))

    def talk(
        self, port: int, *chunks: bytes, tls: bool = False, wait: float = 0.15, kind: str = "tcp"
    ) -> bytes:
        """Say `chunks` to a port from a random address; what came back, errors ignored."""
        heard = b""
        datagram = kind == "udp"
        with contextlib.suppress(OSError, ValueError):
            family = socket.SOCK_DGRAM if datagram else socket.SOCK_STREAM
            with socket.socket(socket.AF_INET, family) as plain:
                plain.bind((self.address(), 0))
                plain.settimeout(2)
                plain.connect(("127.0.0.1", port))
                line: socket.socket = self._wrap(plain) if tls else plain
                line.settimeout(wait)
                for chunk in chunks or (b"",):
                    line.sendall(chunk)
                    with contextlib.suppress(TimeoutError):
                        heard += line.recv(65536)
        return heard

    @staticmethod
    def _wrap(plain: socket.socket) -> socket.socket:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context.wrap_socket(plain, server_hostname="localhost")

    def http(
        self,
        port: int,
        path: str = "/",
        method: str = "GET",
        body: bytes | None = None,
        *,
        headers: dict[str, str] | None = None,
        timeout: float = 3,
    ) -> bytes:
        """One HTTP request from a random address; the answer's body, errors ignored."""
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            source = (self.address(), 0)
            client = http.client.HTTPConnection("127.0.0.1", port, timeout, source)
            with contextlib.closing(client):
                client.request(method, path, body, headers or {})
                return client.getresponse().read()
        return b""

    def crowd(self, port: int, size: int = 60) -> None:
        """More connections at a time than a server allows."""
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for _ in range(size):
                stack.enter_context(socket.create_connection(("127.0.0.1", port), 1))
            self.pause(1.2)

    def certificate(self, name: str = "localhost", days: int = 30) -> tuple[Path, Path]:
        """A self-signed certificate and its key."""
        cert, key = self.dir / f"{name}.crt", self.dir / f"{name}.key"
        argv: list[str | Path] = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes"]
        argv += ["-keyout", key, "-out", cert, "-days", str(days), "-subj", f"/CN={name}"]
        self.run(*argv, keep=False)
        return cert, key

    # -- reading out ---------------------------------------------------------------------

    def collect(self, *patterns: str | Path) -> None:
        """Name log files (globs) to be read at the end."""
        self._logs += [str(pattern) for pattern in patterns]

    def lines(self) -> list[bytes]:
        """All that was logged: the captured output, then the named files."""
        files = sorted(self._captures.glob("*.log"))
        root = Path("/")
        for pattern in self._logs:
            files += sorted(f for f in root.glob(pattern.lstrip("/")) if f.is_file())
        data = b"\n".join(f.read_bytes()[: 1 << 23] for f in dict.fromkeys(files))
        return list(diverse(data.split(b"\n")))
