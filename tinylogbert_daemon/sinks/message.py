"""An alert as other systems take it: labels, annotations, one line, several lines, times.

Every string that is made here is safe to show: control characters, line ends and characters that
change the direction of writing are escaped, and each part is cut to a length for people.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import blake2b
from typing import Any, Literal

from tinylogbert_daemon.config.template import FIELDS
from tinylogbert_daemon.decide.alert import LINE_CHARACTERS, duration, moment, parts
from tinylogbert_daemon.decide.budget import SEVERE
from tinylogbert_daemon.escape import printable

TEST = "test"
"""The ``kind`` of an alert that is only a test."""

_NAMES = {"storm": "LogAnomalyStorm", TEST: "TinyLogBERTTest"}
_LONG_CHARACTERS = 4000


def own_instance(configured: str) -> str:
    """Return what this host is called in alerts."""
    return configured or printable(socket.gethostname(), 255) or "localhost"


@dataclass(frozen=True)
class Message:
    """One alert (the keys of :class:`tinylogbert_daemon.decide.alert.Alert`) of one host.

    An alert of an older version may lack keys, one without content has no text but a ``hash``.
    """

    alert: Mapping[str, Any]
    instance: str

    @property
    def id(self) -> str:
        """The incident's id: the same in every delivery, and after every restart."""
        return str(self.alert["id"])

    @property
    def closed(self) -> bool:
        """Whether it says that the incident is over."""
        return self.alert.get("status") == "closed"

    @property
    def priority(self) -> Literal["critical", "warning"]:
        """How bad it is, by the score of the incident's first record: it never changes."""
        return "critical" if self.alert["score"] >= SEVERE else "warning"

    @property
    def hash(self) -> str:
        """Sixteen hex digits that are the same for the same text."""
        given = self.alert.get("hash")
        if given:
            return str(given)
        return blake2b(str(self.alert.get("text", "")).encode(), digest_size=8).hexdigest()

    @property
    def started(self) -> str:
        """When the first record came, as of RFC 3339 in UTC."""
        return rfc3339(self.alert.get("time", 0.0))

    @property
    def ended(self) -> str | None:
        """When the incident was closed, as of RFC 3339 in UTC; None while it is open."""
        if not self.closed:
            return None
        return rfc3339(self.alert.get("closed") or self.alert.get("last_seen", 0.0))

    @cached_property
    def labels(self) -> dict[str, str]:
        """What identifies the alert: nothing that changes while its incident is open."""
        return {
            "alertname": _NAMES.get(self.alert.get("kind", ""), "LogAnomaly"),
            "severity": self.priority,
            "instance": self.instance,
            "source": printable(self.alert["source"], LINE_CHARACTERS),
            "text_hash": self.hash,
        }

    @cached_property
    def annotations(self) -> dict[str, str]:
        """What explains it: these change as the incident grows."""
        alert = self.alert
        words = ", ".join(f"{one['word']} {one['share']:.0%}" for one in alert.get("words", ()))
        said = {
            "summary": self.summary,
            "score": f"{alert['score']:.2f}",
            **named_parts(alert),
            "words": printable(words, LINE_CHARACTERS),
            "path": printable(f"{alert['path']}:{alert.get('line', 0)}", LINE_CHARACTERS),
            "records": str(alert.get("records", 1)),
            "close_reason": printable(alert.get("close_reason", ""), LINE_CHARACTERS),
            "id": self.id,
        }
        return {name: text for name, text in said.items() if text}

    @property
    def summary(self) -> str:
        """One line: what, where, and the log line itself, or why if that is not told."""
        alert = self.alert
        what = {"storm": "many unusual lines", TEST: "TEST ALERT"}.get(
            alert.get("kind", ""), "unusual line"
        )
        if self.closed:
            what = f"over: {what}"
        line = alert.get("log_text") or alert["reason"]
        return printable(f"{what} in {alert['source']} on {self.instance}: {line}", LINE_CHARACTERS)

    @property
    def description(self) -> str:
        """Several lines, as people are shown an alert; the newlines between them are ours."""
        alert = self.alert
        where = printable(f"{alert['path']}:{alert.get('line', 0)}", LINE_CHARACTERS)
        heading = f"{moment(alert.get('time', math.nan))}  score {alert['score']:.2f}  {where}"
        if self.closed:
            heading += f"  over: {printable(alert.get('close_reason', ''), 100)}"
        return "\n".join([heading, *(f"{name}: {text}" for name, text in parts(alert))])

    def fields(self) -> dict[str, Any]:
        """Return the values of a template's fields; every text in them is escaped and cut."""
        made = {
            "state": "resolved" if self.closed else "firing",
            "priority": self.priority,
            "instance": self.instance,
            "hash": self.hash,
            "started_at": self.started,
            "ended_at": self.ended,
            "summary": self.summary,
            "description": self.description,
            "labels": self.labels,
            "annotations": self.annotations,
        }
        return {
            name: made[name] if name in made else _safe(self.alert.get(name)) for name in FIELDS
        }


def one_line(message: Message) -> str:
    """Return the whole alert as one line of printable text."""
    alert = message.alert
    head = "alert closed" if message.closed else "alert"
    if alert.get("kind") == TEST:
        head = "TEST alert"
    shown = "; ".join(f"{name}: {text}" for name, text in parts(alert))
    where = printable(f"{alert['source']} {alert['path']}:{alert.get('line', 0)}", LINE_CHARACTERS)
    lasted = f" lasted {duration(alert.get('duration', 0.0))}" if message.closed else ""
    how = f"{head} {message.priority} score {alert['score']:.2f}{lasted}"
    return f"{how} {where} {shown} ({message.id})"


def named_parts(alert: Mapping[str, Any]) -> dict[str, str]:
    """Return what an alert says to people, by name, the parts of one name joined."""
    named: dict[str, str] = {}
    for name, text in parts(alert):
        named[name] = f"{named[name]} | {text}" if name in named else text
    return named


def rfc3339(seconds: float) -> str:
    """Return epoch seconds as of RFC 3339; log lines can hold dates that no calendar has."""
    try:
        time = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        time = datetime.fromtimestamp(0, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _safe(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value, _LONG_CHARACTERS)
    if isinstance(value, Mapping):
        return {key: _safe(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_safe(one) for one in value]
    return value
