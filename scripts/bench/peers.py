"""Tailers that count lines, ours and others', each as a real process on a folder of its own."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Protocol

from common import Daemon

# Debian has daemons where only root's PATH leads
_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
_MTAIL_PROGRAM = "counter lines_total\n/$/ {\n  lines_total++\n}\n"
_RSYSLOG_CONFIG = """
global(workDirectory="{work}")
module(load="imfile")
input(type="imfile" File="{logs}/*.log" Tag="app:" reopenOnTruncate="on" persistStateInterval="1")
template(name="bare" type="string" string="%msg%\\n")
*.* action(type="omfile" file="{out}" template="bare")
"""


class Peer(Protocol):
    """Tails ``logs/*.log``; may be stopped in good order and started again."""

    logs: Path

    def start(self) -> None:
        """Start it and return when it runs."""

    def ready(self) -> bool:
        """Tell whether it follows the log that is there."""

    def stop(self) -> None:
        """End it as a service manager does, by SIGTERM."""

    def counted(self) -> int:
        """Return how many lines it has counted, over all its starts."""


class Ours:
    """The daemon with its default settings."""

    def __init__(self, folder: Path, model: str | None) -> None:
        self.logs = folder / "logs"
        self._folder = folder
        self._model = model
        self._daemon: Daemon | None = None

    def start(self) -> None:
        """Start the daemon."""
        self._daemon = Daemon(self._folder, self._model, again=True)

    def ready(self) -> bool:
        """Tell whether a file is followed."""
        return self._daemon is not None and '"event": "following"' in self._daemon.output()

    def stop(self) -> None:
        """Stop the daemon."""
        if self._daemon is not None:
            self._daemon.stop()
            self._daemon = None

    def counted(self) -> int:
        """Return the lines in the state."""
        return self._daemon.committed() if self._daemon is not None else 0


class _Process:
    """What mtail and rsyslogd have in common."""

    program = ""

    def __init__(self, folder: Path, model: str | None) -> None:
        del model
        self.logs = folder / "logs"
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._from = 0

    def said(self) -> str:
        """Return what it has printed since its last start."""
        return (self.folder / "output").read_text(errors="replace")[self._from :]

    def _run(self, *arguments: str) -> None:
        found = which(self.program)
        assert found is not None
        with (self.folder / "output").open("ab") as output:
            self._from = output.tell()
            self._process = subprocess.Popen([found, *arguments], stdout=output, stderr=output)

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None


class Mtail(_Process):
    """mtail with its default settings and a program that counts lines."""

    program = "mtail"

    def __init__(self, folder: Path, model: str | None) -> None:
        super().__init__(folder, model)
        self._before = 0
        self._port = 0

    def start(self) -> None:
        """Start it on a free port."""
        program = self.folder / "count.mtail"
        program.write_text(_MTAIL_PROGRAM)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        address = ("--address", "127.0.0.1", "--port", str(self._port), "--logtostderr")
        self._run("--progs", str(program), "--logs", f"{self.logs}/*.log", *address)

    def ready(self) -> bool:
        """Tell whether it listens; it has opened the logs by then."""
        return "Listening on" in self.said()

    def stop(self) -> None:
        """End it; its counters begin at zero with the next start."""
        self._before = self.counted()
        super().stop()

    def counted(self) -> int:
        """Return the program's counter."""
        return self._before + (self._metric("lines_total") if self._process else 0)

    def _metric(self, name: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics") as answer:
                text = answer.read().decode()
        except (urllib.error.URLError, ConnectionError):
            return 0
        found = re.search(rf"^{name}(?:\{{[^}}]*\}})? (\d+)", text, re.MULTILINE)
        return int(found[1]) if found else 0


class Imfile(_Process):
    """rsyslogd that reads by imfile (`reopenOnTruncate` on) and writes each message as a line."""

    program = "rsyslogd"

    def start(self) -> None:
        """Start it with a configuration of its own."""
        work, config = self.folder / "work", self.folder / "rsyslog.conf"
        work.mkdir(exist_ok=True)
        config.write_text(_RSYSLOG_CONFIG.format(work=work, logs=self.logs, out=self._out))
        self._run("-n", "-f", str(config), "-i", str(self.folder / "pid"))

    def ready(self) -> bool:
        """Tell whether it runs; it reads what it finds from the beginning."""
        return (self.folder / "pid").exists()

    def counted(self) -> int:
        """Return the messages that it has written."""
        return self._out.read_bytes().count(b"\n") if self._out.exists() else 0

    @property
    def _out(self) -> Path:
        return self.folder / "out"


def which(program: str) -> str | None:
    """Return where a program is, or None."""
    return shutil.which(program, path=_PATH)


PEERS: dict[str, tuple[type[Ours | Mtail | Imfile], str]] = {
    "tinylogbert": (Ours, ""),
    "mtail": (Mtail, Mtail.program),
    "imfile": (Imfile, Imfile.program),
}
"""By name: what to make, and the program that it needs."""
