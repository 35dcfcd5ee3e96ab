"""The three logs on which throughput is measured."""

from __future__ import annotations

import io
import random
import tarfile
import uuid
from dataclasses import dataclass

from common import data

_JOBS = ("worker", "queue", "cache", "index")


@dataclass(frozen=True)
class Log:
    """A log to measure on, and one that teaches a program all texts of it beforehand."""

    content: bytes
    warm_up: bytes

    @property
    def lines(self) -> int:
        """How many lines there are."""
        return self.content.count(b"\n")


def log(name: str, *, quick: bool) -> Log:
    """Return the log of a set; a part of it if that has to be quick."""
    if name == "hdfs":
        once = data("benchmark/hdfs-2pct.log.xz")
        return Log(once * (2 if quick else 10), once)
    if name == "systems":
        once = _systems(lines=100 if quick else 2000)
        return Log(once * (100 if quick else 60), once)
    return Log(_unique_ids(50_000 if quick else 1_000_000, seed=1), _unique_ids(5000, seed=2))


def _systems(lines: int) -> bytes:
    """Return the first lines of each of the 13 systems' logs, one system after the other."""
    found = []
    with tarfile.open(fileobj=io.BytesIO(data("logs/loghub-2k.tar.xz"))) as archive:
        for member in sorted(archive.getmembers(), key=lambda member: member.name):
            stream = archive.extractfile(member) if member.name.endswith(".log") else None
            if stream is not None:
                found += stream.read().splitlines()[:lines]
    return b"".join(line + b"\n" for line in found)


def _unique_ids(lines: int, seed: int) -> bytes:
    """Return lines of a service, with a hexadecimal id of 16 digits and a UUID in each."""
    chance = random.Random(seed)
    made = []
    for i in range(lines):
        moment = (
            f"{i // 3600 % 24:02d}:{i // 60 % 60:02d}:{i % 60:02d},{chance.randrange(1000):03d}"
        )
        session = uuid.UUID(int=chance.getrandbits(128), version=4)
        made.append(
            f"2026-06-12 {moment} INFO [{_JOBS[i % 4]}] request {chance.getrandbits(64):016x} "
            f"of session {session} done in {chance.randrange(1, 2000)} ms\n"
        )
    return "".join(made).encode()
