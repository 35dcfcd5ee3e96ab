"""Hand-made parts behind the API's ports, and a client that calls the application directly."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from tinylogbert_daemon.web.app import create_app
from tinylogbert_daemon.web.models import ModelCard, RatesResponse, SourceView
from tinylogbert_daemon.web.sources import source_views
from tinylogbert_daemon.web.status import Status, empty_status

if TYPE_CHECKING:
    from tinylogbert_daemon.decide.engine import Result, Tokens

BASE = "http://127.0.0.1:5000"


class StubDetector:
    """Scores by a checksum; waits for ``gate`` where one is given, raises ``failure`` if set."""

    def __init__(self, gate: asyncio.Event | None = None, failure: Exception | None = None) -> None:
        self.gate = gate
        self.failure = failure
        self.calls: list[list[str]] = []

    async def detect(self, texts: list[str]) -> list[Result]:
        self.calls.append(texts)
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return [_result(line, text) for line, text in enumerate(texts, 1)]

    async def tokenize(self, text: str) -> Tokens:
        words = text.split()
        return {"text": text, "tokens": words, "ids": list(range(len(words)))}


def _result(line: int, text: str) -> Result:
    score = zlib.crc32(text.encode()) % 1000 / 1000
    return {
        "line": line,
        "log_text": text,
        "score": score,
        "anomaly": score >= 0.5,
        "raw": 10 * score,
        "severity": score,
        "novelty": 1.0,
        "model": "tinylogbert-0123456789ab",
    }


class StubHealth:
    """Says what its fields say."""

    def __init__(self) -> None:
        self.is_ready = (True, "following 2 files")
        self.is_alive = (True, "work goes on")
        self.now: Status = {**empty_status("9.9"), "daemon": "running"}

    def ready(self) -> tuple[bool, str]:
        return self.is_ready

    def alive(self) -> tuple[bool, str]:
        return self.is_alive

    def status(self) -> Status:
        return self.now

    def sources(self) -> list[SourceView]:
        return source_views(["app"], {}, {}, [])

    def rates(self) -> RatesResponse:
        return RatesResponse(seconds=60.0, running_seconds=1.0, sources=[])

    def model(self) -> ModelCard:
        return ModelCard(
            name="tinylogbert-0123456789ab",
            type="tinylogbert",
            format=1,
            normalizer=2,
            trained=1.0,
            training={"records": 7},
            files={"model.pt": "00"},
            counted_texts=0,
        )


def make_app(
    detector: StubDetector | None = None,
    health: StubHealth | None = None,
    registry: CollectorRegistry | None = None,
) -> FastAPI:
    return create_app(
        detector=detector or StubDetector(),
        registry=registry or CollectorRegistry(),
        health=health or StubHealth(),
        version="9.9",
    )


def ask(app: Callable[..., Any], method: str, path: str, **request: Any) -> httpx.Response:
    """Return the answer of ``app``; what it raises is raised here."""

    async def once() -> httpx.Response:
        async with client(app) as http:
            return await http.request(method, path, **request)

    return asyncio.run(once())


def client(app: Callable[..., Any]) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE)
