#!/usr/bin/env python3
"""The same things done to a log under three tailers: how many lines went in, how many were counted.

Beside our daemon runs what is installed of mtail and rsyslog (imfile), each with its default
settings (imfile with ``reopenOnTruncate``, which it needs for any copytruncate). A tailer is given
some seconds to count what went in, and one more in which lines that it counts twice would show.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from common import finish, parser, say
from peers import PEERS, Peer, which

START_SECONDS = 60.0
MOST_SECONDS = 15.0
QUIET_SECONDS = 1.0


class Scene:
    """One log under one tailer: lines go in, and the tailer is waited for."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.log = peer.logs / "app.log"
        self.log.parent.mkdir(parents=True)
        self.log.touch()
        self.written = 0
        self.start()

    def start(self) -> None:
        """Start the tailer; return when it follows the log."""
        self.peer.start()
        end = time.monotonic() + START_SECONDS
        while not self.peer.ready():
            if time.monotonic() > end:
                sys.exit(f"{type(self.peer).__name__} did not start")
            time.sleep(0.05)

    def lines(self, count: int) -> bytes:
        """Return numbered lines, and take them as written."""
        first, self.written = self.written, self.written + count
        return b"".join(b"worker 7: line %d is done\n" % n for n in range(first, first + count))

    def write(self, count: int) -> None:
        """Append lines, by opening the log anew."""
        with self.log.open("ab") as file:
            file.write(self.lines(count))

    def begin(self) -> None:
        """Write a hundred lines and wait until they are counted."""
        self.write(100)
        self.settle()

    def settle(self) -> int:
        """Return what is counted once it is all, or after some seconds."""
        end = time.monotonic() + MOST_SECONDS
        while self.peer.counted() < self.written and time.monotonic() < end:
            time.sleep(0.05)
        return self.peer.counted()

    def rotated(self) -> Path:
        """Return the name that the log is rotated to."""
        return self.log.with_name("app.log.1")


def rename_and_create(scene: Scene) -> None:
    """Rotate as logrotate does by default, with lines on both sides that nobody has read."""
    scene.begin()
    scene.write(50)
    scene.log.rename(scene.rotated())
    scene.write(50)


def three_rotations(scene: Scene) -> None:
    """Three rotations one upon the other, before anybody can look."""
    scene.begin()
    for number in (3, 2, 1):
        scene.write(50)
        scene.log.rename(scene.log.with_name(f"app.log.{number}"))
    scene.write(50)


def copytruncate(scene: Scene) -> None:
    """Copy, truncate, and go on a moment later."""
    scene.begin()
    shutil.copyfile(scene.log, scene.rotated())
    os.truncate(scene.log, 0)
    time.sleep(QUIET_SECONDS)
    scene.write(50)


def copytruncate_and_grown(scene: Scene) -> None:
    """Copy, truncate, and at once write more than there was before."""
    scene.begin()
    shutil.copyfile(scene.log, scene.rotated())
    os.truncate(scene.log, 0)
    scene.write(200)


def delete_and_recreate(scene: Scene) -> None:
    """Delete the log and make it anew, with lines on both sides that nobody has read."""
    scene.begin()
    scene.write(50)
    scene.log.unlink()
    scene.write(50)


def restart(scene: Scene) -> None:
    """Write while the tailer is stopped."""
    scene.begin()
    scene.peer.stop()
    scene.write(50)
    scene.start()
    scene.write(50)


def rename_while_stopped(scene: Scene) -> None:
    """Write and rotate while the tailer is stopped."""
    scene.begin()
    scene.peer.stop()
    scene.write(50)
    scene.log.rename(scene.rotated())
    scene.write(50)
    scene.start()


def long_line(scene: Scene) -> None:
    """One line of ten megabytes among others."""
    scene.begin()
    with scene.log.open("ab") as file:
        file.write(b"x" * 10_000_000 + b"\n")
    scene.written += 1
    scene.write(50)


def partial_over_a_restart(scene: Scene) -> None:
    """A line that is begun before a restart and ended while the tailer is stopped."""
    scene.begin()
    line = scene.lines(1)
    with scene.log.open("ab") as file:
        file.write(line[:10])
    time.sleep(QUIET_SECONDS)
    scene.peer.stop()
    with scene.log.open("ab") as file:
        file.write(line[10:])
    scene.start()
    scene.write(50)


def hole(scene: Scene) -> None:
    """Copytruncate under a writer that keeps its offset: NUL bytes up to it."""
    descriptor = os.open(scene.log, os.O_WRONLY)
    os.write(descriptor, scene.lines(100))
    scene.settle()
    shutil.copyfile(scene.log, scene.rotated())
    os.truncate(scene.log, 0)
    time.sleep(QUIET_SECONDS)
    os.write(descriptor, scene.lines(50))
    os.close(descriptor)


SCENARIOS: dict[str, Callable[[Scene], None]] = {
    "rename and create": rename_and_create,
    "three rotations at once": three_rotations,
    "copytruncate": copytruncate,
    "copytruncate, grown past the old offset": copytruncate_and_grown,
    "delete and recreate": delete_and_recreate,
    "restart, lines written meanwhile": restart,
    "renamed while stopped": rename_while_stopped,
    "a line of 10 MB": long_line,
    "partial line completed while stopped": partial_over_a_restart,
    "NUL hole": hole,
}
QUICK = ("copytruncate, grown past the old offset", "renamed while stopped")


def play(scenario: str, name: str, model: str | None) -> tuple[int, int]:
    """Play a scenario under a tailer; return the lines written and the lines counted."""
    with tempfile.TemporaryDirectory() as folder:
        peer = PEERS[name][0](Path(folder) / "d", model)
        try:
            scene = Scene(peer)
            SCENARIOS[scenario](scene)
            scene.settle()
            time.sleep(QUIET_SECONDS)
            return scene.written, peer.counted()
        finally:
            peer.stop()


def main() -> None:
    """Play all scenarios under all tailers that are there."""
    options = parser(__doc__)
    options.add_argument("--peer", action="append", choices=PEERS, help="only this one")
    args = options.parse_args()
    names = []
    for name in args.peer or PEERS:
        program = PEERS[name][1]
        if program and which(program) is None:
            say(f"{name}: left out, {program} is not installed")
        else:
            names.append(name)
    say(f"{'':42}{'in':>12}" + "".join(f"{name:>12}" for name in names))
    result: dict[str, dict[str, int]] = {}
    for scenario in QUICK if args.quick else SCENARIOS:
        row = result[scenario] = {}
        for name in names:
            row["in"], row[name] = play(scenario, name, args.model)
        say(f"{scenario:42}" + "".join(f"{count:12}" for count in row.values()))
    finish(result)


if __name__ == "__main__":
    main()
