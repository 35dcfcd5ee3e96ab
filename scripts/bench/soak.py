#!/usr/bin/env python3
"""Hours of load on the real daemon: does it lose lines, grow, or leak files and threads?

20,000 lines a second with rename rotations; in about the first third the daemon is stopped and
started again some times. All the while the JSONL sink flaps: the directory of its file goes and
comes back. Texts fall quiet and return so fast that, in a run of an hour, as many incidents as the
state keeps are closed before ``first`` is measured, once the last start has settled; ``last`` is in
the end. A line is lost if it was written and is not committed; ``undelivered`` alerts are those
that the state says were sent and that are not in the JSONL file.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from common import Daemon, all_alert, balance_of, count, finish, parser, rows, say
from writer import Writer

RATE = 20_000
EVERY = 500_000
QUICK_SECONDS = 24.0
RESTARTS = 3
SETTLE_SHARE = 0.1
"""This share of the run passes after the last start before anything is measured."""

FLAP_SECONDS = 20.0
TURN_SECONDS = 1.0
KEPT = 4
"""Rotated files that are left, beside the log."""


class Sink:
    """The directory of the JSONL file, which is taken away and given back in turn."""

    def __init__(self, directory: Path, every: float) -> None:
        self.directory = directory
        self.flaps = 0
        self._away = directory.with_name(f"{directory.name}.away")
        self._every = every
        self._next = time.monotonic() + every
        directory.mkdir()

    @property
    def path(self) -> Path:
        """The JSONL file, while it is there."""
        return self.directory / "alerts.jsonl"

    def turn(self) -> None:
        """Take the directory away or give it back, if it is time."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._every
        if self.directory.exists():
            self.directory.rename(self._away)
            self.flaps += 1
        else:
            self._away.rename(self.directory)

    def back(self) -> None:
        """Give it back for good."""
        if self._away.exists():
            self._away.rename(self.directory)


def settings(sink: Sink) -> dict[str, Any]:
    """Return a configuration under which every text alerts, again and again."""
    return {
        "decision": all_alert(quiet_seconds=3.0),
        "tail": {"scan_seconds": 1.0},
        "sinks": {"jsonl": {"path": str(sink.path)}, "log": {"enabled": False}},
    }


def undelivered(state: Path, path: Path) -> int:
    """Return how many alerts were sent by the state and are not in the JSONL file."""
    wanted = {id_ for (id_,) in rows(state, "SELECT id FROM incidents WHERE alerted")}
    lines = path.read_text().splitlines()
    return len(wanted - {json.loads(line)["id"] for line in lines})


def state_mb(state: Path) -> float:
    """Return the size of the database with its log in MB."""
    return sum(path.stat().st_size for path in state.glob("state.db*")) / 1e6


def used_mb(state: Path) -> float:
    """Return how much of the database is in use; what was deleted leaves room for what comes."""
    pages, free, size = (
        count(state, f"PRAGMA {name}") for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size / 1e6


def measures(daemon: Daemon) -> dict[str, float]:
    """Return what must not grow; the state does with the incidents, until the most are kept."""
    return {
        "rss_mb": round(daemon.resident_mb(), 1),
        "fds": daemon.descriptors(),
        "threads": daemon.threads(),
        "state_mb": round(state_mb(daemon.state), 2),
        "used_mb": round(used_mb(daemon.state), 2),
        "log_mb": round((daemon.state / "state.db-wal").stat().st_size / 1e6, 2),
        "incidents": count(daemon.state, "SELECT COUNT(*) FROM incidents"),
        "owed": count(daemon.state, "SELECT COUNT(*) FROM deliveries"),
    }


def tidy(logs: Path, state: Path) -> None:
    """Delete rotated files but for the youngest, as logrotate does; none that is still owed."""
    old = sorted(logs.glob("app.log-*"))[:-KEPT]
    if not old:
        return
    read = set(rows(state, "SELECT inode, offset FROM files"))
    for path in old:
        status = path.stat()
        if (status.st_ino, status.st_size) in read:
            path.unlink()


def main() -> None:
    """Write, restart, flap, measure."""
    options = parser(__doc__)
    options.add_argument("--hours", type=float, default=1.0, metavar="H")
    options.add_argument("--rate", type=int, default=RATE, help="lines a second")
    args = options.parse_args()
    seconds = QUICK_SECONDS if args.quick else args.hours * 3600
    restarts = 1 if args.quick else RESTARTS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "d"
        sink = Sink(Path(name) / "out", min(FLAP_SECONDS, seconds / 6))
        daemon = Daemon(folder, args.model, settings=settings(sink))
        every = EVERY // 10 if args.quick else EVERY
        writer = Writer(daemon.logs / "app.log", rate=args.rate, every=every, turn=TURN_SECONDS)
        daemon.settle(1)
        started, again = time.monotonic(), 0
        apart = seconds / 3 / (restarts + 1)
        restart_at = apart
        first: dict[str, float] = {}
        end = seconds
        passed = 0.0
        while not first or passed < end:
            passed = time.monotonic() - started
            if again < restarts and passed >= restart_at:
                again += 1
                daemon.stop()
                daemon = Daemon(folder, args.model, again=True, settings=settings(sink))
                restart_at = time.monotonic() - started + apart
                say(f"restart {again} at {passed:.0f} s, {daemon.committed():,} lines committed")
            if not first and again == restarts and passed >= restart_at + seconds * SETTLE_SHARE:
                first = measures(daemon)
                # on a slow machine the restarts take their time: growth is looked for all the same
                end = max(seconds, passed + seconds / 2)
                say(f"at {passed:.0f} s: {first}")
            sink.turn()
            tidy(daemon.logs, daemon.state)
            time.sleep(0.2)
        last = measures(daemon)
        say(f"in the end: {last}")
        written = writer.stop()
        sink.back()
        committed = daemon.settle(written, 120)
        daemon.stop()
        missing = undelivered(daemon.state, sink.path)
    result = {
        "lines": written,
        **balance_of(written, committed),
        **{f"{key}_first": value for key, value in first.items()},
        **{f"{key}_last": value for key, value in last.items()},
        "restarts": again,
        "flaps": sink.flaps,
        "undelivered": missing,
    }
    say(f"{result}")
    finish(result)


if __name__ == "__main__":
    main()
