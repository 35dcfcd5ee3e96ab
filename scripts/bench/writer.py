#!/usr/bin/env python3
"""A program that logs: uniquely numbered lines at a steady rate, rotated by rename, until SIGTERM.

Eight programs write in turn, so that texts fall quiet and come back. Now and then a line is written
in two parts. A rotated file gets the date-like name that logrotate's ``dateext`` gives. The last
line of stdout is the number of lines written.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

TICK_SECONDS = 0.02
TURN_SECONDS = 4.0
_PROGRAMS = ("shop", "billing", "archive", "gateway", "search", "basket", "invoice", "stock")
_EVENTS = (
    "INFO [orders] {p}: stored order {n} for customer {m}",
    "INFO [cache] {p}: refreshed {m} entries in {k} ms",
    "INFO [http] {p}: GET /item/{m} 200 in {k} ms",
    "DEBUG [pool] {p}: connection {m} given back after {k} ms",
    "INFO [mailer] {p}: sent message {n} to queue {k}",
    "WARN [pool] {p}: {k} connections waiting",
    "INFO [index] {p}: merged segment {m} with {k} documents",
    "ERROR [orders] {p}: cannot store order {n}: disk quota exceeded",
    "INFO [session] {p}: session {n} of user {m} ended",
    "INFO [backup] {p}: wrote {k} pages of volume {m}",
)


class Writer:
    """The program in a process of its own."""

    def __init__(self, path: Path, *, rate: int, every: int, turn: float = TURN_SECONDS) -> None:
        options = {"--rate": rate, "--every": every, "--turn": turn}
        given = [str(part) for option in options.items() for part in option]
        command = [sys.executable, __file__, str(path), *given]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def stop(self) -> int:
        """End it after a whole line; return how many lines it has written."""
        self._process.send_signal(signal.SIGTERM)
        output, _ = self._process.communicate(timeout=30)
        return int(output.split()[-1])


def chunk(first: int, count: int, turn: float = TURN_SECONDS) -> bytes:
    """Return ``count`` lines, numbered from ``first`` on; each number is in one line alone.

    A program writes for ``turn`` seconds, then the next.
    """
    now = time.time()
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now))
    program = _PROGRAMS[int(now / turn) % len(_PROGRAMS)]
    lines = [
        f"{stamp} {_EVENTS[n % len(_EVENTS)].format(p=program, n=n, m=n % 997, k=n % 89)} seq={n}\n"
        for n in range(first, first + count)
    ]
    return "".join(lines).encode()


def main() -> None:
    """Write until told to end."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("path", type=Path)
    options.add_argument("--rate", type=int, default=3000, help="lines a second")
    options.add_argument("--every", type=int, default=5000, help="lines from rotation to rotation")
    options.add_argument("--turn", type=float, default=TURN_SECONDS, help="seconds a program")
    args = options.parse_args()
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    choose = random.Random(1)
    written = in_file = rotations = 0
    started = time.monotonic()
    stream = args.path.open("ab", buffering=0)
    while not told:
        due = int((time.monotonic() - started) * args.rate) - written
        if due > 0:
            content = chunk(written, due, args.turn)
            cut = choose.randrange(len(content)) if choose.random() < 0.2 else 0
            stream.write(content[:cut])
            if cut:
                time.sleep(TICK_SECONDS / 4)  # a reader finds the line in two parts
            stream.write(content[cut:])
            written, in_file = written + due, in_file + due
        if in_file >= args.every:
            stream.close()
            rotations += 1
            stamp = time.strftime("%Y%m%d-%H%M%S")
            args.path.rename(f"{args.path}-{stamp}-{rotations:06}")
            stream = args.path.open("ab", buffering=0)
            in_file = 0
        time.sleep(TICK_SECONDS)
    stream.close()
    print(written)


if __name__ == "__main__":
    main()
