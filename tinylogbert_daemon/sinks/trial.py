"""Test alerts: clearly marked ones, sent once through each sink without the state."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.sinks.message import TEST
from tinylogbert_daemon.sinks.sink import Outlet, RefusedError

LINE = "test alert of tinylogbert: nothing is wrong; it was asked for on the command line"


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one test alert."""

    sink: str
    where: str
    delivered: bool
    answer: str


def trial_alert(now: float | None = None) -> str:
    """Return a test alert as one line of JSON, of ``now`` (epoch seconds)."""
    moment = time.time() if now is None else now
    id_ = f"test-{blake2b(repr(moment).encode(), digest_size=6).hexdigest()}"
    return json.dumps(
        {
            "id": id_,
            "status": "open",
            "kind": TEST,
            "time": moment,
            "last_seen": moment,
            "closed": None,
            "close_reason": "",
            "duration": 0.0,
            "source": "tinylogbert-test",
            "path": "-",
            "offset": 0,
            "line": 0,
            "log_text": LINE,
            "last_line": LINE,
            "score": 0.5,
            "anomaly": False,
            "raw": 0.0,
            "severity": 0.0,
            "novelty": 0.0,
            "model": "-",
            "records": 1,
            "repeats": 0,
            "reason": "this is only a test",
            "text": "test alert",
            "words": [],
            "nearest": None,
            "storm": None,
            "suppressed": None,
        }
    )


async def trial(outlets: Sequence[Outlet], alert: str) -> AsyncIterator[Tried]:
    """Send ``alert`` through each sink, and yield what it answered."""
    for outlet in outlets:
        name, where = outlet.sink.name, outlet.where
        try:
            answer = await outlet.sink.deliver([outlet.content(alert)])
        except OSError as error:
            said = str(error) or type(error).__name__
            if isinstance(error, RefusedError) and error.answer:
                said += f" ({error.answer})"
            yield Tried(name, where, False, printable(said, 500))
        else:
            yield Tried(name, where, True, printable(answer or "delivered", 500))
