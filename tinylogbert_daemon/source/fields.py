"""Records that are pairs of keys and values: JSON lines, logfmt, the journal's export.

Which key holds what is a matter of habit: each list names the keys that loggers use, the surest
first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

TIME_KEYS = (
    *("__REALTIME_TIMESTAMP", "@timestamp", "timestamp", "time", "ts", "t", "@t", "datetime"),
    *("date", "eventTime", "asctime", "epoch", "start_time"),
)
LEVEL_KEYS = (
    *("PRIORITY", "level", "lvl", "severity", "levelname", "log.level", "loglevel", "sev", "@l"),
)
MESSAGE_KEYS = ("MESSAGE", "message", "msg", "@m", "event", "log", "text", "short_message")

_NESTED = ("log", "attributes", "fields")  # of JSON: {"log": {"level": …}}
_PAIR = re.compile(
    rb"(?P<key>[A-Za-z_@][\w.@/-]{0,63})="
    rb'(?:"(?P<text>(?:[^"\\]|\\.){0,4096})"|(?P<word>[^\s"]{0,4096}))(?: |\Z)'
)
_LEAST_PAIRS = 3
_MOST_PAIRS = 64
_ESCAPE = re.compile(rb'\\(["\\])')
_EXPORT = re.compile(rb"(?:\A|[ \x00])(__REALTIME_TIMESTAMP|PRIORITY|MESSAGE)=")
_EXPORTED = re.compile(rb"\A_{0,2}[A-Z][A-Z0-9_]{0,63}=")
_KEPT = 65_536


def from_json(record: bytes) -> dict[str, Any] | None:
    """Return the object that a record is, what is nested in it under its dotted names, or None."""
    line = record[:_KEPT].strip()
    if not (line.startswith(b"{") and line.endswith(b"}")):
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    for name in _NESTED:
        inner = found.get(name)
        if isinstance(inner, dict):
            found = {**inner, **{f"{name}.{key}": value for key, value in inner.items()}, **found}
    return found


def from_logfmt(record: bytes) -> dict[str, Any] | None:
    """Return the pairs of a record that begins with at least three of them, or None."""
    found: dict[str, Any] = {}
    at = 0
    while len(found) < _MOST_PAIRS and (pair := _PAIR.match(record, at)):
        value = pair["word"] if pair["text"] is None else _ESCAPE.sub(rb"\1", pair["text"])
        found.setdefault(pair["key"].decode(), value.decode("utf-8", "replace"))
        at = pair.end()
    return found if len(found) >= _LEAST_PAIRS else None


def from_export(record: bytes) -> dict[str, Any] | None:
    """Return the fields of the journal's export that are of use, or None.

    A field is a line, so a record may hold one of them or, where the lines of an entry are joined,
    all.
    """
    if not _EXPORTED.match(record):
        return None
    found: dict[str, Any] = {}
    for field in _EXPORT.finditer(record[:_KEPT]):
        name = field[1].decode()
        rest = record[field.end() : _KEPT]
        # of a message nobody can say where it ends among joined lines, but that a field follows it
        following = re.search(rb" _{0,2}[A-Z][A-Z0-9_]{1,63}=", rest)
        value = rest[: following.start()] if following else rest
        found.setdefault(name, value.decode("utf-8", "replace"))
    return found


def first(found: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[str, str | int | float] | None:
    """Return the first of ``keys`` that is there, with its value, if that is text or a number."""
    for key in keys:
        value = found.get(key)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
            return key, value
    return None
