#!/usr/bin/env python3
"""What the daemon costs where little happens, and how soon an alert is there.

Resident memory after start, time from start to ready and CPU over a minute without a line, all with
200 files watched; then how long it takes from a written line to its alert in the JSONL file while
1,000 known lines a second come. Every alert is of a text that the model has not seen. With
``--minutes`` a mixed load follows, and ``rss_mb_later`` says what memory has come to.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from common import Daemon, finish, parser, say
from memory import words
from writer import chunk

FILES = 200
RATE = 1000
TICK_SECONDS = 0.01
ALERTS_PER_SECOND = 5
STARTS = 3
TARGETS = {
    "rss_mb": 350.0,
    "idle_cpu_percent": 0.5,
    "ready_s": 3.0,
    "p50_alert_latency_ms": None,
    "p99_alert_latency_ms": 200.0,
}


def settings() -> dict[str, Any]:
    """Return the default configuration, but that each new text alerts alone and at once."""
    return {
        "decision": {
            "threshold": 0.0,
            "storm_texts": 1000,
            "alert_budget": 10_000_000,
            "burst": 1_000_000,
        },
        "http": {"enabled": True, "port": 0},
    }


def start(folder: Path, model: str | None, files: int) -> tuple[Daemon, float]:
    """Start a daemon on ``files`` files; return it and the seconds until it said that it runs."""
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        (logs / f"{number:04}.log").write_text(f"INFO service {number} started\n")
    began = time.perf_counter()
    daemon = Daemon(folder, model, again=True, settings=settings())
    return daemon, time.perf_counter() - began


def idle(daemon: Daemon, seconds: float) -> float:
    """Return what the daemon takes of one core while nothing is written, in percent."""
    before, began = daemon.cpu_seconds(), time.monotonic()
    time.sleep(seconds)
    return (daemon.cpu_seconds() - before) / (time.monotonic() - began) * 100


class Alerts:
    """The alerts of a JSONL file as they come."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: Any = None
        self._rest = b""

    def take(self) -> list[dict[str, Any]]:
        """Return the alerts that were written since the last call."""
        if self._stream is None:
            if not self._path.exists():
                return []
            self._stream = self._path.open("rb", buffering=0)
        *lines, self._rest = (self._rest + (self._stream.read() or b"")).split(b"\n")
        return [json.loads(line) for line in lines]


def latencies(
    daemon: Daemon, seconds: float, first: int = 0, each_second: float = ALERTS_PER_SECOND
) -> list[float]:
    """Return the milliseconds from the writing of each new text to its alert, in order of time."""
    alerts = Alerts(daemon.state / "alerts.jsonl")
    made = iter(words(first + int(seconds * each_second) + 1)[first:])
    sent: dict[str, float] = {}
    found: list[float] = []
    written = 0
    with (
        (daemon.logs / "0000.log").open("ab", buffering=0) as background,
        (daemon.logs / "0001.log").open("ab", buffering=0) as other,
    ):
        began = time.monotonic()
        end = began + seconds
        due = 0
        while (now := time.monotonic()) < end or (sent and now < end + 5):
            count = int((min(now, end) - began) * RATE) - written
            if count:
                background.write(chunk(written, count))
                written += count
            if now < end and now - began >= due / each_second:
                word = next(made)
                due += 1
                stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
                other.write(f"{stamp} ERROR {word}: cannot reach the {word} backend\n".encode())
                sent[word] = time.monotonic()
            for alert in alerts.take():
                hit = next((word for word in sent if word in alert["log_text"]), None)
                if hit is not None:
                    found.append((time.monotonic() - sent.pop(hit)) * 1000)
            time.sleep(TICK_SECONDS / 4)
    if sent:
        sys.exit(f"{len(sent)} of {due} alerts did not come")
    return found


def mixed_load(daemon: Daemon, minutes: float, texts: float) -> float:
    """Write known lines, and ``texts`` new ones a second; return resident memory in MB at last."""
    end = time.monotonic() + minutes * 60
    first = 10_000
    while time.monotonic() < end:
        latencies(daemon, min(30.0, max(1.0, end - time.monotonic())), first, texts)
        first += 200
        say(f"  {daemon.resident_mb():.0f} MB")
    return daemon.resident_mb()


def main() -> None:
    """Start, idle, alert."""
    options = parser(__doc__)
    options.add_argument("--minutes", type=float, default=0.0, help="of mixed load at the end")
    options.add_argument("--texts", type=float, default=0.2, help="new ones a second in it")
    args = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        ready = []
        for number in range(1 if args.quick else STARTS):
            daemon, seconds = start(Path(name) / str(number), args.model, FILES)
            ready.append(seconds)
            if number < (1 if args.quick else STARTS) - 1:
                daemon.stop()
        time.sleep(2 if args.quick else 5)  # what the start has left to do
        result: dict[str, float] = {
            "rss_mb": round(daemon.resident_mb(), 1),
            "idle_cpu_percent": round(idle(daemon, 5 if args.quick else 60), 2),
            "ready_s": round(statistics.median(ready), 2),
        }
        latencies(daemon, 3)  # the texts of the background become known
        found = sorted(latencies(daemon, 6 if args.quick else 60, 1000))
        for percent in (50, 99):
            value = found[min(len(found) - 1, len(found) * percent // 100)]
            result[f"p{percent}_alert_latency_ms"] = round(value, 1)
        result["alerts"] = len(found)
        result["rss_mb_loaded"] = round(daemon.resident_mb(), 1)
        if args.minutes:
            result["rss_mb_later"] = round(mixed_load(daemon, args.minutes, args.texts), 1)
        result["threads"] = daemon.threads()
        daemon.stop()
    for key, value in result.items():
        target = TARGETS.get(key)
        say(f"{key:>24} {value:>9}" + (f"   (target: {target:g})" if target else ""))
    finish(result)


if __name__ == "__main__":
    main()
