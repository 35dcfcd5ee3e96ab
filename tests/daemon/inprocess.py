"""The daemon in this process: all of it but the process, with a clock that tests may move."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tinylogbert_daemon import logs
from tinylogbert_daemon.cli.client import Daemon as Client
from tinylogbert_daemon.clock import Clock
from tinylogbert_daemon.config import Config, parse
from tinylogbert_daemon.daemon import Daemon
from tinylogbert_daemon.errors import ServiceError

TIMEOUT_SECONDS = 40.0


class Running:
    """A daemon that tails ``logs/*.log`` of a directory, for as long as a coroutine runs."""

    def __init__(self, directory: Path, model: Path, **changes: Any) -> None:
        self.logs = directory / "logs"
        self.logs.mkdir()
        self.state = directory / "state"
        self.content: dict[str, Any] = {
            "sources": [{"name": "app", "paths": [f"{self.logs}/*.log"]}],
            "state_dir": str(self.state),
            "model": {"path": str(model)},
            "tail": {"poll_seconds": 0.02, "scan_seconds": 0.1},
            "decision": {"learning_hours": 0, "threshold": 0.0},
            "http": {"port": 0},
            "sinks": {"log": {"enabled": False}},
            **changes,
        }

    def config(self) -> Config:
        return parse(json.dumps(self.content), "test")

    def write(self, name: str | bytes, *lines: str) -> None:
        with (self.logs / os.fsdecode(name)).open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def run(self, body: Callable[[], Awaitable[None]], clock: Clock | None = None) -> None:
        """Start it, run ``body`` once it answers, and end it as a signal does."""

        async def live() -> None:
            daemon = Daemon(self.config(), self.config, clock=clock)
            async with asyncio.timeout(TIMEOUT_SECONDS), asyncio.TaskGroup() as group:
                group.create_task(daemon.run())
                await self.until(self._answers)
                await body()
                signal.raise_signal(signal.SIGTERM)

        logs.configure("error", "json")
        asyncio.run(live())

    async def _answers(self) -> bool:
        try:
            return bool(await self.ask("/readyz"))
        except ServiceError:
            return False

    async def ask(self, path: str) -> Any:
        """Return what it answers over its Unix socket."""
        return await asyncio.to_thread(Client(self.state / "api.sock").ask, "GET", path)

    async def until(self, condition: Callable[[], Awaitable[object]]) -> None:
        """Wait until ``condition`` holds; the whole run has a time limit."""
        while not await condition():
            await asyncio.sleep(0.01)
