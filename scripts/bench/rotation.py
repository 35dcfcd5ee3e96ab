#!/usr/bin/env python3
"""Several writers rotate their logs by size while they write: every line committed exactly once?

The test that fluent-bit's makers run on their own tailer: five writers, 100,000 lines each, a new
file every 256 KiB. Each writer is a process with a log of its own and renames it as logrotate does
(.1 becomes .2, the log becomes .1); nothing is deleted. In the middle the daemon is killed and
started again while they go on. ``scored`` is what the state says was committed.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from common import Daemon, finish, parser, say

CHUNK_LINES = 100
LINE = b"2026-06-12T10:00:%02d.%03dZ INFO  [writer-%d] order %d stored for customer %d in %d ms\n"


def main() -> None:
    """Write, rotate, kill, go on, compare."""
    options = parser(__doc__)
    options.add_argument("--writers", type=int, default=5)
    options.add_argument("--lines", type=int, default=100_000, help="by each writer")
    options.add_argument("--kib", type=int, default=256, help="size at which a log is rotated")
    options.add_argument("--rate", type=int, default=10_000, help="lines a second and writer")
    args = options.parse_args()
    lines = min(args.lines, 10_000) if args.quick else args.lines
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "d"
        daemon = Daemon(folder, args.model)
        logs = [daemon.logs / f"{number}.log" for number in range(args.writers)]
        for log in logs:
            log.touch()
        for log in logs:
            daemon.wait_for(f'"path": "{log}"')
        writers = [
            multiprocessing.Process(target=write, args=(log, number, lines, args.kib, args.rate))
            for number, log in enumerate(logs)
        ]
        for writer in writers:
            writer.start()
        written = lines * args.writers
        daemon.wait_for_lines(written // 2)
        daemon.kill()
        say(f"killed after {daemon.committed()} of {written} lines, started again")
        daemon = Daemon(folder, args.model, again=True)
        for writer in writers:
            writer.join()
        if any(writer.exitcode for writer in writers):
            sys.exit("a writer failed")
        daemon.settle(written)
        daemon.stop()
        scored = [daemon.committed_of(log) for log in logs]
        rotations = sum(file.suffix != ".log" for file in daemon.logs.iterdir())
    result = {
        "written": written,
        "scored": sum(scored),
        "lost": sum(max(0, lines - one) for one in scored),
        "doubled": sum(max(0, one - lines) for one in scored),
        "rotations": rotations,
    }
    say(f"{result}")
    finish(result)


def write(log: Path, number: int, lines: int, kib: int, rate: int) -> None:
    """Write ``lines`` numbered lines at ``rate`` a second, and rotate at ``kib`` KiB."""
    stream = log.open("ab", buffering=0)
    size, rotations, begun = 0, 0, time.monotonic()
    for start in range(0, lines, CHUNK_LINES):
        if size >= kib * 1024:
            stream.close()
            rotations += 1
            for old in range(rotations - 1, -1, -1):
                source = log.with_name(f"{log.name}.{old}") if old else log
                source.rename(log.with_name(f"{log.name}.{old + 1}"))
            stream, size = log.open("ab", buffering=0), 0
        content = b"".join(
            LINE % (n // 1000 % 60, n % 1000, number, n, n * 7 % 9973, n % 97)
            for n in range(start, min(start + CHUNK_LINES, lines))
        )
        size += stream.write(content)
        time.sleep(max(0.0, begun + start / rate - time.monotonic()))
    stream.close()


if __name__ == "__main__":
    main()
