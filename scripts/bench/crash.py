#!/usr/bin/env python3
"""Kill the real daemon (SIGKILL) at random instants, again and again: is anything lost or doubled?

A writer goes on all the while, and rotates. At threshold 0 every record belongs to an incident, so
three counts that are kept apart must agree after every kill: the lines committed by file, the
records of the source, the records of all incidents; and the lines of a file are those of its first
``offset`` bytes. In the end every line must be committed once, and every alert that the state says
was sent must be in the JSONL file: ids may repeat there (at least once), but only with the same
body. ``corrupted`` counts each of these that was found otherwise, and what SQLite's
``integrity_check`` says. ``repeated`` alerts and ``torn`` lines of the JSONL file are allowed.

The kills come from the beginning on, as soon as the state knows that there is a log, of which no
line is committed yet then.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from common import Daemon, all_alert, count, finish, parser, rows, say
from writer import Writer

RATE = 3000
EVERY = 5000
LIFE_SECONDS = 1.5
START_SECONDS = 2.5
IN_START = 0.15
"""This share of the kills comes at some instant of the start, the others once it runs."""

KEPT = 20
"""Rotated files that stay beside the log; older ones are moved away once they are committed."""

SETTINGS: dict[str, Any] = {
    # the writer's texts fall quiet for longer: incidents close, and open again
    "decision": all_alert(quiet_seconds=4.0),
    "tail": {"poll_seconds": 0.05, "scan_seconds": 0.2, "rotate_seconds": 1.0},
    "sinks": {"log": {"enabled": False}},
}


class Files:
    """The writer's files, wherever they have been moved, and the lines in them."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._archive = logs.parent / "archive"
        self._archive.mkdir()
        self._whole: dict[Path, int] = {}
        self._inodes: dict[Path, int] = {}

    def find(self) -> dict[int, Path]:
        """Return the files by inode."""
        found = {}
        for folder in (self._archive, self._logs):
            with os.scandir(folder) as entries:
                for entry in entries:
                    found[entry.inode()] = Path(entry.path)
        self._inodes = {path: inode for inode, path in found.items()}
        return found

    def lines(self, path: Path, size: int) -> int:
        """Return the newlines in the first ``size`` bytes of what :meth:`find` gave as ``path``."""
        inode = self._inodes[path]
        if path.parent != self._archive:
            with path.open("rb") as stream:
                if os.fstat(stream.fileno()).st_ino == inode:
                    return stream.read(size).count(b"\n")
            return self.lines(self.find()[inode], size)  # it was rotated meanwhile
        if path not in self._whole:
            self._whole[path] = path.read_bytes().count(b"\n")
        return self._whole[path]

    def archive(self, offsets: dict[int, int]) -> None:
        """Move rotated files away that are committed up to their ends, but for the youngest."""
        rotated = sorted(
            path
            for inode, path in self.find().items()
            if path.name.startswith("app.log-") and path.stat().st_size == offsets.get(inode)
        )
        for path in rotated[:-KEPT]:
            if path.parent == self._logs:
                path.rename(self._archive / path.name)


def check(state: Path, files: Files) -> list[str]:
    """Return what is wrong with the state of a daemon that was killed; archive what is read."""
    wrong = []
    found = files.find()
    ((verdict,),) = rows(state, "PRAGMA integrity_check")
    positions = rows(state, "SELECT inode, path, offset, lines, committed FROM files")
    records = count(state, "SELECT SUM(records) FROM sources")
    in_incidents = count(state, "SELECT SUM(records) FROM incidents")
    if verdict != "ok":
        wrong.append(f"integrity_check: {verdict}")
    committed = 0
    for inode, path, offset, lines, kept in positions:
        there = files.lines(found[inode], offset)
        committed += kept
        if not there == lines == kept:
            wrong.append(f"{path}: {there} lines up to {offset}, position {lines}, state {kept}")
    if not committed == records == in_incidents:
        wrong.append(f"lines {committed}, records {records}, in incidents {in_incidents}")
    files.archive({inode: offset for inode, _, offset, *_ in positions})
    return wrong


def check_alerts(state: Path) -> tuple[list[str], int, int, int]:
    """Return what is wrong with the deliveries; alerts, those repeated, and lines torn."""
    wrong: list[str] = []
    bodies: dict[tuple[str, str], str] = {}
    repeated = torn = 0
    for line in (state / "alerts.jsonl").read_text().splitlines():
        try:
            alert = json.loads(line)
        except ValueError:
            torn += 1
            continue
        before = bodies.setdefault((alert["id"], alert["status"]), line)
        repeated += before is not line
        if before != line:
            wrong.append(f"alert {alert['id']} came with two bodies")
    owed = count(state, "SELECT COUNT(*) FROM deliveries")
    incidents = rows(state, "SELECT id, closed FROM incidents WHERE alerted")
    if owed:
        wrong.append(f"{owed} deliveries were not made")
    wanted = {(id_, "open") for id_, _ in incidents}
    wanted |= {(id_, "closed") for id_, closed in incidents if closed is not None}
    wrong += [f"alert {one} was never delivered" for one in sorted(wanted - bodies.keys())]
    wrong += [f"alert {one} is of no incident" for one in sorted(bodies.keys() - wanted)]
    return wrong, len(bodies), repeated, torn


def balance(state: Path, files: Files) -> tuple[int, int, int]:
    """Return the lines written, those lost and those doubled, counted file by file."""
    kept = dict(rows(state, "SELECT inode, SUM(committed) FROM files GROUP BY inode"))
    written = lost = doubled = 0
    for inode, path in files.find().items():
        lines = files.lines(path, -1)
        if lines != kept.get(inode, 0):
            say(f"{path.name}: {lines} lines, {kept.get(inode, 0)} committed")
        written += lines
        lost += max(0, lines - kept.get(inode, 0))
        doubled += max(0, kept.get(inode, 0) - lines)
    return written, lost, doubled


def main() -> None:
    """Kill, check, start again; in the end compare."""
    options = parser(__doc__)
    options.add_argument("--kills", type=int, default=100, metavar="N")
    options.add_argument("--seed", type=int, default=1, help="of the instants (default: 1)")
    args = options.parse_args()
    kills = min(args.kills, 8) if args.quick else args.kills
    choose = random.Random(args.seed)
    wrong: list[str] = []
    early = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "d"
        daemon = Daemon(folder, args.model, settings=SETTINGS)
        files = Files(daemon.logs)
        writer = Writer(daemon.logs / "app.log", rate=RATE, every=EVERY)
        daemon.wait_for_file()
        for kill in range(1, kills + 1):
            time.sleep(choose.uniform(0, START_SECONDS if daemon.down else LIFE_SECONDS))
            said = daemon.kill()
            early += '"event": "running"' not in said
            found = check(daemon.state, files)
            found += ["a traceback in its log"] if "Traceback" in said else []
            for one in found:
                say(f"after kill {kill}: {one}")
            wrong += found
            if kill % 10 == 0:
                say(f"{kill} kills, {daemon.committed():,} lines committed, {len(wrong)} wrong")
            # ``down``: it may not be up yet when the next kill comes
            in_start = kill < kills and choose.random() < IN_START
            daemon = Daemon(folder, args.model, again=True, settings=SETTINGS, wait=not in_start)
            daemon.down = in_start
        said_written = writer.stop()
        daemon.settle(said_written, 300)
        daemon.stop()
        written, lost, doubled = balance(daemon.state, files)
        if written != said_written:
            wrong.append(f"the writer wrote {said_written} lines, its files hold {written}")
        wrong += check(daemon.state, files)
        alerts, sent, repeated, torn = check_alerts(daemon.state)
        for one in alerts:
            say(one)
        wrong += alerts
    result = {
        "kills": kills,
        "lost": lost,
        "doubled": doubled,
        "corrupted": len(wrong),
        "written": written,
        "early": early,
        "repeated": repeated,
        "torn": torn,
        "alerts": sent,
    }
    say(f"{result}")
    finish(result)


if __name__ == "__main__":
    main()
