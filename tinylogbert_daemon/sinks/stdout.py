"""The sink on standard output: a line of printable text or a JSON object for each alert."""

from __future__ import annotations

import asyncio
import json
import os
import select
import stat
from collections.abc import Sequence
from typing import Literal

from tinylogbert_daemon.config.template import FIELDS
from tinylogbert_daemon.logs import LOGGER
from tinylogbert_daemon.sinks.message import Message, one_line

TIMEOUT_SECONDS = 10.0
_DESCRIPTOR = 1


class StdoutSink:
    """Writes to standard output without ever waiting for its reader in the event loop."""

    name = "stdout"

    def __init__(
        self, format_: Literal["line", "json"], instance: str, descriptor: int = _DESCRIPTOR
    ) -> None:
        self._format = format_
        self._instance = instance
        self._descriptor = descriptor
        self.where = "standard output"

    async def deliver(self, bodies: Sequence[str]) -> str:
        """Write ``bodies``; raises ``OSError`` if nobody reads them."""
        for body in bodies:
            message = Message(json.loads(body), self._instance)
            if self._format == "line":
                text = f"{message.started} {LOGGER}: {one_line(message)}"
            else:
                # in the form in which our own log is, by which we know it when it comes back
                fields = message.fields()
                text = json.dumps({"logger": LOGGER, **{name: fields[name] for name in FIELDS}})
            await self._write(f"{text}\n".encode())
        return f"{self.where}: written"

    async def _write(self, content: bytes) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while content:
                    await self._writable()
                    # a pipe with room takes this much at once, whether it blocks or not
                    written = os.write(self._descriptor, content[: select.PIPE_BUF])
                    content = content[written:]
        except TimeoutError:
            raise TimeoutError("standard output: nobody reads it") from None

    async def _writable(self) -> None:
        mode = os.fstat(self._descriptor).st_mode
        if stat.S_ISREG(mode):
            return  # always is, and cannot be waited for
        while not select.select([], [self._descriptor], [], 0)[1]:
            await asyncio.sleep(0.05)
