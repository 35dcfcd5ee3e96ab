"""The log sink: alerts as lines of the daemon's own structured log."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tinylogbert_daemon import logs
from tinylogbert_daemon.sinks.message import named_parts


class LogSink:
    """Writes to structlog; every value is escaped, so that no line acts on a terminal.

    An alert is one event of several parts: a line of its own each would no longer be known as the
    daemon's when it comes back through a log that is tailed.
    """

    name = "log"

    async def deliver(self, bodies: Sequence[str]) -> str:
        """Log ``bodies``; raises ``OSError`` if standard error is gone."""
        for body in bodies:
            alert = json.loads(body)
            closed = alert.get("status") == "closed"
            say = logs.get().info if closed else logs.get().warning
            say(
                "alert closed" if closed else "alert",
                score=round(alert["score"], 2),
                source=alert["source"],
                path=alert["path"],
                **named_parts(alert),
                id=alert["id"],
            )
        return "logged"
