"""What the benchmark scripts share: data, a daemon of their own, and one way to print results."""

from __future__ import annotations

import argparse
import json
import lzma
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("TINYLOGBERT_DATA", ROOT.parent / "shared" / "data"))


def parser(summary: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that every script takes."""
    made = argparse.ArgumentParser(description=summary)
    made.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    made.add_argument("--quick", action="store_true", help="finish in under a minute")
    made.add_argument("--model", metavar="M", help="artifact to measure (default: the base model)")
    return made


def takes_self_made(options: argparse.ArgumentParser) -> None:
    """Add the option that says where the logs with fault windows are."""
    options.add_argument(
        "--self-made",
        type=Path,
        metavar="DIR",
        default=os.environ.get("TINYLOGBERT_SELFMADE"),
        help="logs with fault windows, from scripts/collect_logs.py (default: "
        "$TINYLOGBERT_SELFMADE); without them their sets are left out",
    )


def data(name: str) -> bytes:
    """Return the content of a file of the data folder, decompressed; exit if it is not there."""
    path = DATA / name
    if not path.exists():
        sys.exit(f"{path}: not there; set TINYLOGBERT_DATA to the folder with the benchmark data")
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


def say(text: str) -> None:
    """Print for people, on stderr."""
    print(text, file=sys.stderr, flush=True)


def rows(state: Path, query: str, *values: object) -> list[Any]:
    """Return the rows of a query of the state in a directory, whoever writes it meanwhile."""
    with closing(sqlite3.connect(f"file:{state}/state.db?mode=ro", uri=True)) as db:
        return db.execute(query, values).fetchall()


def count(state: Path, query: str, *values: object) -> int:
    """Return the one number that a query of the state gives; NULL is 0."""
    return int(rows(state, query, *values)[0][0] or 0)


def balance_of(written: int, committed: int) -> dict[str, int]:
    """Return how many lines were lost and how many doubled, by their numbers alone."""
    return {"lost": max(0, written - committed), "doubled": max(0, committed - written)}


def all_alert(**decision: object) -> dict[str, object]:
    """Return a section ``decision`` under which every text alerts, each on its own."""
    return {
        "threshold": 0.0,
        "storm_texts": 1000,
        "alert_budget": 10_000_000,
        "burst": 1_000_000,
        **decision,
    }


def finish(result: dict[str, Any]) -> None:
    """Print the result as the last line of stdout."""
    print(json.dumps(result))


class Daemon:
    """A real daemon in a process of its own, on a folder that its one source matches.

    ``settings`` are sections of its configuration; without ``wait`` it may not be up yet. ``root``
    is the checkout whose daemon it is.
    """

    def __init__(
        self,
        folder: Path,
        model: str | None,
        *,
        again: bool = False,
        settings: dict[str, Any] | None = None,
        wait: bool = True,
        root: Path = ROOT,
    ) -> None:
        self.logs = folder / "logs"
        self.state = folder / "state"
        self.logs.mkdir(parents=True, exist_ok=again)
        self.down = False
        config = folder / "config.yaml"
        config.write_text(
            json.dumps(
                {
                    "sources": [{"name": "bench", "paths": [f"{self.logs}/*.log"]}],
                    "state_dir": str(self.state),
                    "http": {"enabled": False},
                    **(settings or {}),
                }
            )
        )
        command = [sys.executable, "-m", "tinylogbert_daemon", "run", "-c", str(config)]
        command += ["--model", model] if model else []
        self._log = (folder / "daemon.log").open("w+")
        self.process = subprocess.Popen(command, stderr=self._log, cwd=root)
        if wait:
            self.wait_for('"event": "running"')

    def wait_for(self, text: str) -> None:
        """Wait until the daemon has logged ``text``."""
        self._wait(lambda: text in self.output(), 60)

    def output(self) -> str:
        """Return what the daemon has logged."""
        self._log.flush()
        return Path(self._log.name).read_text()

    def committed(self) -> int:
        """Return the physical lines committed to the state, over all files."""
        return count(self.state, "SELECT SUM(committed) FROM files")

    def committed_of(self, path: Path) -> int:
        """Return the physical lines committed of one path, over all files that it has named."""
        return count(self.state, "SELECT SUM(committed) FROM files WHERE path = ?", str(path))

    def wait_for_file(self) -> None:
        """Wait until the state knows of a file, be nothing of it committed yet."""

        def known() -> bool:
            with sqlite3.connect(f"file:{self.state}/state.db?mode=ro", uri=True) as db:
                return bool(db.execute("SELECT COUNT(*) FROM files").fetchone()[0])

        self._wait(known, 60)

    def query(self, statement: str) -> int:
        """Return the number that the state answers."""
        with closing(sqlite3.connect(f"file:{self.state}/state.db?mode=ro", uri=True)) as db:
            return int(db.execute(statement).fetchone()[0])

    def wait_for_verdicts(self, seconds: float = 900) -> None:
        """Wait until no text awaits its verdict."""
        self._wait(lambda: self.query("SELECT COUNT(*) FROM owed") == 0, seconds)

    def wait_for_lines(self, lines: int, seconds: float = 120) -> None:
        """Wait until so many lines are committed."""
        self._wait(lambda: self.committed() >= lines, seconds)

    def settle(self, lines: int, seconds: float = 30) -> int:
        """Return the committed lines once they are at least ``lines``, or after some seconds.

        Waits a moment longer, in which lines that are read twice would show.
        """
        end = time.monotonic() + seconds
        while self.committed() < lines and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(2)
        return self.committed()

    def feed(self, content: bytes, name: str, seconds: float = 60) -> tuple[float, float]:
        """Move ``content`` under the source as a file; return wall and CPU seconds to commit.

        Exits if that takes longer than ``seconds``.
        """
        staged = self.logs.parent / "staged"
        staged.write_bytes(content)
        lines = content.count(b"\n")
        before, cpu = self.committed(), self.cpu_seconds()
        started = time.perf_counter()
        staged.rename(self.logs / name)
        # never delete a file and feed the same content again: with the same inode, first line and
        # last bytes it is the same file to the daemon
        self._wait(lambda: self.committed() >= before + lines, seconds)
        return time.perf_counter() - started, self.cpu_seconds() - cpu

    def cpu_seconds(self) -> float:
        """Return the CPU time that the daemon has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mb(self) -> float:
        """Return the daemon's peak resident memory in MB."""
        return self._status("VmHWM") / 1024

    def resident_mb(self) -> float:
        """Return the daemon's resident memory in MB."""
        return self._status("VmRSS") / 1024

    def threads(self) -> int:
        """Return how many threads the daemon has."""
        return self._status("Threads")

    def descriptors(self) -> int:
        """Return how many files, sockets and pipes the daemon holds open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def stop(self) -> None:
        """End the daemon and wait for it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self._log.close()

    def kill(self) -> str:
        """Kill the daemon where it stands (SIGKILL); return what it has logged."""
        self.process.kill()
        self.process.wait(30)
        said = self.output()
        self._log.close()
        return said

    def _status(self, name: str) -> int:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
        raise ValueError(f"no {name}")

    def _wait(self, done: Any, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not done():
            if self.process.poll() is not None or time.monotonic() > end:
                sys.exit(f"the daemon did not get there:\n{self.output()}")
            time.sleep(0.005)


@contextmanager
def daemon(folder: Path, model: str | None, root: Path = ROOT) -> Iterator[Daemon]:
    """Give a running daemon, stopped in the end."""
    running = Daemon(folder, model, root=root)
    try:
        yield running
    finally:
        running.stop()


def own_cpu_seconds() -> float:
    """Return the CPU time of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
