"""What one or more blocks change in the state, gathered to be committed together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tinylogbert_daemon.decide.budget import BudgetRow, SuppressedRow
from tinylogbert_daemon.decide.incident import Incident
from tinylogbert_daemon.source.block import FileKey, Position
from tinylogbert_daemon.state.owed import OwedText


@dataclass(frozen=True, slots=True)
class Delivery:
    """An alert owed to a sink: ``body`` is one line of JSON.

    ``attempts`` counts the failed tries, ``refusals`` those that the sink has refused for good;
    ``since`` is when the first one failed (epoch seconds), 0 if none did.
    """

    number: int
    sink: str
    incident: str
    body: str
    attempts: int
    refusals: int = 0
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class FileRow:
    """Where a file stands, under which source and path, and when it was read last (seconds)."""

    source: str
    path: str
    position: Position
    seen: float


@dataclass(slots=True)
class Effects:
    """The merged effects of blocks that were processed since the last commit.

    ``counts`` holds, by text key, the new count, its time and a sample shape; ``lines`` the
    physical lines by file (they become ``committed``), ``records`` the records by source;
    ``learning`` and ``log_times`` seconds by source; ``reference`` the model's name with its
    calibration as the host taught it; ``deliveries`` sink, incident id and body (JSON); ``budget``
    all of the alert budget's rows, None if it has not changed; ``suppressed`` what was not sent, by
    source and reason; ``owed`` the texts that await their verdict, by source and key, None once it
    is there.
    """

    files: dict[FileKey, FileRow] = field(default_factory=dict)
    lines: Counter[FileKey] = field(default_factory=Counter)
    records: Counter[str] = field(default_factory=Counter)
    learning: dict[str, float] = field(default_factory=dict)
    log_times: dict[str, float] = field(default_factory=dict)
    counts: dict[int, tuple[float, float, bytes]] = field(default_factory=dict)
    evicted: set[int] = field(default_factory=set)
    sketch: tuple[bytes, float] | None = None
    reference: tuple[str, bytes] | None = None
    incidents: dict[str, Incident] = field(default_factory=dict)
    deliveries: list[tuple[str, str, str]] = field(default_factory=list)
    budget: list[BudgetRow] | None = None
    suppressed: dict[tuple[str, str], SuppressedRow] = field(default_factory=dict)
    owed: dict[tuple[str, int], OwedText | None] = field(default_factory=dict)
    blocks: int = 0
