"""Incidents as people look for them: filtered, page by page, the newest first."""

from __future__ import annotations

import base64
import binascii
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tinylogbert_daemon.decide.incident import Incident
from tinylogbert_daemon.errors import FeedbackError
from tinylogbert_daemon.state.rows import incident, incident_columns

PAGE = 50
"""Incidents of one page, unless another number is asked for."""

LARGEST_PAGE = 500


@dataclass(frozen=True, slots=True)
class Filter:
    """Which incidents: each field that is not None (or empty) leaves out those that differ.

    ``since`` is a log time in seconds: those seen at or after it. ``search`` is looked for in the
    lines, the text and the reason, without regard to the case of ASCII letters.
    """

    source: str | None = None
    is_open: bool | None = None
    is_muted: bool | None = None
    since: float | None = None
    search: str = ""


def find(
    db: sqlite3.Connection, filter_: Filter, limit: int = PAGE, cursor: str | None = None
) -> tuple[list[Incident], str | None]:
    """Return a page of incidents and the cursor of the next one, None after the last.

    Raises :class:`FeedbackError` for a cursor that is none.
    """
    columns = incident_columns(db)
    conditions, values = ["1"], list[Any]()
    if filter_.source is not None:
        conditions.append("source = ?")
        values.append(filter_.source)
    if filter_.is_open is not None:
        conditions.append(f"closed IS {'' if filter_.is_open else 'NOT '}NULL")
    if filter_.is_muted is not None:
        muted = "muted" if "muted" in columns else "NULL"
        conditions.append(f"{muted} IS {'NOT ' if filter_.is_muted else ''}NULL")
    if filter_.since is not None:
        conditions.append("last_seen >= ?")
        values.append(filter_.since)
    if filter_.search:
        places = [f"json_extract(first, '$.{name}')" for name in ("first_line", "text", "reason")]
        looks = [f"instr(lower({place}), lower(?)) > 0" for place in (*places, "last_line")]
        conditions.append(f"({' OR '.join(looks)})")
        values += [filter_.search] * len(looks)
    if cursor is not None:
        conditions.append("(opened, id) < (?, ?)")
        values += _place(cursor)
    rows: Sequence[Any] = db.execute(
        f"SELECT {columns} FROM incidents WHERE {' AND '.join(conditions)} "  # noqa: S608
        "ORDER BY opened DESC, id DESC LIMIT ?",
        (*values, limit + 1),
    ).fetchall()
    found = [incident(*row) for row in rows[:limit]]
    return found, _cursor(found[-1]) if len(rows) > limit else None


def one(db: sqlite3.Connection, id_: str) -> Incident | None:
    """Return the incident with an id, None if there is none."""
    rows = db.execute(
        f"SELECT {incident_columns(db)} FROM incidents WHERE id = ?",  # noqa: S608
        (id_,),
    ).fetchall()
    return incident(*rows[0]) if rows else None


def lines_by_source(db: sqlite3.Connection) -> dict[str, int]:
    """Return the committed physical lines by source."""
    return dict(db.execute("SELECT source, SUM(committed) FROM files GROUP BY source"))


def _cursor(last: Incident) -> str:
    return base64.urlsafe_b64encode(json.dumps([last.opened, last.id]).encode()).decode()


def _place(cursor: str) -> tuple[float, str]:
    try:
        opened, id_ = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return float(opened), str(id_)
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise FeedbackError("the cursor is none of ours; leave it out to begin anew") from error
