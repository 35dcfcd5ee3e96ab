#!/usr/bin/env python3
"""Show the daemon at work: a real service logs, breaks in several ways, and the alerts appear.

In the end it checks itself: every planted failure has raised an alert, and the daemon's count of
lines equals what the service wrote. Exit status 0 if both hold.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from tinylogbert_daemon.decide.alert import describe

HERE = Path(__file__).resolve().parent
BREAK_AFTER = 30.0
LEAST_SECONDS = 45.0

# what each planted failure makes the service write
FAILURES = {
    "corrupt database": "file is not a database|malformed",
    "upstream gone": "Connection refused",
    "full device": "No space left",
    "folder gone": "No such file or directory",
    "memory at its limit": "out of memory",
    "defect in the code": "unhandled exception|Traceback|TypeError|not subscriptable",
}


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def read_lines(port: int) -> int:
    """Return the daemon's ``tinylogbert_read_lines_total`` over all paths."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    values = re.findall(r"^tinylogbert_read_lines_total\{.*\} (\S+)$", text, re.MULTILINE)
    return int(sum(map(float, values)))


def main() -> int:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--for",
        dest="seconds",
        type=float,
        default=90.0,
        metavar="SECONDS",
        help=f"how long in all (default 90, at least {LEAST_SECONDS:.0f})",
    )
    parser.add_argument("--model", metavar="M", help="artifact to use (default: the base model)")
    args = parser.parse_args()
    seconds = max(LEAST_SECONDS, args.seconds)
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="tinylogbert-demo-") as name:
        folder = Path(name)
        logs = folder / "logs"
        logs.mkdir()
        # the daemon starts first, so its file is there from the beginning
        print(
            f"a small service logs to {logs}/service.log and breaks after {BREAK_AFTER:.0f} s; "
            f"metrics on http://127.0.0.1:{port}/metrics",
            flush=True,
        )
        config = folder / "config.yaml"
        config.write_text(
            json.dumps(
                {
                    "sources": [{"name": "demo", "paths": [f"{logs}/*.log"]}],
                    "state_dir": str(folder / "state"),
                    "http": {"port": port},
                    # six failures at once would be one storm; here each shows by itself
                    "decision": {"burst": 50, "alert_budget": 1000, "storm_texts": 50},
                }
            )
        )
        command = [sys.executable, "-m", "tinylogbert_daemon", "run", "-c", str(config)]
        command += ["--model", args.model] if args.model else []
        daemon = subprocess.Popen(command, cwd=HERE.parent)
        try:
            wait_ready(daemon, port)
            service = subprocess.Popen(
                [sys.executable, str(HERE / "demo_service.py"), str(logs), str(BREAK_AFTER)],
                stdout=subprocess.PIPE,
                text=True,
                cwd=folder,
            )
            try:
                service.wait(seconds)
            except subprocess.TimeoutExpired:
                service.send_signal(signal.SIGTERM)
            written = int(service.communicate(timeout=10)[0])
            read = settle(port, written)
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(20)
        return report(folder / "state" / "alerts.jsonl", written, read)


def wait_ready(daemon: subprocess.Popen[bytes], port: int) -> None:
    """Wait until the daemon says that it is ready; exit if it does not get there."""
    end = time.monotonic() + 60
    while time.monotonic() < end and daemon.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2)
            return
        except OSError:
            time.sleep(0.1)
    sys.exit("the daemon did not become ready")


def settle(port: int, written: int) -> int:
    """Return the daemon's count of lines once it has caught up, or after ten seconds."""
    end = time.monotonic() + 10
    while (read := read_lines(port)) < written and time.monotonic() < end:
        time.sleep(0.1)
    return read


def report(alerts: Path, written: int, read: int) -> int:
    """Say which failures were alerted on; return the exit status."""
    found = (
        [json.loads(line) for line in alerts.read_text().splitlines()] if alerts.exists() else []
    )
    well = read == written
    print(f"\nlines written {written}, lines read {read}; {len(found)} alerts")
    for failure, pattern in FAILURES.items():
        scores = [alert["score"] for alert in found if re.search(pattern, alert["log_text"])]
        well = well and bool(scores)
        print(f"  {failure:20} {f'alert, score {max(scores):.2f}' if scores else 'NO ALERT'}")
    other = [a for a in found if not any(re.search(p, a["log_text"]) for p in FAILURES.values())]
    print(f"  other alerts         {len(other)}")
    for alert in found:
        print(f"\n{describe(alert)}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
