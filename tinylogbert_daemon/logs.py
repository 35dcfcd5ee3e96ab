"""The daemon's own log on standard error: structlog, JSON under systemd, coloured on a terminal."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import structlog
from structlog.typing import EventDict

from tinylogbert_daemon.escape import printable

LOGGER = "tinylogbert"
"""What marks our own lines, so that they are never scored when they come back through syslog."""


def configure(level: str = "info", format_: str = "auto") -> None:
    """Set the log up: ``format_`` is ``json``, ``console`` or ``auto`` (console on a terminal)."""
    terminal = sys.stderr.isatty()
    as_json = format_ == "json" or (format_ == "auto" and not terminal)
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=True)
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=terminal and "NO_COLOR" not in os.environ, sort_keys=False, pad_event_to=0
        )
    )
    structlog.configure(
        processors=[
            _mark,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _make_printable,
            _in_order if as_json else _named,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def get() -> Any:
    """Return the daemon's logger."""
    return structlog.get_logger()


def _mark(_: Any, __: str, event: EventDict) -> EventDict:
    return {"logger": LOGGER, **event}


def _named(_: Any, __: str, event: EventDict) -> EventDict:
    """Put our name before the event, by which a console line is known as ours."""
    event["event"] = f"{event.pop('logger')}: {event['event']}"
    return event


def _in_order(_: Any, __: str, event: EventDict) -> EventDict:
    first = ("logger", "timestamp", "level", "event")
    return {key: event[key] for key in first} | dict(event)


def _make_printable(_: Any, __: str, event: EventDict) -> EventDict:
    return {
        key: printable(value) if isinstance(value, str) else value for key, value in event.items()
    }
