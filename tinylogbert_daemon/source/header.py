"""A record's header: which format it has, and what time, level and message that gives it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import Any, NamedTuple

from tinylogbert_daemon.levels import (
    LEVEL_OF_LETTER,
    LEVEL_OF_SEVERITY,
    LEVEL_OF_SIGN,
    LEVEL_OF_WORD,
)
from tinylogbert_daemon.source import dates, fields, logtime
from tinylogbert_daemon.source.formats import FORMATS, Format

HEAD_BYTES = 4096
"""How much of a record is looked at for its header."""

_BUNYAN = {10: "debug", 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "fatal"}
_DIALECT = {"log": "info", "statement": "info", "detail": "info", "hint": "info", "config": "info"}


class Header(NamedTuple):
    """``time`` in seconds since the epoch; ``level`` is one of :mod:`tinylogbert_daemon.levels`.

    None where the record does not say. ``message`` is what is left of the record.
    """

    format: str
    time: float | None
    level: str | None
    message: bytes


def read(record: bytes, now: float, zone: tzinfo | None = None, format: str = "") -> Header | None:
    """Return the header of a record, or None if it has none of a known format.

    Only ``format`` is looked for if it is named. ``now`` (seconds) and ``zone`` are those of
    :func:`~tinylogbert_daemon.source.dates.seconds`. Never raises, whatever the bytes.

    >>> read(b"2025-01-29T00:36:34Z web nginx[7]: gone", 1.8e9)
    Header(format='syslog-3164', time=1738110994.0, level=None, message=b'gone')
    """
    head = record[:HEAD_BYTES]
    for one in FORMATS:
        if format in ("", one.name) and (match := one.pattern.match(head)):
            return _of_match(one, match, record, now, zone)
    for names, parse in _PAIRS:
        if (not format or format in names) and (found := parse(record)) is not None:
            made = _of_fields(found, names, record, now, zone)
            if format in ("", made.format):
                return made
    return None


def _of_match(one: Format, match: Any, record: bytes, now: float, zone: tzinfo | None) -> Header:
    parts: dict[str, bytes | None] = match.groupdict()
    message = record[match.start("message") :].rstrip(b"\r\n")
    time = _time(parts, now, zone) if parts.get("S") or parts.get("epoch") else None
    header = Header(one.name, time, _level(parts), message)
    inner = read(message, now, zone) if one.nested else None
    return header if inner is None else header._replace(level=inner.level, message=inner.message)


def _time(parts: dict[str, bytes | None], now: float, zone: tzinfo | None) -> float | None:
    try:
        return dates.seconds(parts, now, zone)
    except (ValueError, OverflowError, OSError):  # no such day, or one that is yet to come
        return None


def _level(parts: dict[str, bytes | None]) -> str | None:
    def get(name: str) -> str:
        return (parts.get(name) or b"").decode("ascii", "replace")

    if word := get("level").lower():
        # an audit that failed is no failure of the host
        return LEVEL_OF_WORD.get(word) or _DIALECT.get(word)
    if letter := get("letter"):
        return LEVEL_OF_LETTER[letter]
    if sign := get("sign"):
        return LEVEL_OF_SIGN[sign]
    priority = get("priority")
    return LEVEL_OF_SEVERITY[int(priority) % 8] if priority and int(priority) < 192 else None


def _of_fields(
    found: dict[str, Any],
    names: tuple[str, ...],
    record: bytes,
    now: float,
    zone: tzinfo | None,
) -> Header:
    is_docker = len(names) > 1 and {"log", "stream", "time"} <= found.keys()
    name = names[1] if is_docker else names[0]
    time = fields.first(found, fields.TIME_KEYS)
    level = fields.first(found, fields.LEVEL_KEYS)
    message = fields.first(found, ("log",) if is_docker else fields.MESSAGE_KEYS)
    text = record if message is None else str(message[1]).encode("utf-8", "replace")
    header = Header(
        name,
        None if time is None else _time_of(time[1], now, zone),
        None if level is None else _level_of(*level),
        text.rstrip(b"\r\n"),
    )
    inner = read(header.message, now, zone) if is_docker else None
    return header if inner is None else header._replace(level=inner.level, message=inner.message)


def _time_of(value: str | int | float, now: float, zone: tzinfo | None) -> float | None:
    # logtime knows a number for a time where it stands alone
    return logtime.parse(f"{value} ".encode("utf-8", "replace"), now, zone)


def _level_of(key: str, value: str | int | float) -> str | None:
    word = str(value).strip().lower()
    if word.isascii() and word.isdigit():
        number = int(word[:3])
        if number < len(LEVEL_OF_SEVERITY) and key in ("PRIORITY", "level", "severity"):
            return LEVEL_OF_SEVERITY[number]
        return _BUNYAN.get(number)
    return LEVEL_OF_WORD.get(word) or LEVEL_OF_WORD.get(word.rstrip("0123456789"))


_PAIRS: tuple[tuple[tuple[str, ...], Callable[[bytes], dict[str, Any] | None]], ...] = (
    (("json", "docker-json"), fields.from_json),
    (("journal-export",), fields.from_export),
    (("logfmt",), fields.from_logfmt),
)
