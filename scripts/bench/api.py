#!/usr/bin/env python3
"""Requests a second and p99 of `detect`, cache warm and cold, beside a plain FastAPI echo.

Both are asked in turn, several times, by the same client over the same number of connections: wrk
where it is installed, else a client of our own. The cold cache is met with a new text each time.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from common import ROOT, finish, parser, say

PATH = "/api/anomaly/detect"
CONNECTIONS = 8
WARM = "kernel: EXT4-fs error (device sda1): unable to read inode 131"

_ECHO = """
import asyncio, socket, sys
from fastapi import FastAPI
from pydantic import BaseModel
import uvicorn

class Echo(BaseModel):
    log_text: str

app = FastAPI()

@app.post("/api/anomaly/detect")
async def echo(request: Echo) -> Echo:
    return request

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="critical", http="h11",
            access_log=False)
"""

# digits are no difference between texts: words are
_SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local cold = %s
local thread = 0
function setup(t) thread = thread + 1; t:set("seed", thread * 7919 + %d) end
function init() math.randomseed(seed) end
local function word()
  local letters = {}
  for i = 1, 7 do letters[i] = string.char(97 + math.random(0, 25)) end
  return table.concat(letters)
end
function request()
  local text = %s
  if cold then text = word() .. ": cannot " .. word() .. " the " .. word() .. " of " .. word() end
  return wrk.format(nil, "%s", nil, '{"log_text": "' .. text .. '"}')
end
function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.status + errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format("RESULT %%d %%d %%d %%d\\n", summary.requests, summary.duration,
    latency:percentile(99), failed))
end
"""


def main() -> None:
    """Measure and print."""
    args = parser(__doc__).parse_args()
    seconds, rounds = (2.0, 2) if args.quick else (10.0, 5)
    use_wrk = shutil.which("wrk") is not None
    ask = _wrk if use_wrk else _own
    say(f"client: {'wrk' if use_wrk else 'own'}, {CONNECTIONS} connections, {rounds} rounds")
    found: dict[str, list[tuple[float, float]]] = {"echo": [], "warm": [], "cold": []}
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.yaml")
        config.write_text(json.dumps({"state_dir": folder, "http": {"socket": "off"}}))
        detect, echo = _free_port(), _free_port()
        serve = ["-m", "tinylogbert_daemon", "serve", "-c", str(config), "--port", str(detect)]
        serve += ["--model", args.model] if args.model else []
        with _Server(serve, detect), _Server(["-c", _ECHO, str(echo)], echo):
            for port in (detect, echo):
                _warm_up(port)
            for number in range(rounds):
                found["echo"].append(ask(echo, seconds, cold=False))
                found["warm"].append(ask(detect, seconds, cold=False))
                found["cold"].append(ask(detect, seconds, cold=True))
                say(
                    f"round {number + 1}: "
                    + ", ".join(f"{k} {v[-1][0]:.0f}/s" for k, v in found.items())
                )
    result: dict[str, Any] = {"client": "wrk" if use_wrk else "own", "connections": CONNECTIONS}
    for name, rows in found.items():
        result[name] = {
            "requests_per_s": round(statistics.median(row[0] for row in rows), 1),
            "p99_ms": round(statistics.median(row[1] for row in rows), 2),
        }
    for name in ("warm", "cold"):
        ratios = [a[0] / b[0] for a, b in zip(found[name], found["echo"], strict=True)]
        result[name]["vs_echo"] = round(statistics.median(ratios), 3)
    finish(result)


class _Server:
    """A server in a process of its own, until the block ends."""

    def __init__(self, arguments: list[str], port: int) -> None:
        self._arguments = arguments
        self._port = port

    def __enter__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *self._arguments],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        end = time.monotonic() + 60
        while time.monotonic() < end and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        self.__exit__()
        sys.exit(f"no server came up: {' '.join(self._arguments)[:80]}")

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)


def _warm_up(port: int) -> None:
    """Ask until nothing is compiled or loaded any more."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    for number in range(20):
        text = " ".join([WARM, *("abcdefghij"[number % 10] * 5 for _ in range(number % 5))])
        headers = {"content-type": "application/json"}
        connection.request("POST", PATH, json.dumps({"log_text": text}), headers)
        connection.getresponse().read()
    connection.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def _wrk(port: int, seconds: float, *, cold: bool) -> tuple[float, float]:
    """Return requests a second and the 99th percentile of latency in ms."""
    script = _SCRIPT % (
        str(cold).lower(),
        random.randrange(10**6),
        json.dumps(WARM),
        PATH,
    )
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        done = subprocess.run(
            [
                *("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s"),
                *("--timeout", "30s", "-s", file.name),
                f"http://127.0.0.1:{port}{PATH}",
            ],
            check=True,
            capture_output=True,
            text=True,
        )
    (line,) = [x for x in done.stdout.splitlines() if x.startswith("RESULT ")]
    requests, micros, p99, failed = map(int, line.split()[1:])
    if failed or not requests:
        sys.exit(f"{failed} of {requests} requests failed:\n{done.stdout}")
    return requests / micros * 1e6, p99 / 1000


def _own(port: int, seconds: float, *, cold: bool) -> tuple[float, float]:
    """Do the same with a thread a connection."""
    end = time.monotonic() + seconds

    def client(seed: int) -> list[float]:
        words = random.Random(f"{seed}{time.monotonic_ns()}")
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        took = []
        while time.monotonic() < end:
            text = WARM
            if cold:
                text = " ".join(
                    "".join(words.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in "1234"
                )
            started = time.perf_counter()
            headers = {"content-type": "application/json"}
            connection.request("POST", PATH, json.dumps({"log_text": text}), headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                sys.exit(f"a request failed: {answer.status}")
            took.append(time.perf_counter() - started)
        connection.close()
        return took

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        took = sorted(x for part in threads.map(client, range(CONNECTIONS)) for x in part)
    return len(took) / seconds, took[int(len(took) * 0.99)] * 1000


if __name__ == "__main__":
    main()
