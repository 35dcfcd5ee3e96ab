#!/usr/bin/env python3
"""A burst of new shapes and new texts: how long do the known lines behind it wait?

Two files are followed. The burst and then known lines are written to one of them at once; a known
line comes to the other one ten times a second. ``same_file_s`` is from the write to the commit of
the last known line behind the burst, ``other_file_p50_ms`` and ``other_file_max_ms`` are of the
other file's lines while that goes on, ``judged_s`` is when the last verdict of the burst was there,
``owed`` how many texts awaited theirs after their lines were committed, at most.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from common import Daemon, finish, parser, say
from memory import lines as burst_lines

KNOWN = b"INFO shop: stored order 17 for customer 4\n"
BEHIND = 1000
EVERY_SECONDS = 0.1


def settings() -> dict[str, Any]:
    """Return a configuration in which nothing but the burst is unusual."""
    return {"decision": {"learning_hours": 0.0}, "sinks": {"log": {"enabled": False}}}


class Other(threading.Thread):
    """Writes a known line now and then, and takes the time until it is committed, in seconds."""

    def __init__(self, daemon: Daemon, path: Path) -> None:
        super().__init__()
        self._daemon, self._path = daemon, path
        self._over = threading.Event()
        self.waits: list[float] = []

    def run(self) -> None:
        """Write and wait until told to end."""
        count = self._daemon.committed_of(self._path)
        with self._path.open("ab", buffering=0) as stream:
            while not self._over.wait(EVERY_SECONDS):
                stream.write(KNOWN)
                count += 1
                began = time.monotonic()
                while self._daemon.committed_of(self._path) < count:
                    time.sleep(0.005)
                self.waits.append(time.monotonic() - began)

    def stop(self) -> list[float]:
        """End it; return the waits, sorted."""
        self._over.set()
        self.join()
        return sorted(self.waits)


def main() -> None:
    """Warm up, burst, watch."""
    options = parser(__doc__)
    options.add_argument("--shapes", type=int, default=200_000, metavar="N")
    options.add_argument("--texts", type=int, default=3000, help="distinct texts of them")
    args = options.parse_args()
    shapes = min(args.shapes, 10_000) if args.quick else args.shapes
    texts = min(args.texts, 300) if args.quick else args.texts
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        daemon = Daemon(Path(name) / "d", args.model, settings=settings())
        same, beside = daemon.logs / "same.log", daemon.logs / "other.log"
        same.write_bytes(KNOWN)
        beside.write_bytes(KNOWN)
        daemon.wait_for_lines(2)
        other = Other(daemon, beside)
        other.start()
        content = b"".join(burst_lines(shapes, texts)) + KNOWN * BEHIND
        began, wanted, owed = time.monotonic(), shapes + BEHIND + 1, 0
        with same.open("ab") as stream:
            stream.write(content)
        while daemon.committed_of(same) < wanted and time.monotonic() - began < 1800:
            owed = max(owed, daemon.query("SELECT COUNT(*) FROM owed"))
            time.sleep(0.02)
        behind = time.monotonic() - began
        waits = other.stop()
        while daemon.query("SELECT COUNT(*) FROM owed") and time.monotonic() - began < 1800:
            owed = max(owed, daemon.query("SELECT COUNT(*) FROM owed"))
            time.sleep(0.05)
        judged = time.monotonic() - began
        known = daemon.query("SELECT COUNT(*) FROM texts")
        committed = daemon.committed_of(same)
        result = {
            "shapes": shapes,
            "texts": texts,
            "same_file_s": round(behind, 2),
            "other_file_p50_ms": round(waits[len(waits) // 2] * 1000),
            "other_file_max_ms": round(waits[-1] * 1000),
            "judged_s": round(judged, 2),
            "owed": owed,
            "unjudged": texts + 1 - known,
            "lost": max(0, wanted - committed),
            "doubled": max(0, committed - wanted),
            "rss_mb": round(daemon.peak_mb(), 1),
        }
        daemon.stop()
    say(f"{result}")
    finish(result)


if __name__ == "__main__":
    main()
