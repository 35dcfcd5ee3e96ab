#!/usr/bin/env python3
"""Millions of distinct shapes of a bounded number of texts, with every sink down: does memory hold?

A hostile or merely unlucky log: in each line stand numbers of other lengths, so that every line is
a shape of its own, while the words come from a list, so that there are at most ``--texts`` texts.
Every line is an anomaly (threshold 0), and the JSONL sink cannot be written until the end, when
what the spool still holds (``owed``) must be delivered. ``cap_mb`` is what the daemon may take.
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from common import Daemon, all_alert, balance_of, count, finish, parser, say

CAP_MB = 1200
"""Base model and its libraries 300, 200,000 shapes 100, 50,000 texts 300, 10,000 incidents 100,
blocks in work and what the allocator keeps the rest."""

CHUNK = 10_000
DIGITS = 12
SPOOL = 100
AHEAD_LINES = 200_000
"""Lines that the writer may be ahead of the commits, so that not all lies on the disk at once."""

_SYLLABLES = ("ba", "ke", "di", "lo", "mu", "ra", "se", "ti", "vo", "zu")


def words(count: int) -> list[str]:
    """Return ``count`` different words."""
    made = ("".join(each) for each in itertools.product(_SYLLABLES, repeat=5))
    return list(itertools.islice(made, count))


def lines(shapes: int, texts: int) -> Iterator[bytes]:
    """Yield lines of ``shapes`` different shapes and at most ``texts`` texts.

    Four lengths of numbers make 20,736 shapes of each text; one text comes after the other.
    """
    lengths = list(itertools.product(range(1, DIGITS + 1), repeat=4))
    chosen = words(texts)
    if len(lengths) * texts < shapes:
        raise ValueError(f"{texts} texts have only {len(lengths) * texts} shapes")
    for number in range(shapes):
        digits = lengths[number % len(lengths)]
        a, b, c, d = ("7" * length for length in digits)
        word = chosen[number * texts // shapes]
        yield f"INFO {word}: job {a} took {b} ms of {c} in queue {d} done\n".encode()


def settings(out: Path) -> dict[str, Any]:
    """Return a configuration under which every text alerts."""
    return {
        "decision": all_alert(quiet_seconds=1.0, storm_seconds=0.001),
        "sinks": {
            "spool_limit": SPOOL,
            "jsonl": {"path": str(out / "alerts.jsonl")},
            "log": {"enabled": False},
        },
    }


def main() -> None:
    """Write, watch, give the sink back."""
    options = parser(__doc__)
    options.add_argument("--shapes", type=int, default=1_000_000, metavar="N")
    options.add_argument("--texts", type=int, default=50_000, help="distinct texts, at most")
    args = options.parse_args()
    shapes = min(args.shapes, 20_000) if args.quick else args.shapes
    texts = min(args.texts, 500) if args.quick else args.texts
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "out"
        daemon = Daemon(Path(name) / "d", args.model, settings=settings(out))
        first = daemon.resident_mb()
        started = time.monotonic()
        written = said = 0
        made = lines(shapes, texts)
        with (daemon.logs / "app.log").open("ab", buffering=0) as stream:
            while chunk := list(itertools.islice(made, CHUNK)):
                stream.write(b"".join(chunk))
                written += len(chunk)
                while written - daemon.committed() > AHEAD_LINES:
                    time.sleep(0.2)
                if written >= said + shapes // 10:
                    said = written
                    say(
                        f"{written:,} written, {daemon.committed():,} committed, "
                        f"{daemon.resident_mb():.0f} MB"
                    )
        committed = daemon.settle(written, 1800)
        seconds = time.monotonic() - started
        last, peak = daemon.resident_mb(), daemon.peak_mb()
        owed = count(daemon.state, "SELECT COUNT(*) FROM deliveries")
        out.mkdir()  # the sink is back: what the spool holds is delivered
        daemon.stop()
        delivered = [json.loads(line) for line in (out / "alerts.jsonl").read_text().splitlines()]
    result = {
        "shapes": written,
        "texts": texts,
        **balance_of(written, committed),
        "rss_mb_first": round(first, 1),
        "rss_mb_last": round(last, 1),
        "peak_mb": round(peak, 1),
        "cap_mb": CAP_MB,
        "within": peak <= CAP_MB,
        "owed": owed,
        "delivered": len(delivered),
        "seconds": round(seconds),
    }
    say(f"{result}")
    finish(result)


if __name__ == "__main__":
    main()
