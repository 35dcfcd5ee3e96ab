#!/usr/bin/env python3
"""Make a log corpus by running real software, healthy and broken, and keeping what it logs.

    python scripts/collect_logs.py --output DIR [--only NAME ...] [--list] [--install]

Needs root on Debian: each service runs for at most a minute in its own namespaces (see
`corpus/machine.py`), where it can't reach the network or change the machine. DIR gets one
`NAME.log` per service, a `NAME.phases` and a MANIFEST.json. The phases file tells for every
line of the log what the software was doing: `healthy`, `fault:WHAT`, or `-` where that isn't
known. What isn't installed is skipped and said so.
"""

import argparse
import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from corpus import SERVICES
from corpus.lab import Lab, LabTimeout, Service
from corpus.machine import UNSHARE, isolate
from corpus.phases import HEALTHY
from corpus.shapes import TROUBLE, family, shape

HOSTS = ("web01", "db-2", "mx1.example.org", "gateway", "node-17", "srv03", "lab", "build-4")
COUNTED = ("lines", "shapes", "families", "trouble", "healthy", "fault", "bytes")
POLICY = Path("/usr/sbin/policy-rc.d")


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """The installed versions of Debian packages; one that isn't installed is left out."""
    if not packages:
        return {}
    argv = ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\\n", *packages]
    out = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False).stdout
    rows = [line.split() for line in out.splitlines()]
    return {row[1]: row[2] for row in rows if len(row) == 3 and row[0] == "installed"}


def install(services: list[Service]) -> None:
    """Install what the services need, keeping Debian's maintainer scripts from starting them."""
    packages = sorted({package for service in services for package in service.packages})
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(["apt-get", "update"], check=True, env=env, stdout=sys.stderr)
        argv = ["apt-get", "install", "-y", "--no-install-recommends", "--no-upgrade"]
        if subprocess.run([*argv, *packages], check=False, env=env, stdout=sys.stderr).returncode:
            for package in packages:  # one that can't be had shall not keep the others away
                subprocess.run([*argv, package], check=False, env=env, stdout=sys.stderr)
    finally:
        if ours:
            POLICY.unlink()


def inside(service: Service, seed: int) -> int:
    """In the namespaces: run the service, write a JSON line and then the log to stdout."""
    isolate(random.Random(f"{seed} {service.name}").choice(HOSTS))
    lab = Lab(service.name, seed)
    state = "ok"

    def over(_signal: int, _frame: object) -> None:
        raise LabTimeout

    signal.signal(signal.SIGALRM, over)
    signal.alarm(service.seconds)
    try:
        service.make(lab)
        lab.pause()
    except LabTimeout:
        state = "time over"
    except Exception as error:  # whatever broke, the lines that are there count
        state = f"{type(error).__name__}: {error}"
    signal.alarm(0)
    lab.stop_all()
    rows = lab.lines()
    head = {"state": state, "phases": [phase for _, phase in rows]}
    out = sys.stdout.buffer
    out.write(b"\n".join([json.dumps(head).encode(), *(line for line, _ in rows), b""]))
    out.flush()
    return 0


def outside(service: Service, output: Path, seed: int) -> dict[str, Any]:
    """Run one service in fresh namespaces and store its log; its row of the manifest."""
    argv = [*UNSHARE, sys.executable, __file__, "--inside", service.name, "--seed", str(seed)]
    started = time.monotonic()
    process = subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        out, errors = process.communicate(timeout=service.seconds + 30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, errors = process.communicate()
    head, _, log = out.partition(b"\n")
    lines = log.split(b"\n")[:-1]
    died = {"state": f"died: {errors[-300:].decode('utf-8', 'replace')}", "phases": []}
    told: dict[str, Any] = json.loads(head) if head else died
    phases = Counter[str](told["phases"])
    faults = {name: count for name, count in phases.items() if name.startswith("fault:")}
    if lines:
        (output / f"{service.name}.log").write_bytes(log)
        (output / f"{service.name}.phases").write_text("\n".join([*told["phases"], ""]))
    return {
        "versions": versions(service.packages),
        "lines": len(lines),
        "shapes": len({shape(line) for line in lines}),
        "families": len({family(line) for line in lines}),
        "trouble": sum(1 for line in lines if TROUBLE.search(line)),
        "healthy": phases[HEALTHY],
        "fault": sum(faults.values()),
        "faults": faults,
        "bytes": len(log),
        "seconds": round(time.monotonic() - started, 1),
        "state": told["state"],
    }


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Run real software and collect its logs.")
    parser.add_argument("--output", type=Path, help="folder for the logs and MANIFEST.json")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="just these services")
    parser.add_argument("--list", action="store_true", help="list the services and stop")
    parser.add_argument("--install", action="store_true", help="install the packages first")
    parser.add_argument("--seed", type=int, default=1, help="of users, paths and payloads")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    args = parser.parse_args()
    unknown = set(args.only or ()) - {service.name for service in SERVICES}
    if unknown:
        parser.error(f"no such service: {', '.join(sorted(unknown))} (see --list)")
    if not (args.output or args.list or args.inside or args.install):
        parser.error("--output is needed")
    return args


def store(output: Path, rows: dict[str, dict[str, Any]]) -> None:
    """Merge the rows into DIR/MANIFEST.json; runs beside each other take turns."""
    with (output / "MANIFEST.json").open("a+") as manifest:
        fcntl.flock(manifest, fcntl.LOCK_EX)
        manifest.seek(0)
        old = json.loads(manifest.read() or "{}")
        manifest.truncate(0)
        manifest.write(json.dumps({**old, **rows}, indent=1, sort_keys=True) + "\n")


def collect(services: list[Service], output: Path, seed: int) -> int:
    """Run the services one after the other."""
    output.mkdir(parents=True, exist_ok=True)
    totals: Counter[str] = Counter()
    for service in services:
        missing = set(service.packages) - set(versions(service.packages))
        if missing:
            print(f"{service.name}: skipped, not installed: {', '.join(sorted(missing))}")
            continue
        row = outside(service, output, seed)
        store(output, {service.name: row})
        totals.update({key: row[key] for key in COUNTED})
        counts = ", ".join(f"{row[key]} {key}" for key in COUNTED)
        print(f"{service.name}: {counts}, {row['seconds']} s, {row['state']}", flush=True)
    print(", ".join(f"{value} {key}" for key, value in totals.items()))
    return 0


def main() -> int:
    """Entry point."""
    args = arguments()
    table = {service.name: service for service in SERVICES}
    if args.inside:
        return inside(table[args.inside], args.seed)
    services = [service for service in SERVICES if not args.only or service.name in args.only]
    if args.list:
        for service in services:
            print(f"{service.name:16} {' '.join(service.packages)}")
        return 0
    if os.geteuid() != 0 or not shutil.which("unshare"):
        print("collect_logs: needs root and unshare(1)", file=sys.stderr)
        return 1
    if args.install:
        install(services)
    return collect(services, args.output, args.seed) if args.output else 0


if __name__ == "__main__":
    sys.exit(main())
