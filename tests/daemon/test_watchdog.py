"""The watchdog is fed by work that gets done, not by a process that is merely there."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.daemon.service import TIMEOUT_SECONDS, Service
from tinylogbert_daemon import daemon as module
from tinylogbert_daemon.config import load
from tinylogbert_daemon.daemon import Daemon
from tinylogbert_daemon.model.scorer import Scorer, Verdict


def test_a_hanging_model_stops_the_heartbeat_and_only_that(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STUCK_SECONDS", 0.2)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "40000")  # a heartbeat each 20 ms
    called, go_on = threading.Event(), threading.Event()
    score = Scorer.score

    def hanging(self: Scorer, texts: Sequence[str]) -> list[Verdict]:
        called.set()
        assert go_on.wait(TIMEOUT_SECONDS)
        return score(self, texts)

    monkeypatch.setattr(Scorer, "score", hanging)
    service.write("app.log")
    config = load(service.config_file, {})

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(str(tmp_path / "notify"))
            listener.setblocking(False)

            async def until(*wanted: str) -> None:
                """Read until the messages in a row begin as ``wanted`` do."""
                last: list[str] = []
                while len(last) < len(wanted) or not all(map(str.startswith, last, wanted)):
                    message = (await loop.sock_recv(listener, 4096)).decode()
                    last = [*last, message][-len(wanted) :]

            daemon = Daemon(config, lambda: config)
            running = asyncio.create_task(daemon.run())
            async with asyncio.timeout(TIMEOUT_SECONDS):
                try:
                    await until("READY=1")
                    await until("WATCHDOG=1", "STATUS=", "WATCHDOG=1", "STATUS=")
                    service.write("app.log", "a line that the model hangs on")
                    await loop.run_in_executor(None, called.wait)
                    # what is done is said all the same, so it lives; systemd waits for the rest
                    await until(*["STATUS="] * 20)
                finally:
                    go_on.set()
                await until("WATCHDOG=1", "STATUS=", "WATCHDOG=1", "STATUS=")
                daemon._end()
                await running

    asyncio.run(scenario())
