"""Masks what a state has kept from before the rules that are on now."""

from __future__ import annotations

import json
import sqlite3
from typing import Any, Literal
from zlib import crc32

from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.shape import record, shapes
from tinylogbert_daemon.privacy import MASKED, SPOKEN, Masker
from tinylogbert_daemon.state.sums import seal_new


def scrub(db: sqlite3.Connection, masker: Masker | None) -> bool:
    """Mask samples, incidents, owed deliveries and verdicts, unless these rules have already.

    None says that from now on nothing is masked. Keys and counts stay. Returns whether anything was
    looked at; runs in the caller's transaction, and raises ``sqlite3.Error``.
    """
    rules = "" if masker is None else masker.fingerprint
    known = next(iter(db.execute("SELECT rules FROM privacy")), ("",))[0]
    if rules == known:
        return False
    if masker is not None:
        _shapes(db, masker)
        _incidents(db, masker)
        _deliveries(db, masker, "deliveries")
        _deliveries(db, masker, "dead")
        _feedback(db, masker)
        _owed(db, masker)
        seal_new(db, "incidents", "deliveries", "dead", "feedback", "owed")
    db.execute("INSERT OR REPLACE INTO privacy VALUES (1, ?)", (rules,))
    return True


def _shapes(db: sqlite3.Connection, masker: Masker) -> None:
    rows = db.execute("SELECT key, shape FROM texts WHERE length(shape) > 0")
    masked = [(masker.shape(shape), key, shape) for key, shape in rows]
    db.executemany(
        "UPDATE texts SET shape = ?, shape_sum = ? WHERE key = ?",
        [(new, crc32(new), key) for new, key, shape in masked if new is not shape],
    )


def _incidents(db: sqlite3.Connection, masker: Masker) -> None:
    changed = []
    for id_, last_line, first, storm in db.execute(
        "SELECT id, last_line, first, storm FROM incidents"
    ):
        opener = json.loads(first)
        _mask(opener, "first_line", masker)
        opener["last_line"] = masker.line(opener["last_line"])
        gathered = None if storm is None else json.loads(storm)
        for example in gathered["examples"] if gathered else ():
            _mask(example, "line", masker)
        row = (
            masker.line(last_line),
            json.dumps(opener),
            None if gathered is None else json.dumps(gathered),
        )
        if row != (last_line, first, storm):
            changed.append((*row, id_))
    db.executemany(
        "UPDATE incidents SET last_line = ?, first = ?, storm = ?, sum = NULL WHERE id = ?", changed
    )


def _deliveries(
    db: sqlite3.Connection, masker: Masker, table: Literal["deliveries", "dead"]
) -> None:
    rows = db.execute(f"SELECT number, body FROM {table}")  # noqa: S608
    masked = [(masked_alert(body, masker), number, body) for number, body in rows]
    changed = [(new, number) for new, number, body in masked if new != body]
    db.executemany(f"UPDATE {table} SET body = ?, sum = NULL WHERE number = ?", changed)  # noqa: S608


def masked_alert(body: str, masker: Masker) -> str:
    """Return an alert, one line of JSON, with the secrets of its lines masked.

    What has no line is returned as it is. Raises ``ValueError`` for what is no JSON, and
    ``TypeError``, ``AttributeError`` or ``KeyError`` for what is no alert.
    """
    alert = json.loads(body)
    if "log_text" not in alert:
        return body
    before = json.dumps(alert)
    _mask(alert, "log_text", masker)
    for name in ("message", "last_line"):
        alert[name] = masker.line(alert.get(name, ""))
    storm = alert.get("storm")
    for example in storm["examples"] if storm else ():
        _mask(example, "log_text", masker)
    after = json.dumps(alert)
    return body if after == before else after


def _feedback(db: sqlite3.Connection, masker: Masker) -> None:
    changed = []
    for number, sample, text in db.execute("SELECT number, sample, text FROM feedback"):
        fields = {"sample": sample, "text": text}
        _mask(fields, "sample", masker)
        if fields != {"sample": sample, "text": text}:
            changed.append((fields["sample"], fields["text"], number))
    db.executemany("UPDATE feedback SET sample = ?, text = ?, sum = NULL WHERE number = ?", changed)


def _owed(db: sqlite3.Connection, masker: Masker) -> None:
    changed = []
    for source, key, first, shape in db.execute("SELECT source, key, first, shape FROM owed"):
        opener = json.loads(first)
        _mask(opener, "first_line", masker)
        opener["last_line"] = masker.line(opener["last_line"])
        changed.append((json.dumps(opener), masker.shape(shape), source, key))
    db.executemany(
        "UPDATE owed SET first = ?, shape = ?, sum = NULL WHERE source = ? AND key = ?", changed
    )


def _mask(fields: dict[str, Any], name: str, masker: Masker) -> None:
    """Mask the raw line ``fields[name]``, and with it what explains it by its words."""
    line = fields[name]
    fields[name] = masker.line(line)
    (shape,) = shapes(record(line) + b"\n")
    masked = masker.shape(shape)
    if masked is shape:
        return
    text = normalize(masked)
    hidden = set(fields.get("text", "").split(" ")) - set(text.split(" "))
    fields["text"] = text
    if fields.get("nearest"):
        fields["nearest"] = None
    if "reason" in fields:
        for word in hidden:
            fields["reason"] = fields["reason"].replace(f'"{word}"', SPOKEN)
    for place, word in enumerate(fields.get("words", ())):
        if isinstance(word, dict):
            word["word"] = MASKED if word["word"] in hidden else word["word"]
        elif word[0] in hidden:
            fields["words"][place] = [MASKED, word[1]]
