"""The JSONL sink: one alert a line, appended and synced to disk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import aiofiles

from tinylogbert_daemon.state.modes import open_private


class JsonlSink:
    """Appends to one file, made for its owner alone; it may be rotated away at any time."""

    name = "jsonl"

    def __init__(self, path: Path) -> None:
        self._path = path

    async def deliver(self, bodies: Sequence[str]) -> str:
        """Append ``bodies``; raises ``OSError``. A torn line of a crash before is ended first."""
        async with aiofiles.open(self._path, "a+b", opener=open_private) as file:
            size = await file.seek(0, os.SEEK_END)
            torn = False
            if size:
                await file.seek(size - 1)
                torn = await file.read(1) != b"\n"
            content = "".join(f"{body}\n" for body in bodies).encode()
            await file.write(b"\n" + content if torn else content)
            await file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        return f"{self._path}: appended"
