"""The engine behind the API's port, in the thread that it is handed."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

from tinylogbert_daemon.decide.engine import Engine, Result, Tokens

CALL_TEXTS = 32
"""Texts of one call of the engine; between calls other requests have their turn."""


class EngineDetector:
    """An engine that only the one thread of ``executor`` uses."""

    def __init__(self, engine: Engine, executor: Executor) -> None:
        self._engine = engine
        self._executor = executor

    def use(self, engine: Engine) -> None:
        """Answer with ``engine`` from the next request on."""
        self._engine = engine

    async def detect(self, texts: list[str]) -> list[Result]:
        """Return the result of each text, in order, lines counted from 1."""
        loop = asyncio.get_running_loop()
        engine = self._engine  # one model for the whole answer
        results: list[Result] = []
        for start in range(0, len(texts), CALL_TEXTS):
            part = texts[start : start + CALL_TEXTS]
            results += await loop.run_in_executor(self._executor, engine.results, part, start + 1)
        return results

    async def tokenize(self, text: str) -> Tokens:
        """Return what the model reads of ``text``."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, self._engine.tokenize, text)
