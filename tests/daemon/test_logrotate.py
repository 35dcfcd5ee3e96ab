"""The real logrotate turns logs under the running daemon, and the real rsyslogd writes one."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import SIGTERM

import pytest

from tests.daemon.service import Service, until

# Debian has both where only root's PATH leads
_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
_LOGROTATE = shutil.which("logrotate", path=_PATH)
_RSYSLOGD = shutil.which("rsyslogd", path=_PATH)
ROTATIONS = 4
LINES_BETWEEN = 1000
_DATED = ("dateext", "dateformat -%Y%m%d-%s")

pytestmark = pytest.mark.skipif(_LOGROTATE is None, reason="needs logrotate; install it to test")

_WRITER = """
import os, signal, sys, time
path, append, reopen = sys.argv[1], sys.argv[2] == "append", sys.argv[3] == "reopen"
told = {"end": False, "reopen": False}
signal.signal(signal.SIGTERM, lambda *_: told.update(end=True))
signal.signal(signal.SIGHUP, lambda *_: told.update(reopen=reopen))
flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else 0)
descriptor, lines = os.open(path, flags, 0o644), 0
while not told["end"]:
    if told["reopen"]:
        told["reopen"] = False
        os.close(descriptor)
        descriptor = os.open(path, flags, 0o644)
    content = b"".join(b"worker 7: line %d is done\\n" % n for n in range(lines, lines + 20))
    assert os.write(descriptor, content) == len(content)
    lines += 20
    time.sleep(0.002)
print(lines)
"""


class Logrotate:
    """The program with a configuration of its own for one log."""

    def __init__(self, directory: Path, log: Path, *directives: str, **scripts: str) -> None:
        self.log = log
        self._state = directory / "logrotate.state"
        self._config = directory / "logrotate.conf"
        parts = [f"    {line}" for line in ("rotate 20", "nomail", *directives)]
        for when, script in scripts.items():
            parts += [f"    {when}", f"        {script}", "    endscript"]
        self._config.write_text("\n".join([f"{log} {{", *parts, "}", ""]))
        self._config.chmod(0o644)

    def __call__(self) -> bool:
        """Rotate once; False where the name with this second in it is taken already."""
        assert _LOGROTATE is not None
        done = subprocess.run(
            [_LOGROTATE, "--force", "--state", str(self._state), str(self._config)],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        if "already exists, skipping rotation" in done.stderr:
            return False
        assert done.returncode == 0, done.stderr
        return True

    def rotated(self) -> list[str]:
        """Return the names of what was rotated away, without that of the log."""
        return sorted(
            file.name.removeprefix(self.log.name)
            for file in self.log.parent.iterdir()
            if file != self.log
        )


class Writer:
    """A process that writes numbered lines until it is told to end."""

    def __init__(self, log: Path, *, append: bool = True, reopen: bool) -> None:
        arguments = [str(log), "append" if append else "keep", "reopen" if reopen else "stay"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _WRITER, *arguments], stdout=subprocess.PIPE, text=True
        )

    def end(self) -> int:
        """End it; return how many lines it has written."""
        self.process.send_signal(SIGTERM)
        written, _ = self.process.communicate(timeout=20)
        assert self.process.returncode == 0
        return int(written)


@contextmanager
def _writing(service: Service, *, append: bool = True, reopen: bool) -> Iterator[Writer]:
    """Start the daemon on a log that is there and a writer for it."""
    # as by default, whatever else the tests hasten: a writer may be slow to notice
    service.configure(tail=service.config["tail"] | {"rotate_seconds": 5.0})
    log = service.write("app.log")
    service.start()
    writer = Writer(log, append=append, reopen=reopen)
    try:
        yield writer
    finally:
        if writer.process.poll() is None:
            writer.process.kill()
            writer.process.communicate()


def _rotate_while_it_writes(service: Service, rotate: Logrotate, times: int = ROTATIONS) -> None:
    for _ in range(times):
        _wait_for_more(service)
        until(rotate, "a rotation")
    _wait_for_more(service)


def _wait_for_more(service: Service) -> None:
    wanted = sum(service.committed().values()) + LINES_BETWEEN
    until(lambda: sum(service.committed().values()) >= wanted, f"{wanted} lines")


def _check(service: Service, log: Path, written: int) -> None:
    """Every line was scored once: not one less, and after a drain not one more."""
    with suppress(AssertionError):  # what came instead is told below
        until(lambda: service.committed().get(str(log), 0) >= written)
    assert service.stop() == 0
    assert service.status()["files"] == {str(log): written}


@pytest.mark.parametrize(
    ("directives", "reopen"),
    [
        pytest.param((), True, id="default"),
        pytest.param(("create",), True, id="create"),
        pytest.param(("create",), False, id="create-writer-stays"),
        pytest.param(("compress", "delaycompress"), True, id="delaycompress"),
        pytest.param(("create", *_DATED), True, id="dateext"),
        pytest.param(("create", *_DATED), False, id="dateext-writer-stays"),
        pytest.param(("create", *_DATED, "extension .log"), True, id="date-before-the-ending"),
    ],
)
def test_logrotate_renames_the_log_under_a_writer(
    service: Service, directives: tuple[str, ...], reopen: bool
) -> None:
    """Also under a writer that stays with the file that it has, whatever its name is."""
    log = service.logs / "app.log"
    with _writing(service, reopen=reopen) as writer:
        hup = f"kill -HUP {writer.process.pid}"
        rotate = Logrotate(service.directory, log, *directives, postrotate=hup)
        _rotate_while_it_writes(service, rotate)
        written = writer.end()
    assert len(rotate.rotated()) == ROTATIONS
    _check(service, log, written)


def test_logrotate_compresses_at_once(service: Service) -> None:
    """`compress` without `delaycompress`: the file is gone a moment after its rotation."""
    log = service.logs / "app.log"
    with _writing(service, reopen=True) as writer:
        hup = f"kill -HUP {writer.process.pid}"
        rotate = Logrotate(service.directory, log, "compress", postrotate=hup)
        _rotate_while_it_writes(service, rotate)
        written = writer.end()
    assert rotate.rotated() == [f".{number}.gz" for number in range(1, ROTATIONS + 1)]
    _check(service, log, written)


@pytest.mark.parametrize("append", [True, False], ids=["appends", "keeps-its-offset"])
def test_logrotate_copies_and_truncates_under_a_writer(service: Service, append: bool) -> None:
    """A writer that knows nothing of it; it pauses for the moment that destroys what it writes."""
    log = service.logs / "app.log"
    with _writing(service, append=append, reopen=False) as writer:
        pid = writer.process.pid
        rotate = Logrotate(
            service.directory,
            log,
            "copytruncate",
            prerotate=f"kill -STOP {pid}",
            postrotate=f"kill -CONT {pid}",
        )
        _rotate_while_it_writes(service, rotate)
        written = writer.end()
    assert rotate.rotated() == [f".{number}" for number in range(1, ROTATIONS + 1)]
    assert (b"\0" in log.read_bytes()) is not append
    _check(service, log, written)


def test_logrotate_copies_and_truncates_under_a_writer_that_does_not_pause(
    service: Service,
) -> None:
    """What comes between copy and truncation is destroyed; all that any file holds is scored."""
    log = service.logs / "app.log"
    with _writing(service, reopen=False) as writer:
        rotate = Logrotate(service.directory, log, "copytruncate")
        _rotate_while_it_writes(service, rotate)
        written = writer.end()
    kept = sum(file.read_bytes().count(b"\n") for file in service.logs.iterdir())
    until(lambda: service.committed().get(str(log), 0) >= kept, f"{kept} lines")
    assert service.stop() == 0
    assert kept <= service.status()["files"][str(log)] <= written


@pytest.mark.parametrize(
    ("how", "restarts"),
    [("create", False), ("compress", False), ("copytruncate", False), ("copytruncate", True)],
)
def test_logrotate_where_a_glob_matches_what_it_rotates(
    service: Service, how: str, restarts: bool
) -> None:
    """Each file is matched, but every line is scored once, under whichever name."""
    service.configure(sources=[{"name": "app", "paths": [f"{service.logs}/app.log*"]}])
    log = service.logs / "app.log"
    with _writing(service, reopen=how != "copytruncate") as writer:
        pid = writer.process.pid
        copying = {"prerotate": f"kill -STOP {pid}", "postrotate": f"kill -CONT {pid}"}
        scripts = copying if how == "copytruncate" else {"postrotate": f"kill -HUP {pid}"}
        rotate = Logrotate(service.directory, log, how, **scripts)
        _rotate_while_it_writes(service, rotate, 2)
        if restarts:
            service.kill()
            assert rotate()
            service.start()
        _rotate_while_it_writes(service, rotate, 2)
        written = writer.end()
    with suppress(AssertionError):  # what came instead is told below
        until(lambda: sum(service.committed().values()) >= written)
    assert service.stop() == 0
    assert sum(service.status()["files"].values()) == written


@pytest.mark.parametrize(
    ("directives", "names"),
    [((), r"\.\d"), ((*_DATED, "extension .log"), r"app-\d{8}-\d+\.log")],
    ids=["default", "date-before-the-ending"],
)
def test_logrotate_while_the_daemon_is_down(
    service: Service, directives: tuple[str, ...], names: str
) -> None:
    log = service.logs / "app.log"
    service.configure(sources=[{"name": "app", "paths": [str(log)]}])
    with _writing(service, reopen=True) as writer:
        hup = f"kill -HUP {writer.process.pid}"
        rotate = Logrotate(service.directory, log, *directives, postrotate=hup)
        _rotate_while_it_writes(service, rotate, 1)
        service.kill()
        for _ in range(3):
            until(log.exists, "the log that the writer makes anew")
            size = log.stat().st_size
            until(lambda: log.exists() and log.stat().st_size > size + 10_000, "more lines")  # noqa: B023
            until(rotate, "a rotation")
        service.start()
        _rotate_while_it_writes(service, rotate, 1)
        written = writer.end()
    assert [bool(re.fullmatch(names, name)) for name in rotate.rotated()] == [True] * 5
    _check(service, log, written)


_RSYSLOG = """
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{socket}" RateLimit.Interval="0")
global(workDirectory="{directory}")
*.* action(type="omfile" file="{log}" template="RSYSLOG_TraditionalFileFormat")
"""


@pytest.mark.skipif(_RSYSLOGD is None, reason="needs rsyslogd; install rsyslog to test")
@pytest.mark.parametrize(
    "directives",
    [("create",), ("compress", "delaycompress", "notifempty", "sharedscripts")],
    ids=["create", "as-in-debian"],
)
def test_rsyslogd_writes_and_logrotate_rotates(
    service: Service, directives: tuple[str, ...]
) -> None:
    log = service.logs / "syslog.log"
    log.touch()
    config, pid_file = service.directory / "rsyslog.conf", service.directory / "pid"
    address = service.directory / "s"
    config.write_text(_RSYSLOG.format(socket=address, directory=service.directory, log=log))
    assert _RSYSLOGD is not None
    service.start()
    rsyslogd = subprocess.Popen([_RSYSLOGD, "-n", "-f", str(config), "-i", str(pid_file)])
    try:
        until(lambda: address.exists() and pid_file.exists(), "rsyslogd")
        hup = f"kill -HUP $(cat {pid_file})"
        rotate = Logrotate(service.directory, log, *directives, postrotate=hup)
        sent = 0
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as logger:
            logger.connect(str(address))
            for number in range(ROTATIONS + 1):
                for _ in range(LINES_BETWEEN):
                    logger.send(b"<13>Nov 24 20:00:00 app[7]: request %d is done" % sent)
                    sent += 1
                if "delaycompress" in directives:  # and that delay is what the daemon is given
                    behind = sent - LINES_BETWEEN
                    until(lambda: service.committed().get(str(log), 0) >= behind)  # noqa: B023
                if number < ROTATIONS:  # what was sent may not even be written yet
                    assert rotate()
        # what still waits in its socket dies with it, and was never in a log
        until(lambda: sum(map(_lines, service.logs.iterdir())) == sent, f"{sent} lines in files")
    finally:
        rsyslogd.terminate()
        rsyslogd.wait(20)
    assert len(rotate.rotated()) == ROTATIONS
    _check(service, log, sent)


def _lines(file: Path) -> int:
    content = file.read_bytes()
    if file.suffix == ".gz":
        content = subprocess.run(["gzip", "-dc", file], capture_output=True, check=True).stdout
    return content.count(b"\n")
