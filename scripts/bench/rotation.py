#!/usr/bin/env python3
"""Replay a log with rename rotations and a restart: every line committed exactly once?

Writes ``hdfs-2pct`` into a file that the real daemon tails, renames it every ``--every`` lines, and
restarts the daemon once in the middle, just after a rotation; it is down for half of the next file.
``scored`` is what the state says was committed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from common import Daemon, data, finish, parser, say

CHUNK_LINES = 500
PAUSE_SECONDS = 0.01


def main() -> None:
    """Replay, restart, compare."""
    options = parser(__doc__)
    options.add_argument("--every", type=int, default=20_000, metavar="LINES")
    args = options.parse_args()
    lines = data("benchmark/hdfs-2pct.log.xz").splitlines(keepends=True)
    if args.quick:
        lines = lines[:60_000]
    with tempfile.TemporaryDirectory() as name:
        daemon = Daemon(Path(name) / "d", args.model)
        path = daemon.logs / "app.log"
        written = rotations = 0
        middle = len(lines) // 2
        stream = path.open("ab", buffering=0)
        daemon.wait_for('"event": "following"')
        for start in range(0, len(lines), CHUNK_LINES):
            chunk = lines[start : start + CHUNK_LINES]
            stream.write(b"".join(chunk))
            written += len(chunk)
            if written % args.every == 0:
                stream.close()
                rotations += 1
                for number in range(rotations, 0, -1):
                    old = path.with_name(f"app.log.{number - 1}") if number > 1 else path
                    old.rename(path.with_name(f"app.log.{number}"))
                stream = path.open("ab", buffering=0)
                if start < middle <= start + args.every:
                    say(f"restart at line {written}, rotation {rotations}")
                    daemon.stop()
                    daemon.down = True
            if daemon.down and written % args.every >= args.every // 2:
                daemon = Daemon(Path(name) / "d", args.model, again=True)
            # a writer that never pauses would leave nothing to tail
            time.sleep(PAUSE_SECONDS)
        stream.close()
        committed = daemon.settle(written)
        daemon.stop()
    result = {
        "written": written,
        "scored": committed,
        "lost": max(0, written - committed),
        "doubled": max(0, committed - written),
        "rotations": rotations,
    }
    say(f"{result}")
    finish(result)


if __name__ == "__main__":
    main()
