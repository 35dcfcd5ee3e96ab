"""The log sink: alerts as lines of the daemon's own structured log."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tinylogbert_daemon import logs
from tinylogbert_daemon.escape import printable

LINE_CHARACTERS = 400


class LogSink:
    """Writes to structlog; every value is escaped, so that no line acts on a terminal."""

    name = "log"

    async def deliver(self, bodies: Sequence[str]) -> None:
        """Log ``bodies``; raises ``OSError`` if standard error is gone."""
        for body in bodies:
            alert = json.loads(body)
            logs.get().warning(
                "alert",
                score=round(alert["score"], 2),
                source=alert["source"],
                path=alert["path"],
                line=printable(alert["log_text"], LINE_CHARACTERS),
                reason=alert["reason"],
                id=alert["id"],
            )
