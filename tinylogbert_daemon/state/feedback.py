"""Feedback in the state: recorded, undone, exported and imported; nothing is changed otherwise."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tinylogbert_daemon.decide.feedback import NEAR, Feedback, Kind
from tinylogbert_daemon.errors import FeedbackError, UnknownError
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.shape import record, shapes
from tinylogbert_daemon.privacy import Masker
from tinylogbert_daemon.state.schema import FEEDBACK_VERSION
from tinylogbert_daemon.state.sums import seal

FEEDBACK_KEPT = 10_000
"""How many entries the state holds, those that were undone or have expired included."""

SAMPLE_CHARACTERS = 2048

_COLUMNS = "kind, key, text, sample, near, created, expires, author, note, undone, undone_by"


@dataclass(frozen=True, slots=True)
class Asked:
    """Feedback as somebody gives it: on the text of an ``incident``, or of a line ``log_text``.

    ``near``: on near texts too, from the cosine ``similarity`` on. ``seconds`` None: for good.
    """

    kind: Kind
    incident: str | None = None
    log_text: str | None = None
    near: bool = False
    similarity: float = NEAR
    seconds: float | None = None
    author: str = ""
    note: str = ""


def describe(db: sqlite3.Connection, asked: Asked, now: float, masker: Masker | None) -> Feedback:
    """Return what is to be recorded, with number 0; raises :class:`FeedbackError`.

    ``masker`` masks the secrets of a line; None keeps it as it is.
    """
    if asked.kind == "mute" and asked.seconds is None:
        raise FeedbackError("a mute is for a time; give one, or say that the text is normal")
    key, text, sample = _subject(db, asked, masker)
    return Feedback(
        number=0,
        kind=asked.kind,
        key=key,
        text=text,
        sample=sample[:SAMPLE_CHARACTERS],
        near=asked.similarity if asked.near else None,
        created=now,
        expires=None if asked.seconds is None else now + asked.seconds,
        author=asked.author,
        note=asked.note,
    )


def _subject(db: sqlite3.Connection, asked: Asked, masker: Masker | None) -> tuple[int, str, str]:
    """Return key, text and sample line of what feedback is on."""
    if (asked.incident is None) == (asked.log_text is None):
        raise FeedbackError("name one of the two: an incident, or a line")
    if asked.log_text is None:
        row = db.execute(
            "SELECT key, json_extract(first, '$.text'), json_extract(first, '$.first_line') "
            "FROM incidents WHERE id = ?",
            (asked.incident,),
        ).fetchone()
        if row is None:
            raise UnknownError("no incident has that id; `tinylogbert incidents` lists them")
        return int(row[0]), str(row[1]), str(row[2])
    (shape,) = shapes(record(asked.log_text) + b"\n")
    text = normalize(shape)
    if not text:
        raise FeedbackError("the line is empty to the model; there is nothing to say of it")
    key = _text_key(text)
    if masker is not None:
        text = normalize(masker.shape(shape))
        return key, text, masker.line(asked.log_text)
    return key, text, asked.log_text


def _text_key(text: str) -> int:
    # loads torch: whoever only reads feedback does without
    from tinylogbert_daemon.model.scorer import text_key  # noqa: PLC0415

    return text_key(text)


def renewed(entry: Feedback) -> Feedback:
    """Return ``entry`` with the key that its sample has under this version's normaliser.

    Where a secret is masked in the sample its text is no longer that of the lines that are meant:
    then the key stays.
    """
    (shape,) = shapes(record(entry.sample) + b"\n")
    text = normalize(shape)
    if not text or text == entry.text or "[masked" in entry.sample:
        return entry
    return replace(entry, key=_text_key(text), text=text)


def add(db: sqlite3.Connection, entries: Sequence[Feedback]) -> list[Feedback]:
    """Record ``entries`` and return them with their numbers; one that is there already is not.

    Runs in the caller's transaction. Raises :class:`FeedbackError` where there are too many.
    """
    (held,) = db.execute("SELECT COUNT(*) FROM feedback").fetchone()
    if held + len(entries) > FEEDBACK_KEPT:
        raise FeedbackError(
            f"the state holds {held:,} entries of feedback, {FEEDBACK_KEPT:,} is the most; "
            "old ones go after decision.retention_days"
        )
    added = []
    for entry in entries:
        known = db.execute(
            "SELECT number FROM feedback WHERE kind = ? AND key = ? AND created = ? AND near IS ?",
            (entry.kind, entry.key, entry.created, entry.near),
        ).fetchone()
        if known is None:
            cursor = db.execute(
                f"INSERT INTO feedback ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
                _values(entry),
            )
            added.append(replace(entry, number=int(cursor.lastrowid or 0)))
    seal(db, "feedback", [(entry.number,) for entry in added])
    return added


def undo(db: sqlite3.Connection, number: int, author: str, now: float) -> Feedback:
    """Mark an entry as undone and return it; raises :class:`FeedbackError` if there is none."""
    found = entries(db, number=number)
    if not found:
        raise UnknownError(f"no feedback has the number {number}; `tinylogbert feedback list`")
    if found[0].undone is not None:
        raise FeedbackError(f"feedback {number} is undone already")
    db.execute(
        "UPDATE feedback SET undone = ?, undone_by = ? WHERE number = ?", (now, author, number)
    )
    seal(db, "feedback", [(number,)])
    return replace(found[0], undone=now, undone_by=author)


def entries(
    db: sqlite3.Connection,
    *,
    number: int | None = None,
    active_at: float | None = None,
    before: int | None = None,
    limit: int = FEEDBACK_KEPT,
) -> list[Feedback]:
    """Return entries, the newest first: all, one ``number``, those before it, or the active ones.

    A state of a version that knew no feedback has none.
    """
    if db.execute("PRAGMA user_version").fetchone()[0] < FEEDBACK_VERSION:
        return []
    conditions, values = ["1"], list[Any]()
    if number is not None:
        conditions.append("number = ?")
        values.append(number)
    if before is not None:
        conditions.append("number < ?")
        values.append(before)
    if active_at is not None:
        conditions.append("undone IS NULL AND (expires IS NULL OR expires > ?)")
        values.append(active_at)
    rows = db.execute(
        f"SELECT number, {_COLUMNS} FROM feedback "  # noqa: S608
        f"WHERE {' AND '.join(conditions)} ORDER BY number DESC LIMIT ?",
        (*values, limit),
    )
    return [Feedback(*row) for row in rows]


def _values(entry: Feedback) -> tuple[Any, ...]:
    return (
        entry.kind,
        entry.key,
        entry.text,
        entry.sample,
        entry.near,
        entry.created,
        entry.expires,
        entry.author,
        entry.note,
        entry.undone,
        entry.undone_by,
    )
