"""The log sink: alerts as lines of the daemon's own structured log."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tinylogbert_daemon import logs
from tinylogbert_daemon.decide.alert import parts


class LogSink:
    """Writes to structlog; every value is escaped, so that no line acts on a terminal.

    An alert is one event of several parts: a line of its own each would no longer be known as the
    daemon's when it comes back through a log that is tailed.
    """

    name = "log"

    async def deliver(self, bodies: Sequence[str]) -> None:
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
                **_named(alert),
                id=alert["id"],
            )


def _named(alert: dict[str, object]) -> dict[str, str]:
    """Return the parts of an alert, those of one name joined."""
    named: dict[str, str] = {}
    for name, text in parts(alert):
        named[name] = f"{named[name]} | {text}" if name in named else text
    return named
