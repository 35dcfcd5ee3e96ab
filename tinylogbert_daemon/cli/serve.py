"""``tinylogbert serve``: the REST API without tailing."""

from __future__ import annotations

import argparse
import asyncio
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tinylogbert_daemon import __version__

if TYPE_CHECKING:
    from tinylogbert_daemon.config import Config
    from tinylogbert_daemon.decide.engine import Engine
    from tinylogbert_daemon.metrics import Metrics
    from tinylogbert_daemon.model.artifact import Artifact
    from tinylogbert_daemon.web.listen import Listeners
    from tinylogbert_daemon.web.models import ModelCard, RatesResponse, SourceView
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
    from tinylogbert_daemon.web.listen import Listeners

    given = {"http.host": args.host, "http.port": args.port, "model.path": args.model}
    config = load(args.config, options={k: v for k, v in given.items() if v is not None})
    logs.configure(config.logging.level, config.logging.format)
    # before the model is loaded: that takes a second, a port in use is known at once
    with ExitStack() as stack:
        asyncio.run(_serve(config, Listeners(config, stack, has_state=False)))
    return 0


async def _serve(config: Config, listeners: Listeners) -> None:
    from prometheus_client import CollectorRegistry, ProcessCollector

    from tinylogbert_daemon import logs
    from tinylogbert_daemon.metrics import Metrics
    from tinylogbert_daemon.web.app import create_app, create_probes
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
        health = ServeHealth(engine.artifact, time.monotonic)
        app = create_app(
            detector=EngineDetector(engine, executor),
            registry=registry,
            health=health,
            version=__version__,
            access=listeners.access,
        )
        probes = create_probes(registry=registry, health=health, version=__version__)
        log = logs.get()
        log.info(f"listening on {listeners.url}", model=engine.model)
        async with asyncio.TaskGroup() as group:
            for serving in listeners.serving(app, probes, stop):
                group.create_task(serving)
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

    def __init__(self, artifact: Artifact, monotonic: Callable[[], float]) -> None:
        self._artifact = artifact
        self._model = artifact.name
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

    def sources(self) -> list[SourceView]:
        """Return no sources: nothing is tailed."""
        return []

    def rates(self) -> RatesResponse:
        """Return none: nothing is tailed."""
        from tinylogbert_daemon.web.models import RatesResponse

        return RatesResponse(seconds=60.0, running_seconds=0.0, sources=[])

    def model(self) -> ModelCard:
        """Return the card of the model."""
        from tinylogbert_daemon.web.model_card import model_card

        return model_card(self._artifact)
