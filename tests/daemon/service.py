"""The daemon as a real process, with its configuration, its log and its files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from signal import SIGTERM
from typing import IO, Any

ROOT = Path(__file__).parents[2]
TIMEOUT_SECONDS = 40.0
_ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("TINYLOGBERT_")},
    "PYTHONPATH": str(ROOT),
}


def until(condition: Callable[[], object], what: str = "") -> None:
    """Wait until ``condition`` holds; fails if it does not come to that."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < end, f"did not come to be: {what}"
        time.sleep(0.01)


def call(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    environment = {**_ENVIRONMENT, **options.pop("env", {})}
    return subprocess.run(
        [sys.executable, "-m", "tinylogbert_daemon", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
        **options,
    )


class Service:
    """A daemon that tails ``logs/*.log`` and can be started again and again."""

    def __init__(self, directory: Path, model: Path) -> None:
        self.directory = directory
        self.logs = directory / "logs"
        self.logs.mkdir()
        self.state = directory / "state"
        self.config_file = directory / "tinylogbert.yaml"
        self.log_file = directory / "stderr"
        self.config: dict[str, Any] = {
            "sources": [{"name": "app", "paths": [f"{self.logs}/*.log"]}],
            "state_dir": str(self.state),
            "model": {"path": str(model)},
            "tail": {"poll_seconds": 0.05, "scan_seconds": 0.2, "rotate_seconds": 0.5},
            "decision": {"learning_hours": 0},
            "http": {"port": 0},
            "logging": {"format": "json"},
        }
        self.configure()
        self.process: subprocess.Popen[bytes] | None = None
        self._from = 0

    def configure(self, **changes: Any) -> None:
        self.config |= changes
        self.config_file.write_text(json.dumps(self.config))

    def start(
        self,
        *arguments: str | Path,
        python: tuple[str, ...] = (),
        env: dict[str, str] | None = None,
        stdout: int | IO[bytes] = subprocess.DEVNULL,
        stdin: int | IO[bytes] | None = None,
        wrapper: tuple[str, ...] = (),
    ) -> None:
        """Start the daemon, below ``wrapper`` if given, and wait until it says that it runs."""
        self._from = len(self.said())
        command = [*wrapper, sys.executable, *python, "-m", "tinylogbert_daemon", "run"]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "-c", str(self.config_file), *map(str, arguments)],
                stdin=stdin,
                stdout=stdout,
                stderr=log,
                env=_ENVIRONMENT | (env or {}),
                cwd=self.directory,
            )
        until(lambda: self.event("running") or self.ended(), "running")
        assert not self.ended(), self.log_file.read_text()

    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def send(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self, number: int = SIGTERM) -> int:
        """Send a signal and return the exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(TIMEOUT_SECONDS)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()

    def said(self) -> list[dict[str, Any]]:
        """Return what the daemon has logged so far; lines that are no JSON as ``{"text": …}``."""
        if not self.log_file.exists():
            return []
        found = []
        for line in self.log_file.read_text().split("\n")[:-1]:
            try:
                found.append(json.loads(line))
            except ValueError:
                found.append({"text": line})
        return found

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return what was logged under a name since the last start."""
        return [one for one in self.said()[self._from :] if one.get("event") == name]

    def event(self, name: str) -> dict[str, Any] | None:
        return next(iter(self.events(name)), None)

    def get(self, path: str) -> str:
        """Return what the daemon answers over HTTP, at the address that it logged last."""
        url = self.events("running")[-1]["http"] + path
        with urllib.request.urlopen(url, timeout=10) as answer:
            content: bytes = answer.read()
        return content.decode()

    def status(self) -> dict[str, Any]:
        """Return what ``status --json`` prints."""
        done = call("status", "--json", "-c", self.config_file)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def committed(self) -> dict[str, int]:
        """Return the committed lines by path, as the daemon's API has them."""
        found: dict[str, int] = json.loads(self.get("/api/status"))["files"]
        return found

    def write(self, name: str, *lines: str) -> Path:
        path = self.logs / name
        with path.open("a") as file:
            file.writelines(f"{line}\n" for line in lines)
        return path

    def alerts(self) -> list[dict[str, Any]]:
        path = self.state / "alerts.jsonl"
        return [json.loads(x) for x in path.read_text().splitlines()] if path.exists() else []
