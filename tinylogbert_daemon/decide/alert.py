"""An alert: an incident's opening or closing as one line of JSON, and as lines for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypedDict

from tinylogbert_daemon.decide.budget import Withheld
from tinylogbert_daemon.decide.difference import render
from tinylogbert_daemon.decide.incident import Anomaly, Incident
from tinylogbert_daemon.decide.storms import Storm
from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.source.header import read
from tinylogbert_daemon.source.logtime import parse

LINE_CHARACTERS = 400
"""How much of a raw line people are shown."""

EXAMPLES_SHOWN = 3


class Word(TypedDict):
    """A word of the text, and its share of the text's surprise."""

    word: str
    share: float


class NearestNormal(TypedDict):
    """The nearest known-normal text; ``similarity`` is the cosine of the embeddings.

    ``difference`` holds runs of words: ``same``, ``gone`` (in the normal text only) or ``here``.
    """

    text: str
    source: str
    similarity: float
    difference: list[list[str]]


class StormExample(TypedDict):
    """One of the texts of a storm, with its first raw line."""

    log_text: str
    text: str
    score: float


class StormBody(TypedDict):
    """``texts`` different texts (``more``: and others); ``alone`` alerted by themselves before."""

    texts: int
    more: bool
    alone: int
    examples: list[StormExample]


class SuppressedBody(TypedDict):
    """What was not sent of the source since log time ``since``, by reason."""

    count: int
    since: float
    reasons: dict[str, int]


class Alert(TypedDict):
    """One delivery: the result of an incident's first record, and what explains it.

    ``status`` is ``open`` or ``closed``; both deliveries of an incident carry its ``id``. ``time``
    (of the first record), ``last_seen`` and ``closed`` are log times in seconds, ``duration`` is
    the seconds from the first to the last record. ``repeats`` counts what came later and was not
    sent. ``level`` is the one that the record gives itself, ``message`` what stands behind its
    header; they are those of ``log_text``.
    """

    id: str
    status: Literal["open", "closed"]
    kind: Literal["text", "storm"]
    time: float
    last_seen: float
    closed: float | None
    close_reason: str
    duration: float
    source: str
    path: str
    offset: int
    line: int
    log_text: str
    level: str | None
    message: str
    last_line: str
    score: float
    anomaly: bool
    raw: float
    severity: float
    novelty: float
    model: str
    records: int
    repeats: int
    reason: str
    text: str
    words: list[Word]
    nearest: NearestNormal | None
    storm: StormBody | None
    suppressed: SuppressedBody | None


def alert(incident: Incident, earlier: Withheld | None = None) -> Alert:
    """Return an incident's alert; ``earlier`` is what was withheld of its source before."""
    first, storm, ended = incident.first, incident.storm, _ended(incident)
    header = read(first.first_line.encode("utf-8", "replace"), first.time)
    return {
        "id": incident.id,
        "status": "open" if incident.closed is None else "closed",
        "kind": "text" if storm is None else "storm",
        "time": first.time,
        "last_seen": ended,
        "closed": incident.closed,
        "close_reason": incident.close_reason,
        "duration": round(ended - incident.opened, 3),
        "source": first.source,
        "path": first.path.encode("utf-8", "backslashreplace").decode(),
        "offset": first.offset,
        "line": first.line,
        "log_text": first.first_line,
        "level": header.level if header else None,
        "message": header.message.decode("utf-8", "replace") if header else first.first_line,
        "last_line": incident.last_line,
        "score": round(first.score, 6),
        "anomaly": True,
        "raw": round(first.raw, 6),
        "severity": round(first.severity, 6),
        "novelty": round(first.novelty, 6),
        "model": first.model,
        "records": incident.records,
        "repeats": incident.suppressed,
        "reason": f"{_gathered(incident)}{first.reason}",
        "text": first.text,
        "words": [{"word": word, "share": share} for word, share in first.words],
        "nearest": _nearest(first),
        "storm": None if storm is None else _storm(storm),
        "suppressed": None if earlier is None else _suppressed(earlier),
    }


def body(incident: Incident, earlier: Withheld | None = None) -> str:
    """Return an incident's alert as one line of ASCII JSON."""
    return json.dumps(alert(incident, earlier), ensure_ascii=True)


def _ended(incident: Incident) -> float:
    """Return when the last record came: the incident knows only how far its block reached."""
    ended = parse(incident.last_line.encode("utf-8", "replace"), incident.last_seen)
    if ended is None:
        return incident.last_seen
    return max(incident.opened, min(ended, incident.last_seen))


def _gathered(incident: Incident) -> str:
    storm = incident.storm
    if storm is None:
        return ""
    texts = f"{len(storm.keys)}{' or more' if storm.more else ''}"
    if incident.closed is not None:
        return f"storm: {texts} kinds of unusual lines were gathered here; "
    if storm.alone:
        return f"storm: {storm.alone} kinds of unusual lines just before; more are gathered here; "
    return f"storm: {texts} kinds of unusual lines at once, this is the worst; "


def _nearest(first: Anomaly) -> NearestNormal | None:
    if first.nearest is None:
        return None
    return {
        "text": first.nearest.text,
        "source": first.nearest.source,
        "similarity": first.nearest.similarity,
        "difference": [list(segment) for segment in first.nearest.difference],
    }


def _storm(storm: Storm) -> StormBody:
    return {
        "texts": len(storm.keys),
        "more": storm.more,
        "alone": storm.alone,
        "examples": [
            {"log_text": one.line, "text": one.text, "score": round(one.score, 6)}
            for one in storm.examples
        ],
    }


def _suppressed(earlier: Withheld) -> SuppressedBody:
    return {
        "count": earlier.count,
        "since": earlier.since,
        "reasons": dict(earlier.reasons),
    }


# -- for people ---------------------------------------------------------------------------------


def parts(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what an alert says to people, as named lines in which nothing acts on a terminal.

    An alert of an older version may lack keys, one without content has no text; those are passed
    over.
    """
    if found["log_text"] or "hash" not in found:
        yield "line", printable(found["log_text"], LINE_CHARACTERS)
    else:
        yield "hash", printable(found["hash"], LINE_CHARACTERS)
    yield "reason", printable(found["reason"], LINE_CHARACTERS)
    nearest, storm, earlier = (found.get(key) for key in ("nearest", "storm", "suppressed"))
    if nearest:
        yield "usual", printable(render(nearest["difference"]), LINE_CHARACTERS)
    records, last = found.get("records", 1), found.get("last_line")
    if records > 1:
        yield "count", f"{records:,} lines in {duration(found.get('duration', 0.0))}"
        if last and last != found["log_text"]:
            yield "last", printable(last, LINE_CHARACTERS)
    for example in (storm["examples"] if storm else [])[:EXAMPLES_SHOWN]:
        if example["log_text"] != found["log_text"]:
            yield "also", printable(example["log_text"], LINE_CHARACTERS)
    if earlier:
        many = "1 alert" if earlier["count"] == 1 else f"{earlier['count']:,} alerts"
        reasons = ", ".join(f"{name} {count:,}" for name, count in earlier["reasons"].items())
        since = moment(earlier["since"])
        yield "note", f"{many} of this source suppressed since {since} ({printable(reasons)})"


def describe(found: Mapping[str, Any]) -> str:
    """Return an alert as a heading and indented lines, for terminals."""
    closed = found.get("status") == "closed"
    heading = f"{moment(found['time'])}  {printable(found['source'])}  score {found['score']:.2f}"
    if closed:
        heading += f"  closed: {found['close_reason']}"
    return "\n".join([heading, *(f"  {name:7} {text}" for name, text in parts(found))])


def moment(seconds: float) -> str:
    """Return a log time in UTC; log lines can hold dates that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return "-"


def duration(seconds: float) -> str:
    """Return a duration in the unit that suits it.

    >>> [duration(seconds) for seconds in (0.4, 75, 7300, 200_000)]
    ['1 s', '75 s', '122 min', '56 h']
    """
    if seconds < 120:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 3 * 3600 else f"{round(seconds / 3600)} h"
