"""Hand-made anomalies, without torch, which test processes would load for nothing."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

from tinylogbert_daemon.decide.incident import Anomaly

ANOMALY = Anomaly(
    source="app",
    path="/var/log/app.log",
    origin=b"head",
    offset=100,
    line=7,
    records=2,
    first_line="disk 1 failed",
    last_line="disk 2 failed",
    text="disk [num] failed",
    key=zlib.crc32(b"disk [num] failed"),
    time=1000.0,
    score=0.9,
    raw=4.0,
    severity=0.9,
    novelty=1.0,
    reason="never seen on this host",
    words=(("failed", 0.5),),
)


def anomaly(text: str = ANOMALY.text, **changes: Any) -> Anomaly:
    return replace(ANOMALY, text=text, key=zlib.crc32(text.encode()), **changes)
