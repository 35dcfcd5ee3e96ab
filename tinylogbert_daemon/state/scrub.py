"""Masks what a state has kept from before the rules that are on now."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.shape import record, shapes
from tinylogbert_daemon.privacy import MASKED, SPOKEN, Masker


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
        _deliveries(db, masker)
        _owed(db, masker)
    db.execute("INSERT OR REPLACE INTO privacy VALUES (1, ?)", (rules,))
    return True


def _shapes(db: sqlite3.Connection, masker: Masker) -> None:
    rows = db.execute("SELECT key, shape FROM texts WHERE length(shape) > 0")
    masked = [(masker.shape(shape), key, shape) for key, shape in rows]
    db.executemany(
        "UPDATE texts SET shape = ? WHERE key = ?",
        [(new, key) for new, key, shape in masked if new is not shape],
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
    db.executemany("UPDATE incidents SET last_line = ?, first = ?, storm = ? WHERE id = ?", changed)


def _deliveries(db: sqlite3.Connection, masker: Masker) -> None:
    changed = []
    for number, body in db.execute("SELECT number, body FROM deliveries"):
        alert = json.loads(body)
        if "log_text" not in alert:
            continue
        _mask(alert, "log_text", masker)
        for name in ("last_line", "message"):
            alert[name] = masker.line(alert.get(name, ""))
        storm = alert.get("storm")
        for example in storm["examples"] if storm else ():
            _mask(example, "log_text", masker)
        if (new := json.dumps(alert)) != body:
            changed.append((new, number))
    db.executemany("UPDATE deliveries SET body = ? WHERE number = ?", changed)


def _owed(db: sqlite3.Connection, masker: Masker) -> None:
    changed = []
    for source, key, first, shape in db.execute("SELECT source, key, first, shape FROM owed"):
        opener = json.loads(first)
        _mask(opener, "first_line", masker)
        opener["last_line"] = masker.line(opener["last_line"])
        changed.append((json.dumps(opener), masker.shape(shape), source, key))
    db.executemany("UPDATE owed SET first = ?, shape = ? WHERE source = ? AND key = ?", changed)


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
