"""``tinylogbert serve``: the REST API without tailing."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tinylogbert_daemon import __version__

if TYPE_CHECKING:
    from tinylogbert_daemon.config import Config
    from tinylogbert_daemon.decide.engine import Engine
    from tinylogbert_daemon.metrics import Metrics
    from tinylogbert_daemon.web.status import Status


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("-c", "--config", type=Path, metavar="CONFIG", help="configuration file")
    parser.add_argument("--host", metavar="H", help="loopback address (default: http.host)")
    parser.add_argument("--port", metavar="N", type=int, help="TCP port (default: http.port)")
    parser.add_argument(
        "--model",
        metavar="M",
        help="artifact folder, its symlink or its model.pt (default: the configured model)",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status."""
    from tinylogbert_daemon import logs
    from tinylogbert_daemon.config import load
    from tinylogbert_daemon.web.server import bind

    given = {"http.host": args.host, "http.port": args.port, "model.path": args.model}
    config = load(args.config, options={k: v for k, v in given.items() if v is not None})
    logs.configure(config.logging.level, config.logging.format)
    # before the model is loaded: that takes a second, a port in use is known at once
    with bind(config.http.host, config.http.port) as sock:
        asyncio.run(_serve(config, sock))
    return 0


async def _serve(config: Config, sock: socket.socket) -> None:
    from prometheus_client import CollectorRegistry, ProcessCollector

    from tinylogbert_daemon import logs
    from tinylogbert_daemon.metrics import Metrics
    from tinylogbert_daemon.web import server
    from tinylogbert_daemon.web.app import create_app
    from tinylogbert_daemon.web.detector import EngineDetector

    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    ProcessCollector(registry=registry)
    with ThreadPoolExecutor(1, "scorer") as executor:
        engine = await loop.run_in_executor(executor, load_engine, config, metrics)
        app = create_app(
            detector=EngineDetector(engine, executor),
            registry=registry,
            health=ServeHealth(engine.model, time.monotonic),
            version=__version__,
        )
        log = logs.get()
        log.info(f"listening on {server.url(sock)}", model=engine.model)
        await server.serve(app, sock, stop)
        log.info("stopped")


def load_engine(config: Config, metrics: Metrics) -> Engine:
    """Return the engine on the configured model, whose calls ``metrics`` measures."""
    from tinylogbert_daemon.cli.setup import load_setup

    engine = load_setup(config=config, observe=metrics.inference_duration.observe).engine
    manifest = engine.artifact.manifest
    metrics.set_model(
        engine.model, manifest.model_type, float(manifest.training.get("timestamp", 0))
    )
    return engine


class ServeHealth:
    """Health of a program that answers only once its model is loaded, and has no state."""

    def __init__(self, model: str, monotonic: Callable[[], float]) -> None:
        self._model = model
        self._monotonic = monotonic
        self._started = monotonic()

    def ready(self) -> tuple[bool, str]:
        """Return that requests are answered."""
        return True, f"model {self._model} is loaded"

    def alive(self) -> tuple[bool, str]:
        """Return that the event loop runs: else nobody could ask."""
        return True, "requests are answered"

    def status(self) -> Status:
        """Return the status: the model and the time since the start."""
        from tinylogbert_daemon.web.status import empty_status

        return {
            **empty_status(__version__),
            "daemon": "running",
            "model": self._model,
            "uptime_seconds": round(self._monotonic() - self._started, 3),
        }
