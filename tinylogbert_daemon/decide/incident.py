"""An anomaly and an incident as records, and how an incident grows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Literal

from tinylogbert_daemon.decide.budget import Withheld
from tinylogbert_daemon.decide.curve import Curve
from tinylogbert_daemon.decide.difference import Nearest
from tinylogbert_daemon.decide.storms import Example, Storm, joined


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Records of one text that one block brought, all with the same decision.

    ``first_line`` and ``last_line`` are raw records; ``offset`` and ``line`` say where the first
    stands in ``path``; ``origin`` identifies the file's content. ``time`` is log time in seconds.
    ``reason``, ``words`` and ``nearest`` explain the first anomaly of an incident; later ones have
    none.
    """

    source: str
    path: str
    origin: bytes
    offset: int
    line: int
    records: int
    first_line: str
    last_line: str
    text: str
    key: int
    time: float
    score: float
    raw: float
    severity: float
    novelty: float
    reason: str = ""
    words: tuple[tuple[str, float], ...] = ()
    nearest: Nearest | None = None
    model: str = ""

    @property
    def id(self) -> str:
        """The same for the same record of the same file, so that a replay repeats it."""
        content = b"\0".join((self.origin, str(self.offset).encode(), self.text.encode()))
        return blake2b(content, digest_size=10).hexdigest()


@dataclass(frozen=True, slots=True)
class Muted:
    """Whose feedback mutes an incident: its number, kind and author, and until when (seconds)."""

    feedback: int
    kind: str
    author: str
    until: float | None


@dataclass(frozen=True, slots=True)
class Incident:
    """An open or closed incident; ``id`` is its first anomaly's.

    ``alerted`` says that its opening was sent, else ``withheld`` says why not. ``suppressed``
    counts what came later and was not sent: more of a text, block by block, or texts that joined.
    ``peak`` is the highest score; ``storm`` is there where it covers many texts, ``muted`` where
    feedback keeps it quiet. ``curve`` says when its records came; None where that is not known,
    since a version before this one opened it.
    """

    id: str
    first: Anomaly
    opened: float
    last_seen: float
    records: int
    last_line: str
    alerted: bool
    closed: float | None = None
    close_reason: str = ""
    withheld: str = ""
    suppressed: int = 0
    peak: float = 0.0
    storm: Storm | None = None
    muted: Muted | None = None
    curve: Curve | None = None

    @property
    def keys(self) -> tuple[int, ...]:
        """The keys of the texts that it covers."""
        return (self.first.key,) if self.storm is None else self.storm.keys


@dataclass(frozen=True, slots=True)
class Change:
    """What became of an incident; ``earlier`` is what an alert on its opening should mention.

    ``joined`` counts the texts that came new into a storm.
    """

    kind: Literal["opened", "grown", "closed"]
    incident: Incident
    joined: int = 0
    earlier: Withheld | None = None


@dataclass(slots=True)
class Growth:
    """What blocks added to an open incident of ``source`` that covers the text of ``key``.

    In ``times`` blocks there were ``records``, up to the log time ``until`` (seconds). ``steps``
    are the log times of these blocks, each with its records.
    """

    source: str
    key: int
    last_line: str
    until: float
    records: int
    times: int
    score: float
    steps: list[tuple[float, int]] = field(default_factory=list)


def merged(before: Anomaly, later: Anomaly) -> Anomaly:
    """Return ``before`` with the records of ``later``, which is of the same text and block."""
    return replace(before, records=before.records + later.records, last_line=later.last_line)


def gathered(storm: Storm, anomalies: list[Anomaly]) -> Storm:
    """Return ``storm`` with the new texts of ``anomalies``."""
    texts = [(one.key, Example(one.first_line, one.text, one.score)) for one in anomalies]
    return joined(storm, texts, max(one.time for one in anomalies))


def grown(known: Incident, anomaly: Anomaly, until: float) -> Incident:
    """Return ``known`` with the records of ``anomaly``, of a block that reaches up to ``until``."""
    source, key, last_line = anomaly.source, anomaly.key, anomaly.last_line
    records, score = anomaly.records, anomaly.score
    steps = [(until, records)]
    return enlarged(known, Growth(source, key, last_line, until, records, 1, score, steps))


def begun(opened: float, until: float, records: int) -> Curve:
    """Return the curve of a new incident: its first record, and then the rest of its block."""
    return Curve().later([(0.0, 1), (until - opened, records - 1)])


def enlarged(known: Incident, growth: Growth) -> Incident:
    """Return ``known`` with what ``growth`` adds."""
    curve = known.curve
    if curve is not None:
        curve = curve.later((time - known.opened, records) for time, records in growth.steps)
    return replace(
        known,
        last_seen=max(known.last_seen, growth.until),
        records=known.records + growth.records,
        last_line=growth.last_line,
        suppressed=known.suppressed + growth.times,
        peak=max(known.peak, growth.score),
        curve=curve,
    )
